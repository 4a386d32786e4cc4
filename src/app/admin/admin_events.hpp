// GET /events: the event log as server-sent events, or as a JSON list.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <memory>

#include "app/common/event_log.hpp"
#include "net/http.hpp"

namespace understudy::app {

/// Any thread; `log` outlives the streams.
class event_subscribers {
 public:
  static constexpr std::size_t subscribers_max = 100;

  explicit event_subscribers(event_log& log) : log_(log) {}

  /// With `Accept: application/json`: the kept events as an array. Else a stream: from now on, or
  /// after event N with `?after=N` or Last-Event-ID, as far as it is kept. `executor` is that of
  /// the connection.
  [[nodiscard]] net::http_response answer(const net::http_request& request,
                                          boost::asio::any_io_executor executor);

 private:
  event_log& log_;
  std::shared_ptr<std::atomic<std::size_t>> streams_ =
      std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace understudy::app
