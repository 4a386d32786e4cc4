#include "app/gateway/http_rpc.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <memory>
#include <variant>

#include "app/admin/already.hpp"
#include "app/calls/call_wishes.hpp"
#include "app/gateway/caller.hpp"
#include "net/http_head.hpp"
#include "understudy/error.hpp"
#include "wire/answer.hpp"
#include "wire/json_text.hpp"

namespace understudy::app {
namespace {

namespace asio = boost::asio;

constexpr std::string_view retry_no = R"({"retry":false})";
constexpr std::string_view retry_yes = R"({"retry":true})";

struct rpc_answer {
  std::string body;  // empty: a notification, not answered
  int status = 200;
  std::int64_t retry_after_s = 0;
};

rpc_answer own_error(std::int64_t code, std::string_view message, std::string_view id = "null",
                     std::string_view data = retry_no) {
  rpc_answer answer;
  answer.status = wire::http_status(code);
  wire::append_error(answer.body, code, message, data, id);
  return answer;
}

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// JSON-RPC's ids: a string, a number or null.
bool is_id(std::string_view raw) {
  const auto kind = wire::kind_of(raw);
  return kind == wire::json_kind::string || kind == wire::json_kind::number ||
         kind == wire::json_kind::null;
}

bool asks_for_file(std::string_view params) {
  // However it is written, it has one of these.
  if (params.find('@') == params.npos && params.find('\\') == params.npos) return false;
  bool found = false;
  wire::for_each_member(params, [&found](const wire::json_member& member) {
    found = wire::kind_of(member.value) == wire::json_kind::string &&
            wire::decode_string(member.value) == "@file";
    return !found;
  });
  return found;
}

// What cannot be routed is answered: an error, or nothing to a notification.
std::variant<wire::request, rpc_answer> read_request(std::string_view text) {
  if (wire::kind_of(text) != wire::json_kind::object) {
    return wire::json_valid(text) ? own_error(code::invalid_request, "A request is a JSON object.")
                                  : own_error(code::parse_error, "The body is not JSON.");
  }
  auto parsed = wire::parse_request(text);
  auto* request = std::get_if<wire::request>(&parsed);
  const auto* error = std::get_if<wire::request_error>(&parsed);
  const auto id = request != nullptr ? request->id : error->id;
  if (!id.empty() && !is_id(id)) {
    return own_error(code::invalid_request, "An id is a string, a number or null.");
  }
  const auto answer_id = id.empty() ? std::string_view("null") : id;
  if (error != nullptr) {
    if (error->code == code::parse_error) return own_error(error->code, "The body is not JSON.");
    const auto method = wire::find_member(text, "method");
    if (!method || wire::kind_of(*method) != wire::json_kind::string) {
      return own_error(code::invalid_request, "A request has a method, a string.", answer_id);
    }
    return id.empty() ? rpc_answer{} : own_error(error->code, error->message, id);
  }
  if (asks_for_file(request->params)) {
    return id.empty() ? rpc_answer{}
                      : own_error(code::invalid_params,
                                  "Files cannot be sent over HTTP: call this method through the "
                                  "think-swoole port.",
                                  id);
  }
  return std::move(*request);
}

// The router's answer under the caller's id.
rpc_answer format_answer(const routed& from, std::string_view id) {
  if (!from.files.empty()) {
    return own_error(code::not_allowed,
                     "The call has run; its result is a file, which cannot be returned over HTTP: "
                     "call this method through the think-swoole port.",
                     id);
  }
  rpc_answer answer;
  if (from.payload.bytes > 0) {
    const auto payload = std::string_view(from.body).substr(from.payload.at, from.payload.bytes);
    wire::append_with_id(answer.body, payload, from.error, id);
  } else {
    const auto parsed = wire::parse_answer(from.body);
    if (!parsed) return own_error(code::outcome_unknown, "The server's answer is unreadable.", id);
    wire::append_with_id(answer.body, *parsed, id);
  }
  if (from.own) {
    answer.status = wire::http_status(from.code);
    if (from.code == code::no_server || from.code == code::overloaded) {
      answer.retry_after_s = std::max<std::int64_t>(1, (from.retry_after_ms + 999) / 1000);
    }
  }
  return answer;
}

// `text` outlives the call.
asio::awaitable<rpc_answer> answer_one(router& routes, std::string_view text, route_terms terms) {
  auto read = read_request(text);
  if (auto* refused = std::get_if<rpc_answer>(&read)) co_return std::move(*refused);
  const auto& request = std::get<wire::request>(read);
  std::vector<std::string_view> no_files;
  const routed answer = co_await routes.route(request, text, std::move(no_files), terms);
  if (request.id.empty()) co_return rpc_answer();
  co_return format_answer(answer, request.id);
}

// One batch while it runs; the workers share it, all on one thread.
struct batch {
  router& routes;
  const route_terms terms;
  const rpc_limits limits;
  std::vector<std::string_view> elements;
  std::vector<std::string> answers;
  asio::steady_timer ended;
  std::size_t next = 0;
  std::size_t workers = 0;
  std::size_t bytes = 0;
  std::exception_ptr failure;

  batch(router& to, route_terms given, rpc_limits limited, std::vector<std::string_view> requests,
        const asio::any_io_executor& executor)
      : routes(to),
        terms(given),
        limits(limited),
        elements(std::move(requests)),
        answers(elements.size()),
        ended(executor, asio::steady_timer::time_point::max()) {}
};

rpc_answer refuse_element(std::string_view text) {
  const auto read = read_request(text);
  if (const auto* refused = std::get_if<rpc_answer>(&read)) return *refused;
  const auto& request = std::get<wire::request>(read);
  if (request.id.empty()) return {};
  return own_error(code::too_large,
                   "The answers of this batch are too large: this request was not begun.",
                   request.id, retry_yes);
}

asio::awaitable<void> work(batch& shared) {
  while (shared.next < shared.elements.size()) {
    const auto mine = shared.next++;
    const auto text = shared.elements[mine];
    if (shared.bytes > shared.limits.batch_bytes_max) {
      shared.answers[mine] = refuse_element(text).body;
      continue;
    }
    auto answer = co_await answer_one(shared.routes, text, shared.terms);
    shared.bytes += answer.body.size();
    shared.answers[mine] = std::move(answer.body);
  }
}

asio::awaitable<rpc_answer> answer_all(router& routes, std::vector<std::string_view> elements,
                                       route_terms terms, rpc_limits limits) {
  const auto executor = co_await asio::this_coro::executor;
  batch shared(routes, terms, limits, std::move(elements), executor);
  shared.workers = std::min(limits.batch_running_max, shared.elements.size());
  for (std::size_t i = shared.workers; i > 0; --i) {
    asio::co_spawn(executor, work(shared), [&shared](const std::exception_ptr& failure) {
      if (failure) shared.failure = failure;
      --shared.workers;
      shared.ended.cancel();
    });
  }
  while (shared.workers > 0) {
    co_await shared.ended.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  if (shared.failure) std::rethrow_exception(shared.failure);
  rpc_answer out;
  for (const auto& one : shared.answers) {
    if (one.empty()) continue;
    out.body += out.body.empty() ? '[' : ',';
    out.body += one;
  }
  if (!out.body.empty()) out.body += ']';
  co_return out;
}

// The batch's elements, or the answer to give instead.
std::variant<std::vector<std::string_view>, rpc_answer> read_batch(std::string_view text,
                                                                   std::size_t batch_max) {
  std::vector<std::string_view> elements;
  wire::member_reader reader(text);
  for (wire::json_member member; reader.next(member);) {
    if (elements.size() == batch_max) {
      return own_error(code::too_large, "A batch has at most " + std::to_string(batch_max) +
                                            " requests: none of these was begun.");
    }
    elements.push_back(member.value);
  }
  if (!reader.valid()) return own_error(code::parse_error, "The body is not JSON.");
  if (elements.empty()) return own_error(code::invalid_request, "The batch is empty.");
  return elements;
}

// Types that a page of another site can send without being asked (forms, text/plain) are refused.
bool is_json_type(std::string_view content_type) {
  const auto type = trim(content_type.substr(0, content_type.find(';')));
  const auto is = [type](std::string_view name) { return net::http_same_name(type, name); };
  return type.empty() || is("application/json") || is("application/json-rpc") ||
         is("application/jsonrequest");
}

net::http_response to_http(rpc_answer answer) {
  net::http_response response;
  response.status = answer.body.empty() ? 204 : answer.status;
  response.body = std::move(answer.body);
  if (answer.retry_after_s > 0) {
    response.headers.emplace_back("Retry-After", std::to_string(answer.retry_after_s));
  }
  return response;
}

// What the headers ask for; nothing where they do not, as a rule. Calls of a batch share it.
using outside_wishes = std::shared_ptr<const call_wishes>;

// The call `text` reads as `request`.
asio::awaitable<net::http_response> serve_single(router& routes, wire::request request,
                                                 std::string_view text, route_terms terms,
                                                 outside_wishes outside) {
  terms.outside = outside.get();
  std::vector<std::string_view> no_files;
  const routed answer = co_await routes.route(request, text, std::move(no_files), terms);
  co_return to_http(request.id.empty() ? rpc_answer() : format_answer(answer, request.id));
}

asio::awaitable<net::http_response> serve_batch(router& routes, std::string_view text,
                                                route_terms terms, outside_wishes outside,
                                                rpc_limits limits) {
  terms.outside = outside.get();
  auto read = read_batch(text, limits.batch_max);
  if (auto* refused = std::get_if<rpc_answer>(&read)) co_return to_http(std::move(*refused));
  auto elements = std::move(std::get<std::vector<std::string_view>>(read));
  if (outside && outside->key && elements.size() > 1) {
    co_return to_http(own_error(code::invalid_params,
                                "Idempotency-Key names one call, not those of a batch: put a key "
                                "into the context of each."));
  }
  auto answer = co_await answer_all(routes, std::move(elements), terms, limits);
  co_return to_http(std::move(answer));
}

}  // namespace

// What needs no waiting is no coroutine: most calls pass here.
asio::awaitable<net::http_response> serve_rpc(router& routes, const net::http_request& request,
                                              rpc_limits limits) {
  if (!is_json_type(request.header("content-type"))) {
    return already(net::http_error(415, "Send JSON, with Content-Type: application/json."));
  }
  auto asked = read_wishes(request);
  if (const auto* refused = std::get_if<wish_refused>(&asked)) {
    return already(to_http(own_error(refused->code, refused->message)));
  }
  outside_wishes outside;
  if (auto& wished = std::get<call_wishes>(asked); wished != call_wishes{}) {
    outside = std::make_shared<const call_wishes>(std::move(wished));
  }
  route_terms terms;
  terms.caller = caller_of(request.peer);
  const auto text = trim(request.body);
  if (text.starts_with('[')) {
    return serve_batch(routes, text, terms, std::move(outside), limits);
  }
  auto read = read_request(text);
  if (auto* refused = std::get_if<rpc_answer>(&read)) return already(to_http(std::move(*refused)));
  return serve_single(routes, std::move(std::get<wire::request>(read)), text, terms,
                      std::move(outside));
}

}  // namespace understudy::app
