// Asks a call store from a coroutine.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace understudy::app {

/// Calls `ask(answer)` at once, where `answer(Value)` may be called on any thread, later. Nothing
/// where it was not, in time: what was asked for may still be done. Runs on `home`, which must not
/// run concurrently.
template <typename Value, typename Ask>
boost::asio::awaitable<std::optional<Value>> ask_store(
    boost::asio::any_io_executor home, Ask ask,
    std::chrono::milliseconds patience = std::chrono::seconds(10)) {
  struct state {
    explicit state(const boost::asio::any_io_executor& on, std::chrono::milliseconds most)
        : until(std::chrono::steady_clock::now() + most), wake(on, until) {}
    std::chrono::steady_clock::time_point until;
    boost::asio::steady_timer wake;
    std::optional<Value> value;
  };
  const auto shared = std::make_shared<state>(home, patience);
  ask([shared, home](Value value) {
    boost::asio::post(home, [shared, value = std::move(value)]() mutable {
      shared->value = std::move(value);
      shared->wake.cancel();
    });
  });
  while (!shared->value && std::chrono::steady_clock::now() < shared->until) {
    co_await shared->wake.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  }
  co_return std::move(shared->value);
}

}  // namespace understudy::app
