// What another thread or a system call will give, awaited no longer than a deadline.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "core/types.hpp"

namespace understudy::coord {

/// For work that can not be cut short: it keeps this, and whoever waits may go. All on the
/// executor, which must not run concurrently.
template <class T>
class eventual {
 public:
  explicit eventual(const boost::asio::any_io_executor& executor) : timer_(executor) {}

  void set(T value) {
    value_ = std::move(value);
    timer_.cancel();
  }
  /// Nothing where it did not come in time. Once.
  static boost::asio::awaitable<std::optional<T>> wait(std::shared_ptr<eventual> self,
                                                       core::time_point deadline) {
    if (!self->value_) {
      self->timer_.expires_at(deadline);
      co_await self->timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
    co_return std::move(self->value_);
  }

 private:
  boost::asio::steady_timer timer_;
  std::optional<T> value_;
};

}  // namespace understudy::coord
