// A response that goes on: server-sent events for one subscriber, with a bounded queue.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace understudy::net {

/// Made by a handler and returned in http_response::events. A subscriber that does not read is
/// dropped when `queued_bytes_max` are waiting for it: it can come back with Last-Event-ID.
class http_event_stream : public std::enable_shared_from_this<http_event_stream> {
 public:
  /// `executor` is the server's. `ended` is called there once, when the subscriber is gone.
  static std::shared_ptr<http_event_stream> make(boost::asio::any_io_executor executor,
                                                 std::function<void()> ended,
                                                 std::size_t queued_bytes_max = 262144);

  /// Any thread, never blocks. `data` without line breaks. False once the stream has ended.
  bool send(std::uint64_t id, std::string_view data);
  /// Any thread. What was sent before still goes out.
  void close();

  /// For the server, on its executor: waits until there are bytes to write, at most `wait`.
  /// False: ended, and nothing is left to write. True with empty `out`: nothing came in time.
  boost::asio::awaitable<bool> next(std::string& out, std::chrono::milliseconds wait);
  /// For the server, on its executor, once: the connection is gone. From here on the stream may
  /// outlive the executor.
  void finished();

 private:
  http_event_stream(boost::asio::any_io_executor executor, std::function<void()> ended,
                    std::size_t queued_bytes_max);
  void wake();

  const boost::asio::any_io_executor executor_;
  std::optional<boost::asio::steady_timer> wake_;  // used on the executor only
  std::function<void()> ended_;
  const std::size_t queued_bytes_max_;

  std::mutex mutex_;  // guards the rest
  std::string queued_;
  bool closed_ = false;
  bool waking_ = false;  // a wake-up is already posted
};

}  // namespace understudy::net
