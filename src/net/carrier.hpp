// What carries one call to one server: a connection of its own, or a place on a shared one.
#pragma once

#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "core/types.hpp"
#include "net/exchange.hpp"

namespace understudy::net {

/// A call as it is to be sent; the views are as good as who gives it says.
struct outgoing {
  std::string_view body;
  std::span<const std::string_view> files{};
  bool has_id = false;  ///< the body is known to have an id: who needs one need not look
};

/// One owner thread; one call at a time. How it fails says what is known: `stale` means that the
/// kernel took no byte of the call; all else that a byte or more may have left.
class carrier {
 public:
  explicit carrier(const boost::asio::any_io_executor& executor) : bell_(executor) {}
  virtual ~carrier() = default;
  carrier(const carrier&) = delete;
  carrier& operator=(const carrier&) = delete;

  /// Begins to send the files, then the body. What the kernel takes at once has left when this
  /// returns; the rest follows by itself. All must stay valid until sent_all(), or the end.
  virtual void start(const outgoing& what, core::time_point deadline) = 0;
  /// True once the call has ended, if only because its deadline has come: then take().
  [[nodiscard]] virtual bool ended(core::time_point now) = 0;
  [[nodiscard]] virtual exchange take() = 0;
  /// Body and files are not needed any more.
  [[nodiscard]] virtual bool sent_all() const = 0;
  /// At once. Ends a running call as `lost`, or `stale`.
  virtual void close() = 0;

  /// To be awaited by one at a time: ends at `until` or the deadline, or when somebody rings. Look
  /// at ended() and nudged() before and after.
  [[nodiscard]] auto rung_or(core::time_point until) {
    bell_.expires_at(std::min(until, deadline_));
    return bell_.async_wait(boost::asio::as_tuple(boost::asio::deferred));
  }
  /// Somebody else has something to say to who waits.
  void nudge() {
    nudged_ = true;
    ring();
  }
  [[nodiscard]] bool nudged() { return std::exchange(nudged_, false); }

 protected:
  void ring() { bell_.cancel(); }

  core::time_point deadline_{};  ///< of the running call

 private:
  boost::asio::steady_timer bell_;
  bool nudged_ = false;
};

/// All of it: from start() to the answer or the deadline.
[[nodiscard]] boost::asio::awaitable<exchange> carry(std::shared_ptr<carrier> by, outgoing what,
                                                     core::time_point deadline);
/// From after start().
[[nodiscard]] boost::asio::awaitable<exchange> carry_on(std::shared_ptr<carrier> by);

}  // namespace understudy::net
