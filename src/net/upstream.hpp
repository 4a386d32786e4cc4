// One connection to one server: connects, carries one call at a time, notices its own death.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.hpp"
#include "net/carrier.hpp"
#include "net/exchange.hpp"
#include "net/upstream_codec.hpp"

namespace understudy::net {

/// One owner thread. It lives as long as its pending I/O or anyone holds it; close() ends both.
///
/// It watches the socket for readability all the time, idle or busy: bytes are left in the kernel
/// until a call waits for them, so nothing that came unasked can be taken for an answer. A timer
/// set to the call's deadline is the only thing that a call awaits: events cut it short.
class upstream : public carrier, public std::enable_shared_from_this<upstream> {
 public:
  /// The peer ended an idle connection (`closed`), or sent bytes nobody asked for.
  using idle_sink = std::function<void(upstream& which, bool closed)>;

  upstream(boost::asio::any_io_executor executor, std::unique_ptr<upstream_codec> codec,
           idle_sink on_idle_end);

  /// No error once connected; timed_out at `deadline`. Call once.
  [[nodiscard]] boost::asio::awaitable<boost::system::error_code> connect(
      boost::asio::ip::tcp::endpoint server, core::time_point deadline);

  /// Sends the files, then `body`, and reads one answer. How it fails says what is known: `stale`
  /// means that the kernel took no byte; all else that a byte or more may have left. Not
  /// reusable() after any failure.
  [[nodiscard]] boost::asio::awaitable<exchange> call(std::string_view body,
                                                      std::span<const std::string_view> files,
                                                      core::time_point deadline);

  /// The same in steps, for who has more to do than wait. First start(): sends.
  [[nodiscard]] boost::asio::awaitable<void> start(std::string_view body,
                                                   std::span<const std::string_view> files,
                                                   core::time_point deadline) override;
  [[nodiscard]] boost::asio::awaitable<bool> go_on(core::time_point until) override;
  [[nodiscard]] exchange take() override;
  void nudge() override;
  [[nodiscard]] bool sent_all() const override { return sent_all_; }

  /// Open, with no byte left behind the last answer: it may rest.
  [[nodiscard]] bool clean() const;
  /// Clean, and nothing has come since, no FIN either: asks the kernel.
  [[nodiscard]] bool reusable() const;
  /// From now on, until the next call(), an end or unasked bytes go to the idle sink.
  void rest(core::time_point now);
  [[nodiscard]] core::time_point resting_since() const { return resting_since_; }
  /// At once. Ends a running call as `lost`.
  void close() override;

 private:
  enum class phase : std::uint8_t { fresh, busy, idle, closed };

  [[nodiscard]] boost::asio::awaitable<void> send();
  [[nodiscard]] boost::asio::awaitable<void> write_out();
  [[nodiscard]] boost::asio::awaitable<void> let_drain();
  /// Until `until`, or until something happened.
  [[nodiscard]] boost::asio::awaitable<void> wait(core::time_point until);

  void watch();
  void readable(boost::system::error_code ec);
  void receive();
  void end(core::outcome how);
  [[nodiscard]] bool quiet() const;

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  std::unique_ptr<upstream_codec> codec_;
  idle_sink on_idle_end_;
  phase phase_ = phase::fresh;
  bool watching_ = false;
  core::time_point resting_since_{};

  // Of the running call.
  core::time_point deadline_{};
  bool connected_ = false;
  boost::system::error_code connect_error_;
  bool writable_ = false;
  bool send_failed_ = false;
  bool sent_all_ = false;
  std::size_t sent_bytes_ = 0;   ///< that the kernel took
  std::size_t burst_bytes_ = 0;  ///< since the peer was last known to have read everything
  bool ended_ = false;
  bool nudged_ = false;
  bool refused_ = false;  ///< by the codec: it has an answer, and nothing is sent
  exchange result_;
  std::vector<boost::asio::const_buffer> out_;
};

}  // namespace understudy::net
