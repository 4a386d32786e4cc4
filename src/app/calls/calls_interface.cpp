#include "app/calls/calls_interface.hpp"

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/calls/ask_store.hpp"
#include "app/calls/call_json.hpp"
#include "app/calls/new_calls.hpp"
#include "app/common/wall_clock.hpp"
#include "app/gateway/own_error.hpp"
#include "understudy/error.hpp"
#include "wire/answer.hpp"
#include "wire/json_text.hpp"
#include "wire/method_name.hpp"
#include "wire/utf8.hpp"

namespace understudy::app {

namespace asio = boost::asio;

namespace {

constexpr std::size_t calls_max = 1000;  // of one enqueueMany
constexpr std::int64_t wait_max_ms = 86'400'000;

constexpr std::string_view description =
    R"({"enqueue":{"parameters":[{"name":"method","type":"string"},)"
    R"({"name":"params","type":"array"},)"
    R"({"name":"options","type":"array","default":[]}],"returnType":"string",)"
    R"("comment":"Stores a call to be done once; its ticket. Options: key, delay_ms, deadline_ms, )"
    R"(priority, order_by."},)"
    R"("enqueueMany":{"parameters":[{"name":"calls","type":"array"}],"returnType":"array",)"
    R"("comment":"Each call is [method, params, options]; their tickets, in order."},)"
    R"("state":{"parameters":[{"name":"ticket","type":"string"}],"returnType":"array",)"
    R"("comment":"@idempotent"},)"
    R"("result":{"parameters":[{"name":"ticket","type":"string"},{"name":"wait_ms","type":"int",)"
    R"("default":0}],"returnType":null,"comment":"@idempotent"},)"
    R"("cancel":{"parameters":[{"name":"ticket","type":"string"}],"returnType":"bool",)"
    R"("comment":"@idempotent"},)"
    R"("retry":{"parameters":[{"name":"ticket","type":"string"}],"returnType":"bool",)"
    R"("comment":"@idempotent"}})";

routed invalid(std::string_view message) {
  return own_error(code::invalid_params, message);
}

routed result_of(std::string_view json) {
  routed answer;
  wire::append_result(answer.body, json);
  return answer;
}

routed truth(bool value) {
  return result_of(value ? "true" : "false");
}

routed silent_store() {
  return own_error(code::outcome_unknown, "The store does not answer.");
}

// Parameters by place or by name; empty where one is left out.
template <std::size_t Count>
std::array<std::string_view, Count> parameters(std::string_view params,
                                               const std::array<std::string_view, Count>& names) {
  std::array<std::string_view, Count> values;
  const bool by_name = wire::kind_of(params) == wire::json_kind::object;
  std::size_t place = 0;
  wire::for_each_member(params, [&](const wire::json_member& member) {
    for (std::size_t i = 0; i < Count; ++i) {
      if (by_name ? wire::key_is(member, names.at(i)) : i == place) values.at(i) = member.value;
    }
    ++place;
    return true;
  });
  return values;
}

// [method, params, options] as one object: the form that is read elsewhere, too.
std::string object_of(std::string_view method, std::string_view params, std::string_view options) {
  std::string object = "{\"method\":";
  object += method.empty() ? "null" : method;
  if (!params.empty()) object.append(",\"params\":").append(params);
  const auto inner = options.size() > 2 && options.front() == '{'
                         ? options.substr(1, options.size() - 2)
                         : std::string_view();
  if (inner.find_first_not_of(" \t\r\n") != std::string_view::npos) {
    object.append(",").append(inner);
  }
  return object + '}';
}

std::variant<new_order, wish_refused> read_order(std::string_view method, std::string_view params,
                                                 std::string_view options, const call_desk& desk) {
  const auto kind = wire::kind_of(options.empty() ? "[]" : options);
  const bool is_map = kind == wire::json_kind::object || options.empty() || options == "[]";
  if (!is_map)
    return wish_refused{code::invalid_params, "options is a map, such as [\"key\" => 1]."};
  return read_new_call(object_of(method, params, options), desk.rules(), wall_now());
}

asio::awaitable<routed> enqueue(std::shared_ptr<call_desk> desk, std::string_view params) {
  const auto given = parameters<3>(params, {"method", "params", "options"});
  auto read = read_order(given[0], given[1], given[2], *desk);
  if (const auto* wrong = std::get_if<wish_refused>(&read)) {
    co_return own_error(wrong->code, wrong->message);
  }
  auto accepted = co_await desk->accept(std::move(std::get<new_order>(read).call));
  if (auto* refused = std::get_if<routed>(&accepted)) co_return std::move(*refused);
  co_return result_of("\"" + desk->ticket(std::get<store::call_id>(accepted)) + "\"");
}

// All are read before one is stored. They become durable together, as a rule; where one is refused
// the answer says how many before it were taken.
asio::awaitable<routed> enqueue_many(std::shared_ptr<call_desk> desk, std::string_view params) {
  const auto given = parameters<1>(params, {"calls"});
  if (wire::kind_of(given[0].empty() ? "null" : given[0]) != wire::json_kind::array) {
    co_return invalid("calls is a list of [method, params, options].");
  }
  std::vector<store::new_call> calls;
  std::optional<routed> wrong;
  wire::for_each_member(given[0], [&](const wire::json_member& member) {
    const auto one = parameters<3>(member.value, {"method", "params", "options"});
    auto read = read_order(one[0], one[1], one[2], *desk);
    if (const auto* refused = std::get_if<wish_refused>(&read)) {
      wrong = own_error(refused->code, "Call " + std::to_string(calls.size()) + ": " +
                                           refused->message + " None was stored.");
    } else if (calls.size() == calls_max) {
      wrong = invalid("At most 1000 calls at a time. None was stored.");
    } else {
      calls.push_back(std::move(std::get<new_order>(read).call));
    }
    return !wrong;
  });
  if (wrong) co_return *std::move(wrong);
  auto accepted = co_await desk->accept_all(std::move(calls));
  if (auto* refused = std::get_if<routed>(&accepted)) co_return std::move(*refused);
  std::string tickets;
  for (const store::call_id id : std::get<std::vector<store::call_id>>(accepted)) {
    tickets += tickets.empty() ? "[\"" : ",\"";
    tickets.append(desk->ticket(id)).append("\"");
  }
  co_return result_of(tickets.empty() ? "[]" : tickets + "]");
}

asio::awaitable<routed> state(std::shared_ptr<call_desk> desk, store::call_id id) {
  using found = std::optional<store::call_view>;
  const auto ask = [&](auto answered) { desk->store()->look(id, std::move(answered)); };
  const auto view = co_await ask_store<found>(desk->home(), ask, desk->patience());
  if (!view) co_return silent_store();
  if (!*view) co_return invalid("There is no call with this ticket.");
  std::string json;
  append_call(json, **view, desk->store()->tag());
  co_return result_of(json);
}

asio::awaitable<routed> cancel(std::shared_ptr<call_desk> desk, store::call_id id) {
  using found = std::optional<store::call_state>;
  const auto ask = [&](auto answered) { desk->store()->cancel(id, std::move(answered)); };
  const auto after = co_await ask_store<found>(desk->home(), ask, desk->patience());
  if (!after) co_return silent_store();
  co_return truth(*after == store::call_state::cancelled);
}

asio::awaitable<routed> retry(std::shared_ptr<call_desk> desk, store::call_id id) {
  using found = std::optional<store::call_id>;
  const auto ask = [&](auto answered) { desk->store()->retry(id, false, std::move(answered)); };
  const auto after = co_await ask_store<found>(desk->home(), ask, desk->patience());
  if (!after) co_return silent_store();
  co_return truth(after->has_value());
}

}  // namespace

wire::service_description describe_calls_service() {
  wire::service_description service;
  service.name = calls_service;
  service.text = description;
  return service;
}

asio::awaitable<routed> serve_calls_service(std::shared_ptr<call_desk> desk,
                                            const wire::request& request) {
  if (!desk->store()) co_return own_error(code::overloaded, "The gateway is about to end.");
  const std::string method = wire::fold_method(request.name());
  if (method == "enqueue") co_return co_await enqueue(desk, request.params);
  if (method == "enqueuemany") co_return co_await enqueue_many(desk, request.params);
  const bool with_ticket =
      method == "state" || method == "result" || method == "cancel" || method == "retry";
  if (!with_ticket) {
    co_return own_error(code::method_not_found,
                        "CallsInterface has no method " + wire::utf8_excerpt(request.name(), 100) +
                            ": there are enqueue, enqueueMany, state, result, cancel and retry.");
  }
  const auto given = parameters<2>(request.params, {"ticket", "wait_ms"});
  const auto id = store::parse_ticket(
      desk->store()->tag(), given[0].empty() ? std::string() : wire::decode_string(given[0]));
  if (!id) co_return invalid("There is no call with this ticket.");
  if (method == "state") co_return co_await state(desk, *id);
  if (method == "cancel") co_return co_await cancel(desk, *id);
  if (method == "retry") co_return co_await retry(desk, *id);
  const auto wait = given[1].empty() ? 0 : wire::decode_int(given[1]).value_or(-1);
  if (wait < 0 || wait > wait_max_ms) co_return invalid("wait_ms is a whole number, not below 0.");
  co_return co_await desk->result(*id, std::chrono::milliseconds(wait));
}

}  // namespace understudy::app
