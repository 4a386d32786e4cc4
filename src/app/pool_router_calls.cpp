// The calls of a pool_router: find the pool, carry the call, say what became of it.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "app/pool_router.hpp"
#include "understudy/error.hpp"
#include "wire/answer.hpp"

namespace understudy::app {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;

namespace {

class counted {
 public:
  explicit counted(std::size_t& count) : count_(count) { ++count_; }
  ~counted() { --count_; }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;

 private:
  std::size_t& count_;
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

routed own_error(std::int64_t code, std::string_view message, std::string_view data = "null",
                 std::int64_t retry_after_ms = 0) {
  routed answer;
  answer.own = true;
  answer.code = code;
  answer.retry_after_ms = retry_after_ms;
  wire::append_error(answer.body, code, message, data);
  return answer;
}

// Only what was never sent may be repeated blindly: error.data says so.
routed own_error(const core::give_up& given_up) {
  const std::int64_t retry_after_ms = whole_ms(given_up.retry_after);
  std::string data = fmt::format("{{\"retry\":{}", given_up.sent == delivery::not_sent);
  if (retry_after_ms > 0) data += fmt::format(",\"retry_after_ms\":{}", retry_after_ms);
  data += "}";
  return own_error(given_up.code, given_up.message, data, retry_after_ms);
}

routed try_later(std::int64_t code, std::string_view message) {
  core::give_up given_up;
  given_up.code = code;
  given_up.message = message;
  given_up.retry_after = std::chrono::seconds(1);
  return own_error(given_up);
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
  std::size_t pools = 0;
  for (const pool_ptr& pool : pools_) {
    if (only.empty() ? !pool->config.listen.empty() : pool->config.name != only) continue;
    if (pool->services.serves(service)) return {pool, false};
    if (!pool->services.known()) unknown = pool;
    ++pools;
  }
  if (unknown && pools == 1) return {unknown, false};
  return {nullptr, unknown != nullptr};
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
                        fmt::format("Service {} is not founded!", request.service()));
  }
  call_report report;
  report.method = request.method;
  report.own = true;
  report.code = refused.code;
  report.took = clock::now() - start;
  parts_.reports(report);
  return refused;
}

asio::awaitable<routed> pool_router::route(const wire::request& request, std::string_view body,
                                           std::vector<std::string_view> files,
                                           std::string_view only) {
  const auto self = shared_from_this();
  const counted call(running_);
  if (request.action_interface) co_return co_await describe(only);

  const auto start = clock::now();
  lookup found = find(request.service(), only);
  if (found.learning) {
    found = co_await find_or_wait(request.service(), only, start + learn_wait);
  }
  if (!found.pool) co_return refuse(found, request, start);
  net::forward forward;
  forward.method = request.method;
  forward.body = body;
  forward.files = std::move(files);
  forward.idempotent = found.pool->services.idempotent(request);
  forward.deadline = start + deadline_;
  co_return co_await carry(std::move(found.pool), std::move(forward), start);
}

asio::awaitable<routed> pool_router::carry(pool_ptr pool, net::forward forward,
                                           core::time_point start) {
  const auto dispatcher = pool->dispatcher;  // a reload may exchange the pool's
  call_report report;
  report.method = forward.method;
  net::forward_result result = co_await dispatcher->call(std::move(forward));
  routed answer;
  if (auto* answered = std::get_if<net::forwarded>(&result)) {
    const auto parsed = wire::parse_answer(answered->body);
    answer.code = parsed && parsed->is_error() ? parsed->code : 0;
    answer.body = std::move(answered->body);
    answer.files = std::move(answered->files);
    report.server = answered->server;
    report.attempts = answered->attempts;
  } else {
    answer = own_error(std::get<core::give_up>(result));
  }
  report.pool = pool->config.name;
  report.own = answer.own;
  report.code = answer.code;
  report.took = clock::now() - start;
  parts_.reports(report);
  co_return answer;
}

asio::awaitable<void> pool_router::ask(pool_ptr pool, core::time_point until) {
  net::forward forward;
  forward.method = wire::action_interface_body;
  forward.body = wire::action_interface_body;
  forward.idempotent = true;  // it has no side effect
  forward.deadline = until;
  const routed answer = co_await carry(pool, std::move(forward), clock::now());
  if (answer.own) co_return;
  const auto parsed = wire::parse_answer(answer.body);
  if (!parsed || parsed->is_error()) co_return;
  if (const auto services = wire::parse_description(parsed->result)) {
    learned(pool->config.name, *services);
  }
}

asio::awaitable<routed> pool_router::describe(std::string_view only) {
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
