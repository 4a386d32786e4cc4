#include "app/calls/new_calls.hpp"

#include <utility>

#include "app/calls/stored_place.hpp"
#include "app/calls/stored_text.hpp"
#include "understudy/error.hpp"
#include "wire/json_text.hpp"
#include "wire/request.hpp"

namespace understudy::app {

namespace {

wish_refused invalid(std::string message) {
  return {code::invalid_params, std::move(message)};
}

}  // namespace

store::new_call stored_form(const wire::request& request, stored_wishes wished,
                            std::string_view only) {
  store::new_call call;
  call.service = stored_service(only, request.service());
  call.method = request.method;
  call.params = request.params;
  call.context = kept_context(request.context);
  call.terms = wished.terms;
  call.due = wished.due;
  call.order = std::move(wished.order);
  call.webhook = std::move(wished.webhook);
  if (!wished.key.empty()) {
    call.key_print = key_print(only, request.method, wished.key);
    call.content_print = content_print(request.method, request.params);
    call.key = std::move(wished.key);
  }
  return call;
}

std::variant<new_order, wish_refused> read_new_call(std::string_view object,
                                                    const call_rules& rules, core::wall_time now) {
  if (wire::kind_of(object) != wire::json_kind::object) {
    return invalid("A call to store is an object: {\"method\": ..., \"params\": [...]}.");
  }
  std::string method;
  std::string_view params = "[]";
  std::string_view context = "[]";
  std::string wished = "{";
  bool method_given = false;
  wire::for_each_member(object, [&](const wire::json_member& member) {
    if (wire::key_is(member, "method")) {
      method_given = wire::kind_of(member.value) == wire::json_kind::string;
      method = wire::decode_string(member.value);
    } else if (wire::key_is(member, "params")) {
      params = member.value;
    } else if (wire::key_is(member, "context")) {
      context = member.value;
    } else {
      if (wished.size() > 1) wished += ',';
      wished.append("\"").append(member.key).append("\":").append(member.value);
    }
    return true;
  });
  wished += '}';
  if (!method_given) return invalid("method is a text, Interface@method.");
  if (wire::find_member(context, "understudy")) {
    return invalid("What the context's member understudy would say stands beside the method here.");
  }
  auto asked = read_wish_members(wished, "");
  if (auto* refused = std::get_if<wish_refused>(&asked)) return std::move(*refused);
  auto& wanted = std::get<call_wishes>(asked);
  if (wanted.mode == core::call_mode::direct) return invalid("mode is durable or queued here.");

  // As a request it is read by the rules that hold for those.
  std::string body;
  wire::append_request(body, method, params, context);
  const auto parsed = wire::parse_request(body);
  if (const auto* wrong = std::get_if<wire::request_error>(&parsed)) {
    return wish_refused{wrong->code, wrong->message};
  }
  const auto& request = std::get<wire::request>(parsed);
  new_order order;
  order.waits = wanted.wait.has_value();
  auto settled = rules.store(request, body, std::move(wanted), core::call_mode::queued, now);
  if (auto* refused = std::get_if<wish_refused>(&settled)) return std::move(*refused);
  auto& terms = std::get<stored_wishes>(settled);
  order.wait = terms.wait;
  order.call = stored_form(request, std::move(terms), {});
  return order;
}

}  // namespace understudy::app
