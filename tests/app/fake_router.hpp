// A router that answers what a test tells it to, and remembers what it was asked.
#pragma once

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <string>
#include <vector>

#include "app/admin/administration.hpp"
#include "wire/answer.hpp"

namespace understudy::test {

class fake_router final : public app::router, public app::administration {
 public:
  /// Not set: the params are the result.
  std::function<app::routed(const wire::request&)> answer;
  std::vector<app::pool_status> pools;
  refusal refusal_to_give;

  std::vector<std::string> bodies;   ///< as received
  std::vector<std::string> actions;  ///< administration, one line each
  std::size_t running_most = 0;
  std::optional<app::call_wishes> outside;            ///< of the last call
  std::optional<std::chrono::milliseconds> deadline;  ///< the same one's

  boost::asio::awaitable<app::routed> route(const wire::request& request, std::string_view body,
                                            std::vector<std::string_view> files,
                                            app::route_terms terms) override {
    bodies.emplace_back(body);
    if (!files.empty() || !terms.only.empty()) bodies.back() += " (files or pool given)";
    outside.reset();
    if (terms.outside != nullptr) outside = *terms.outside;
    deadline = outside ? outside->deadline : std::nullopt;
    ++running_;
    running_most = std::max(running_most, running_);
    boost::asio::steady_timer pause(co_await boost::asio::this_coro::executor);
    pause.expires_after(std::chrono::milliseconds{0});
    co_await pause.async_wait(boost::asio::use_awaitable);  // let others begin
    --running_;
    if (answer) co_return answer(request);
    co_return result(request.params);
  }

  app::call_counts counted;

  boost::asio::awaitable<std::vector<app::pool_status>> status() override { co_return pools; }
  boost::asio::awaitable<app::call_counts> counts() override { co_return counted; }
  boost::asio::awaitable<refusal> drain(std::string pool, std::string address) override {
    co_return act("drain", pool, address);
  }
  boost::asio::awaitable<refusal> resume(std::string pool, std::string address) override {
    co_return act("resume", pool, address);
  }
  boost::asio::awaitable<refusal> put_server(std::string pool, core::server_options server,
                                             std::chrono::milliseconds ttl) override {
    co_return act("put priority=" + std::to_string(server.priority) + " weight=" +
                      std::to_string(server.weight) + " ttl=" + std::to_string(ttl.count()),
                  pool, server.address);
  }
  boost::asio::awaitable<refusal> remove_server(std::string pool, std::string address) override {
    co_return act("remove", pool, address);
  }

  static app::routed result(std::string_view json) {
    app::routed out;
    wire::append_result(out.body, json);
    return out;
  }
  static app::routed service_error(std::int64_t code, std::string_view message,
                                   std::string_view data = "null") {
    app::routed out;
    out.code = code;
    wire::append_error(out.body, code, message, data);
    return out;
  }
  static app::routed own_error(std::int64_t code, std::string_view message,
                               std::int64_t retry_after_ms = 0) {
    auto out = service_error(code, message, R"({"retry":true})");
    out.own = true;
    out.retry_after_ms = retry_after_ms;
    return out;
  }
  /// A pool with one server for each state, at ports from 9501 on.
  static app::pool_status pool(std::string name, const std::vector<core::server_state>& states) {
    app::pool_status out;
    out.name = std::move(name);
    unsigned port = 9501;
    for (const auto state : states) {
      auto& server = out.servers.emplace_back();
      server.options.address = "127.0.0.1:" + std::to_string(port++);
      server.state = state;
      server.since = core::time_point::clock::now();
    }
    return out;
  }

 private:
  refusal act(std::string what, std::string_view pool, std::string_view address) {
    actions.push_back(std::move(what) + ' ' + std::string(pool) + ' ' + std::string(address));
    return refusal_to_give;
  }

  std::size_t running_ = 0;
};

}  // namespace understudy::test
