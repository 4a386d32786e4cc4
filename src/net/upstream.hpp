// One connection to one server: connects, carries one call at a time, notices its own death.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.hpp"
#include "net/arrivals.hpp"
#include "net/carrier.hpp"
#include "net/exchange.hpp"
#include "net/outbox.hpp"
#include "net/tls_connector.hpp"
#include "net/upstream_codec.hpp"

namespace understudy::net {

/// One owner thread. It lives as long as its pending I/O or anyone holds it; close() ends both.
///
/// It reads only while a call waits: what came unasked stays in the kernel, where it is found
/// before the next call is sent, and cannot be taken for an answer. While it rests, watch_rest()
/// waits for the peer's end.
class upstream : public carrier, public std::enable_shared_from_this<upstream> {
 public:
  /// The peer ended an idle connection (`closed`), or sent bytes nobody asked for.
  using idle_sink = std::function<void(upstream& which, bool closed)>;

  upstream(boost::asio::any_io_executor executor, std::unique_ptr<upstream_codec> codec,
           idle_sink on_idle_end);

  /// No error once connected; timed_out at `deadline`. Call once.
  [[nodiscard]] boost::asio::awaitable<boost::system::error_code> connect(
      boost::asio::ip::tcp::endpoint server, core::time_point deadline);
  /// The same over TLS; `way` outlives it.
  [[nodiscard]] boost::asio::awaitable<boost::system::error_code> connect(
      boost::asio::ip::tcp::endpoint server, core::time_point deadline, const tls_way& way);

  /// As any carrier. Not reusable() after any failure. One that has rested is looked at when the
  /// call is to leave: where it is not good any more, the call ends as `stale`.
  void start(const outgoing& what, core::time_point deadline) override;
  [[nodiscard]] bool ended(core::time_point now) override;
  [[nodiscard]] exchange take() override;
  [[nodiscard]] bool sent_all() const override { return sent_all_; }
  /// The call has ended before the kernel took a byte of it.
  [[nodiscard]] bool sent_nothing() const { return ended_ && sent_bytes_ == 0 && !refused_; }

  /// Open, with no byte left behind the last answer: it may rest.
  [[nodiscard]] bool clean() const;
  /// Clean, and nothing has come since, no FIN either: asks the kernel.
  [[nodiscard]] bool reusable() const;
  /// Until the next start() it carries nothing.
  void rest(core::time_point now);
  /// From now on, until the next start(), an end or unasked bytes go to the idle sink. Costs a
  /// system call, which one that is used again at once can spare.
  void watch_rest();
  [[nodiscard]] bool watched() const { return watching_; }
  [[nodiscard]] core::time_point resting_since() const { return resting_since_; }
  /// At once. Ends a running call as `lost`.
  void close() override;

 private:
  enum class phase : std::uint8_t { fresh, busy, idle, closed };

  void send_now();
  /// What the socket did not take at once, of this burst or the `next`, and those behind it.
  [[nodiscard]] static boost::asio::awaitable<void> send_rest(std::shared_ptr<upstream> self,
                                                              bool next);
  [[nodiscard]] boost::asio::awaitable<void> let_drain();
  void write_out();
  /// Nobody waits for the rest of the call to leave.
  [[nodiscard]] bool sending_over() const { return ended_ || send_failed_; }

  void watch();
  void readable(boost::system::error_code ec);
  void read();
  void end(core::outcome how);
  [[nodiscard]] bool quiet() const;
  [[nodiscard]] bool rests_well() const;

  outbox& outbox_;
  boost::asio::ip::tcp::socket socket_;
  std::optional<arrivals::place> arrived_;  ///< once connected; goes before the socket
  std::unique_ptr<upstream_codec> codec_;
  idle_sink on_idle_end_;
  phase phase_ = phase::fresh;
  bool watching_ = false;
  core::time_point resting_since_{};

  // Of the running call.
  bool connected_ = false;
  boost::system::error_code connect_error_;
  bool send_failed_ = false;
  bool sent_all_ = false;
  std::size_t sent_bytes_ = 0;   ///< that the kernel took
  std::size_t burst_bytes_ = 0;  ///< since the peer was last known to have read everything
  bool ended_ = false;
  bool refused_ = false;  ///< by the codec: it has an answer, and nothing is sent
  exchange result_;
  std::vector<boost::asio::const_buffer> out_;
};

}  // namespace understudy::net
