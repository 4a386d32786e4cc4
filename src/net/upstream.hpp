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
#include "wire/frame.hpp"

namespace understudy::net {

/// What came of one call on one connection.
struct exchange {
  /// answered (errors too: what a code says of the server is not judged here), stale, lost,
  /// unreadable or timed_out.
  core::outcome how = core::outcome::lost;
  std::string body;                        ///< the answer as received, where there is one
  std::vector<std::string> files;          ///< file frames that came before it
  std::optional<std::int64_t> error_code;  ///< of an answer that is an error
  bool too_large = false;  ///< answered, but with more than the limits allow: there is no body
};

/// One owner thread. It lives as long as its pending I/O or anyone holds it; close() ends both.
///
/// It watches the socket for readability all the time, idle or busy: bytes are left in the kernel
/// until a call waits for them, so nothing that came unasked can be taken for an answer. A timer
/// set to the call's deadline is the only thing that a call awaits: events cut it short.
class upstream : public std::enable_shared_from_this<upstream> {
 public:
  /// The peer ended an idle connection (`closed`), or sent bytes nobody asked for.
  using idle_sink = std::function<void(upstream& which, bool closed)>;

  upstream(boost::asio::any_io_executor executor, wire::frame_limits limits, idle_sink on_idle_end);

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
                                                   core::time_point deadline);
  /// Waits until `until`, or nudge(). True once the call has ended: then take().
  [[nodiscard]] boost::asio::awaitable<bool> go_on(core::time_point until);
  [[nodiscard]] exchange take();
  void nudge();
  /// Body and files are not needed any more.
  [[nodiscard]] bool sent_all() const { return sent_all_; }

  /// Open, with no byte left behind the last answer: it may rest.
  [[nodiscard]] bool clean() const;
  /// Clean, and nothing has come since, no FIN either: asks the kernel.
  [[nodiscard]] bool reusable() const;
  /// From now on, until the next call(), an end or unasked bytes go to the idle sink.
  void rest(core::time_point now);
  [[nodiscard]] core::time_point resting_since() const { return resting_since_; }
  /// At once. Ends a running call as `lost`.
  void close();

 private:
  enum class phase : std::uint8_t { fresh, busy, idle, closed };

  [[nodiscard]] boost::asio::awaitable<void> send(std::string_view body,
                                                  std::span<const std::string_view> files);
  [[nodiscard]] boost::asio::awaitable<void> write_out();
  [[nodiscard]] boost::asio::awaitable<void> let_drain();
  /// Until `until`, or until something happened.
  [[nodiscard]] boost::asio::awaitable<void> wait(core::time_point until);

  void append(wire::frame_type type, std::string_view body);
  void watch();
  void readable(boost::system::error_code ec);
  void receive();
  [[nodiscard]] bool cut_frames();
  void end(core::outcome how);
  void take_answer(std::string_view body);
  [[nodiscard]] bool quiet() const;

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  wire::frame_reader reader_;
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
  exchange result_;
  std::vector<char> headers_;
  std::vector<boost::asio::const_buffer> out_;
};

}  // namespace understudy::net
