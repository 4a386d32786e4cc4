// The calls of a pool_router: find the pool, carry the call, say what became of it.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "app/admin/already.hpp"
#include "app/calls/call_wishes.hpp"
#include "app/gateway/own_error.hpp"
#include "app/gateway/pool_router.hpp"
#include "core/balance_ring.hpp"
#include "understudy/error.hpp"
#include "wire/answer.hpp"
#include "wire/json_pointer.hpp"
#include "wire/utf8.hpp"

namespace understudy::app {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t shown_bytes_max = 256;  // of received text: a name may fill a frame

// Counts what one thread alone changes and others may read.
class counted {
 public:
  explicit counted(std::atomic<std::size_t>& count) : count_(count) { add(1); }
  ~counted() { add(-1); }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;

 private:
  void add(std::ptrdiff_t change) {
    count_.store(count_.load(std::memory_order_relaxed) + static_cast<std::size_t>(change),
                 std::memory_order_relaxed);
  }

  std::atomic<std::size_t>& count_;
};

// A timer's place in the list of waiters, for as long as its frame lives.
class listed {
 public:
  listed(std::list<asio::steady_timer*>& list, asio::steady_timer& timer)
      : list_(list), place_(list.insert(list.end(), &timer)) {}
  ~listed() { list_.erase(place_); }
  listed(const listed&) = delete;
  listed& operator=(const listed&) = delete;

 private:
  std::list<asio::steady_timer*>& list_;
  std::list<asio::steady_timer*>::iterator place_;
};

std::int64_t whole_ms(core::duration time) {
  return std::chrono::ceil<std::chrono::milliseconds>(time).count();
}

// Only what was never sent may be repeated blindly: error.data says so.
routed given_up_error(const core::give_up& given_up) {
  const std::int64_t retry_after_ms = whole_ms(given_up.retry_after);
  std::string data = fmt::format("{{\"retry\":{}", given_up.sent == delivery::not_sent);
  if (retry_after_ms > 0) data += fmt::format(",\"retry_after_ms\":{}", retry_after_ms);
  data += "}";
  return own_error(given_up.code, given_up.message, data, retry_after_ms);
}

// Nothing was sent: where the pool was configured anew meanwhile, its new dispatcher may do better.
bool left_behind(const net::forward_result& result) {
  const auto* failed = std::get_if<core::give_up>(&result);
  return failed != nullptr && failed->sent == delivery::not_sent;
}

routed try_later(std::int64_t code, std::string_view message) {
  core::give_up given_up;
  given_up.code = code;
  given_up.message = message;
  given_up.retry_after = std::chrono::seconds(1);
  return given_up_error(given_up);
}

}  // namespace

std::vector<pool_router::pool_ptr> pool_router::pools_at(std::string_view only) const {
  std::vector<pool_ptr> pools;
  for (const pool_ptr& pool : pools_) {
    if (only.empty() ? pool->config.listen.empty() : pool->config.name == only) {
      pools.push_back(pool);
    }
  }
  return pools;
}

pool_router::lookup pool_router::find(std::string_view service, std::string_view only) const {
  pool_ptr unknown;  // a pool whose services are not known yet
  pool_ptr remembering;
  std::size_t pools = 0;
  for (const pool_ptr& pool : pools_) {
    if (only.empty() ? !pool->config.listen.empty() : pool->config.name != only) continue;
    const claim claims = pool->services.claims(service);
    if (claims == claim::present) return {pool, false};
    if (claims == claim::remembered && !remembering) remembering = pool;
    if (!pool->services.known()) unknown = pool;
    ++pools;
  }
  if (unknown && pools == 1) return {unknown, false};
  if (unknown) return {nullptr, true};
  return {remembering, false};
}

asio::awaitable<pool_router::lookup> pool_router::find_or_wait(std::string_view service,
                                                               std::string_view only,
                                                               core::time_point until) {
  lookup found = find(service, only);
  while (found.learning && clock::now() < until) {
    if (waiters_.size() >= learn_waiters_max) {
      found.crowded = true;
      break;
    }
    asio::steady_timer timer(parts_.executor, until);
    const listed place(waiters_, timer);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    found = find(service, only);
  }
  co_return found;
}

routed pool_router::refuse(const lookup& found, const wire::request& request,
                           core::time_point start) {
  routed refused;
  if (found.crowded) {
    refused = try_later(code::overloaded,
                        "Too many calls wait for the services of the pools to be learned.");
  } else if (found.learning) {
    refused = try_later(code::no_server,
                        "No pool is known to serve it, but not every pool has said what it "
                        "serves: the servers of one have not answered yet.");
  } else {
    // The real server's wording.
    refused = own_error(code::method_not_found,
                        fmt::format("Service {} is not founded!",
                                    wire::utf8_excerpt(request.service(), shown_bytes_max)),
                        "null");
  }
  report_refused(refused, request, start);
  return refused;
}

void pool_router::report_refused(const routed& refused, const wire::request& request,
                                 core::time_point start) {
  call_report report;
  report.method = request.method;
  report.own = true;
  report.error_code = refused.code;
  report.took = clock::now() - start;
  parts_.reports(report);
}

// What needs no waiting is no coroutine: most calls pass here.
asio::awaitable<routed> pool_router::route(const wire::request& request, std::string_view body,
                                           std::vector<std::string_view> files, route_terms terms) {
  if (request.action_interface) return describe(terms.only);
  const auto start = clock::now();
  wishes asked = terms.settled ? wishes(*terms.outside) : read_wishes(request.context);
  const auto refuse_wish = [&](const wish_refused& why) {
    routed answer = own_error(why.code, why.message);
    report_refused(answer, request, start);
    return already(std::move(answer));
  };
  if (const auto* refused = std::get_if<wish_refused>(&asked)) return refuse_wish(*refused);
  auto& wished = std::get<call_wishes>(asked);
  if (terms.outside != nullptr) wished.complete(*terms.outside);
  if (const auto refused = without_store(wished)) return refuse_wish(*refused);
  net::forward forward;
  const auto allowed = std::min(wished.deadline.value_or(deadline_), deadline_);
  forward.hurried = allowed < deadline_;
  forward.deadline = start + allowed;
  forward.method = request.method;
  forward.body = body;
  forward.has_id = !request.id.empty();
  forward.files = std::move(files);
  forward.caller = terms.caller;
  forward.priority = static_cast<std::uint8_t>(wished.priority.value_or(5));
  lookup found = find(request.service(), terms.only);
  if (found.learning) return route_once_learned(request, terms.only, std::move(forward), start);
  if (!found.pool) return already(refuse(found, request, start));
  return carry(std::move(found.pool), request, std::move(forward), start);
}

asio::awaitable<routed> pool_router::route_once_learned(const wire::request& request,
                                                        std::string_view only, net::forward forward,
                                                        core::time_point start) {
  const auto self = shared_from_this();
  const auto until = std::min(start + learn_wait, forward.deadline);
  lookup found;
  {
    const counted call(running_);
    found = co_await find_or_wait(request.service(), only, until);
  }
  if (!found.pool) co_return refuse(found, request, start);
  co_return co_await carry(std::move(found.pool), request, std::move(forward), start);
}

asio::awaitable<routed> pool_router::carry(pool_ptr pool, const wire::request& request,
                                           net::forward forward, core::time_point start) {
  const auto self = shared_from_this();
  const counted one(running_);
  forward.idempotent = pool->services.idempotent(request);
  if (const std::string& path = pool->config.balance_key; !path.empty()) {
    if (const auto key = wire::find_at(forward.body, path))
      forward.balance_key = core::balance_key(*key);
  }
  auto dispatcher = pool->dispatcher;
  net::forward_result result = co_await dispatcher->call(forward);
  while (left_behind(result) && pool->dispatcher != dispatcher && clock::now() < forward.deadline) {
    dispatcher = pool->dispatcher;
    result = co_await dispatcher->call(forward);
  }
  co_return finish(*pool, forward, start, result);
}

// Apart from carry(), whose frame is the smaller for it.
routed pool_router::finish(const pool_entry& pool, const net::forward& forward,
                           core::time_point start, net::forward_result& result) {
  call_report report;
  routed answer;
  if (auto* answered = std::get_if<net::forwarded>(&result)) {
    answer.body = std::move(answered->body);
    answer.payload = answered->payload;
    answer.error = answered->error_code.has_value();
    answer.files = std::move(answered->files);
    report.server = answered->server;
    report.attempts = answered->attempts;
    report.error_code = answered->error_code;
  } else {
    answer = given_up_error(std::get<core::give_up>(result));
    report.error_code = answer.code;
  }
  report.pool = pool.config.name;
  report.method = forward.method;
  report.own = answer.own;
  report.took = clock::now() - start;
  parts_.reports(report);
  return answer;
}

asio::awaitable<void> pool_router::ask(pool_ptr pool, core::time_point until) {
  net::forward forward;
  forward.method = wire::action_interface_body;
  forward.body = wire::action_interface_body;
  forward.idempotent = true;  // it has no side effect
  forward.hurried = true;     // learn_wait is ours: no server has promised to keep to it
  forward.deadline = until;
  const auto dispatcher = pool->dispatcher;
  const net::forward_result result = co_await dispatcher->call(forward);
  const auto* answered = std::get_if<net::forwarded>(&result);
  if (answered == nullptr || answered->error_code) co_return;
  const auto parsed = wire::parse_answer(answered->body);
  if (!parsed) co_return;
  if (const auto services = wire::parse_description(parsed->result)) {
    learned(pool->config.name, answered->server, *services);
  }
}

asio::awaitable<routed> pool_router::describe(std::string_view only) {
  const auto self = shared_from_this();
  const counted call(running_);
  const auto until = clock::now() + learn_wait;
  const std::vector<pool_ptr> pools = pools_at(only);
  std::vector<wire::service_description> described;
  for (const pool_ptr& pool : pools) {
    if (!pool->services.described()) co_await ask(pool, until);
    pool->services.append_descriptions(described);
  }
  if (described.empty()) {
    co_return try_later(code::no_server, "No server has described its services yet.");
  }
  routed answer;
  wire::append_result(answer.body, wire::format_description(described));
  co_return answer;
}

}  // namespace understudy::app
