#include "app/calls/http_calls.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/calls/ask_store.hpp"
#include "app/calls/call_json.hpp"
#include "app/calls/new_calls.hpp"
#include "app/calls/stored_text.hpp"
#include "app/common/json_out.hpp"
#include "app/common/wall_clock.hpp"
#include "understudy/error.hpp"
#include "wire/answer.hpp"
#include "wire/json_text.hpp"

namespace understudy::app {

namespace asio = boost::asio;
using net::http_error;
using net::http_response;

namespace {

constexpr std::size_t batch_max = 1000;
constexpr std::size_t list_max = 1000;
constexpr std::int64_t wait_max_ms = 86'400'000;

struct calls_target {
  enum class kind : std::uint8_t {
    none,
    all,
    one,
    result,
    retry,
    purge,
    stats,
    verify,
    pause,
    resume
  };
  kind what = kind::none;
  std::string_view name;  ///< a ticket or a service
};
using kind = calls_target::kind;

struct kind_methods {
  kind what;
  std::string_view methods;
};
constexpr std::array<kind_methods, 9> methods{{{kind::all, "GET, HEAD, POST"},
                                               {kind::one, "GET, HEAD, DELETE"},
                                               {kind::result, "GET, HEAD"},
                                               {kind::retry, "POST"},
                                               {kind::purge, "POST"},
                                               {kind::stats, "GET, HEAD"},
                                               {kind::verify, "GET, HEAD"},
                                               {kind::pause, "POST"},
                                               {kind::resume, "POST"}}};

calls_target read_target(std::string_view path) {
  path.remove_prefix(calls_path.size());
  if (path.empty()) return {kind::all, {}};
  if (path == "/stats") return {kind::stats, {}};
  if (path == "/verify") return {kind::verify, {}};
  path.remove_prefix(1);
  constexpr std::string_view services = "services/";
  const auto slash = path.rfind('/');
  if (path.starts_with(services) && slash > services.size()) {
    // The name may have a slash of its own: POOL/SERVICE.
    const auto name = path.substr(services.size(), slash - services.size());
    const auto action = path.substr(slash + 1);
    if (action == "pause") return {kind::pause, name};
    if (action == "resume") return {kind::resume, name};
    return {};
  }
  if (!path.starts_with("c-")) return {};
  if (slash == std::string_view::npos) return {kind::one, path};
  const auto ticket = path.substr(0, slash);
  const auto action = path.substr(slash + 1);
  if (action == "result") return {kind::result, ticket};
  if (action == "retry") return {kind::retry, ticket};
  if (action == "purge") return {kind::purge, ticket};
  return {};
}

http_response json(int status, std::string body) {
  http_response response;
  response.status = status;
  response.body = std::move(body) + "\n";
  return response;
}

http_response refusal(int status, std::int64_t retry_after_ms, std::string_view body) {
  http_response response;
  response.status = status;
  response.body = body;
  if (retry_after_ms > 0) {
    response.headers.emplace_back("Retry-After", std::to_string((retry_after_ms + 999) / 1000));
  }
  return response;
}

// A JSON-RPC answer of ours, as an answer over HTTP: the error's own members.
http_response from_routed(const routed& answer) {
  const auto parsed = wire::parse_answer(answer.body);
  if (!parsed) return http_error(500, "The answer is unreadable.");
  if (!answer.own) {
    return json(200, parsed->is_error() ? fmt::format(R"({{"error":{}}})", parsed->error)
                                        : fmt::format(R"({{"result":{}}})", parsed->result));
  }
  const int status = answer.code == code::invalid_params ? 400 : wire::http_status(answer.code);
  return refusal(status, answer.retry_after_ms, fmt::format(R"({{"error":{}}})", parsed->error));
}

http_response silent_store() {
  return http_error(503, "The store does not answer.");
}

http_response no_such_call() {
  return http_error(404, "There is no call with this ticket.");
}

asio::awaitable<http_response> store_one(std::shared_ptr<call_desk> desk, new_order order) {
  const auto wait = order.waits ? order.wait : std::chrono::milliseconds(0);
  auto accepted = co_await desk->accept(std::move(order.call));
  if (const auto* refused = std::get_if<routed>(&accepted)) co_return from_routed(*refused);
  const auto id = std::get<store::call_id>(accepted);
  if (wait > std::chrono::milliseconds(0)) {
    const routed ended = co_await desk->result(id, wait);
    if (!ended.own || ended.code != code::accepted) co_return from_routed(ended);
  }
  co_return json(202, fmt::format(R"({{"ticket":"{}"}})", desk->ticket(id)));
}

asio::awaitable<http_response> store_many(std::shared_ptr<call_desk> desk,
                                          std::vector<store::new_call> calls) {
  const auto accepted = co_await desk->accept_all(std::move(calls));
  if (const auto* refused = std::get_if<routed>(&accepted)) co_return from_routed(*refused);
  std::string body;
  {
    json_array tickets(body);
    for (const store::call_id id : std::get<std::vector<store::call_id>>(accepted)) {
      json_object(tickets.element()).text("ticket", desk->ticket(id));
    }
  }
  co_return json(202, std::move(body));
}

asio::awaitable<http_response> store_new(std::shared_ptr<call_desk> desk,
                                         const net::http_request& request) {
  const auto now = wall_now();
  if (!wire::json_valid(request.body)) co_return http_error(400, "The body is not JSON.");
  if (wire::kind_of(request.body) != wire::json_kind::array) {
    auto read = read_new_call(request.body, desk->rules(), now);
    if (const auto* wrong = std::get_if<wish_refused>(&read)) {
      co_return http_error(400, wrong->message);
    }
    co_return co_await store_one(desk, std::get<new_order>(std::move(read)));
  }
  std::vector<store::new_call> calls;
  std::string wrong;
  wire::for_each_member(request.body, [&](const wire::json_member& member) {
    auto read = read_new_call(member.value, desk->rules(), now);
    if (const auto* refused = std::get_if<wish_refused>(&read)) {
      wrong = fmt::format("Call {}: {} None was stored.", calls.size(), refused->message);
    } else if (calls.size() == batch_max) {
      wrong = fmt::format("At most {} calls at a time. None was stored.", batch_max);
    } else {
      calls.push_back(std::get<new_order>(std::move(read)).call);
    }
    return wrong.empty();
  });
  if (!wrong.empty()) co_return http_error(400, wrong);
  co_return co_await store_many(desk, std::move(calls));
}

// A whole number of a query; nothing where it is none.
std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The filter that the query asks for, or a sentence.
std::variant<store::call_filter, std::string> read_filter(const net::http_request& request,
                                                          std::string_view tag) {
  store::call_filter filter;
  std::string method;
  for (const auto& [name, value] : request.query) {
    if (value.empty()) continue;
    if (name == "service") {
      filter.service = value;
    } else if (name == "state") {
      filter.state = core::call_state_named(value);
      if (!filter.state) {
        return "state is waiting, running, done, dead, cancelled or expired.";
      }
    } else if (name == "key") {
      filter.key = value;
    } else if (name == "method") {
      method = value;
    } else if (name == "after") {
      const auto id = store::parse_ticket(tag, value);
      if (!id) return "after is a ticket.";
      filter.after = *id;
    } else if (name == "count") {
      const auto count = number(value);
      if (!count || *count == 0 || *count > list_max) return "count is from 1 to 1000.";
      filter.count_max = *count;
    } else {
      return "\"" + name +
             "\" is unknown here: there are service, state, key, method, after and count.";
    }
  }
  if (method.empty()) return filter;
  if (filter.key.empty()) return "method says whose key it is: give a key, too.";
  // Of one method a key is found at once; else every call is looked at.
  filter.key_print = key_print({}, method, filter.key);
  filter.key.clear();
  return filter;
}

asio::awaitable<http_response> list(std::shared_ptr<call_desk> desk,
                                    const net::http_request& request) {
  const std::string tag = desk->store()->tag();
  const auto read = read_filter(request, tag);
  if (const auto* wrong = std::get_if<std::string>(&read)) co_return http_error(400, *wrong);
  const auto ask = [&](auto answered) {
    desk->store()->list(std::get<store::call_filter>(read), std::move(answered));
  };
  const auto found = co_await ask_store<std::vector<store::call_view>>(desk->home(), ask);
  if (!found) co_return silent_store();
  std::string body;
  {
    json_array calls(body);
    for (const auto& call : *found) append_call(calls.element(), call, tag);
  }
  co_return json(200, std::move(body));
}

asio::awaitable<http_response> show(std::shared_ptr<call_desk> desk, store::call_id id) {
  const auto ask = [&](auto answered) { desk->store()->look(id, std::move(answered)); };
  const auto found = co_await ask_store<std::optional<store::call_view>>(desk->home(), ask);
  if (!found) co_return silent_store();
  if (!*found) co_return no_such_call();
  std::string body;
  append_call(body, **found, desk->store()->tag());
  co_return json(200, std::move(body));
}

asio::awaitable<http_response> cancel(std::shared_ptr<call_desk> desk, store::call_id id) {
  const auto ask = [&](auto answered) { desk->store()->cancel(id, std::move(answered)); };
  const auto after = co_await ask_store<std::optional<store::call_state>>(desk->home(), ask);
  if (!after) co_return silent_store();
  if (!*after) co_return no_such_call();
  co_return json(**after == store::call_state::cancelled ? 200 : 409,
                 fmt::format(R"({{"state":"{}"}})", core::to_string(**after)));
}

asio::awaitable<http_response> retry(std::shared_ptr<call_desk> desk, store::call_id id,
                                     bool as_new) {
  const auto ask = [&](auto answered) { desk->store()->retry(id, as_new, std::move(answered)); };
  const auto after = co_await ask_store<std::optional<store::call_id>>(desk->home(), ask);
  if (!after) co_return silent_store();
  if (!*after) co_return http_error(409, "Only a dead call can be tried again.");
  co_return json(200, fmt::format(R"({{"ticket":"{}"}})", desk->ticket(**after)));
}

asio::awaitable<http_response> purge(std::shared_ptr<call_desk> desk, store::call_id id) {
  const auto ask = [&](auto answered) { desk->store()->purge(id, std::move(answered)); };
  const auto after = co_await ask_store<bool>(desk->home(), ask);
  if (!after) co_return silent_store();
  if (!*after) co_return http_error(409, "Only a dead call can be purged.");
  co_return json(200, R"({"purged":true})");
}

asio::awaitable<http_response> pause(std::shared_ptr<call_desk> desk, std::string service,
                                     bool paused) {
  const auto ask = [&](auto answered) {
    desk->store()->pause(service, paused, std::move(answered));
  };
  const auto after = co_await ask_store<bool>(desk->home(), ask);
  if (!after) co_return silent_store();
  co_return json(200, fmt::format(R"({{"paused":{}}})", paused));
}

asio::awaitable<http_response> stats(std::shared_ptr<call_desk> desk) {
  const auto ask = [&](auto answered) { desk->store()->counts(std::move(answered)); };
  const auto counts = co_await ask_store<store::store_counts>(desk->home(), ask);
  if (!counts) co_return silent_store();
  std::string body;
  append_counts(body, *counts);
  co_return json(200, std::move(body));
}

asio::awaitable<http_response> verify(std::shared_ptr<call_desk> desk) {
  const auto ask = [&](auto answered) { desk->store()->verify(std::move(answered)); };
  const auto wrong =
      co_await ask_store<std::vector<std::string>>(desk->home(), ask, std::chrono::minutes(5));
  if (!wrong) co_return silent_store();
  std::string body;
  {
    json_object object(body);
    object.raw("good", wrong->empty() ? "true" : "false");
    json_array problems(object.key("problems"));
    for (const auto& problem : *wrong) problems.text(problem);
  }
  co_return json(200, std::move(body));
}

asio::awaitable<http_response> result(std::shared_ptr<call_desk> desk, store::call_id id,
                                      const net::http_request& request) {
  const auto text = request.parameter("wait_ms");
  const auto wait = text.empty() ? std::optional<std::uint64_t>(0) : number(text);
  if (!wait || *wait > wait_max_ms) {
    co_return http_error(400, "wait_ms is a whole number of milliseconds.");
  }
  const routed ended = co_await desk->result(id, std::chrono::milliseconds(*wait));
  if (ended.own && ended.code == code::invalid_params) co_return no_such_call();
  co_return from_routed(ended);
}

}  // namespace

std::string_view calls_methods(std::string_view path) {
  const auto what = read_target(path).what;
  const auto found = std::ranges::find(methods, what, &kind_methods::what);
  return found == methods.end() ? std::string_view() : found->methods;
}

bool calls_administrative(std::string_view path, std::string_view method) {
  switch (read_target(path).what) {
    case kind::all:
      return method != "POST";
    case kind::one:
    case kind::result:
      return false;
    default:
      return true;
  }
}

asio::awaitable<http_response> serve_calls(std::shared_ptr<call_desk> desk,
                                           const net::http_request& request) {
  if (!desk->store()) co_return http_error(503, "The gateway is about to end.");
  const calls_target target = read_target(request.path);
  switch (target.what) {
    case kind::all:
      if (request.method == "POST") co_return co_await store_new(desk, request);
      co_return co_await list(desk, request);
    case kind::stats:
      co_return co_await stats(desk);
    case kind::verify:
      co_return co_await verify(desk);
    case kind::pause:
      co_return co_await pause(desk, std::string(target.name), true);
    case kind::resume:
      co_return co_await pause(desk, std::string(target.name), false);
    default:
      break;
  }
  const auto id = store::parse_ticket(desk->store()->tag(), target.name);
  if (!id) co_return no_such_call();
  switch (target.what) {
    case kind::result:
      co_return co_await result(desk, *id, request);
    case kind::retry:
      co_return co_await retry(desk, *id, request.parameter("as_new") == "true");
    case kind::purge:
      co_return co_await purge(desk, *id);
    default:
      break;
  }
  if (request.method == "DELETE") co_return co_await cancel(desk, *id);
  co_return co_await show(desk, *id);
}

}  // namespace understudy::app
