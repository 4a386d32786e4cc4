// One connection to a server of our own kind, shared by many calls at a time (docs/MULTIPLEX.md).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.hpp"
#include "net/carrier.hpp"
#include "net/outbox.hpp"
#include "net/tls_connector.hpp"
#include "wire/frame.hpp"
#include "wire/multiplex.hpp"

namespace understudy::net {

class trunk_call;

/// One owner thread. It lives as long as its pending I/O or anyone holds it; close() ends both.
///
/// Calls that begin in one turn of the loop leave in one write. A call that its caller gave up
/// keeps its number until its answer has come, since the server still works on it; where it has not
/// begun to leave, it never does.
class trunk : public std::enable_shared_from_this<trunk> {
 public:
  enum class opening : std::uint8_t {
    open,
    refused,    ///< it answered: one call at a time
    not_now,    ///< it has too much to do
    no_answer,  ///< no connection, or none that lasted until an answer
  };
  /// The peer ended it while no call waited, or will end it (`closed`); or it said what nobody
  /// asked for.
  using idle_sink = std::function<void(bool closed)>;

  trunk(boost::asio::any_io_executor executor, wire::frame_limits limits, idle_sink on_idle_end);

  /// Connects and asks. Call once.
  /// Over TLS where there is a `way`, which outlives it.
  [[nodiscard]] boost::asio::awaitable<opening> open(boost::asio::ip::tcp::endpoint server,
                                                     core::time_point deadline,
                                                     const tls_way* way = nullptr);

  [[nodiscard]] bool ended() const { return !open_; }
  /// For a call with a body of so many bytes.
  [[nodiscard]] bool takes(std::size_t body_bytes) const;
  /// takes() must be true.
  [[nodiscard]] std::shared_ptr<carrier> begin();

  /// No caller waits for anything on it.
  [[nodiscard]] bool idle() const { return waiting_ == 0; }
  [[nodiscard]] core::time_point used_at() const { return used_at_; }
  /// Takes no new calls, and closes once none waits.
  void retire();
  /// At once. Its calls end as `lost`, or `stale`.
  void close();

 private:
  friend class trunk_call;

  /// A number's low half is the place in `places_`; the high half tells its users apart.
  struct place {
    trunk_call* call = nullptr;  ///< null: free, or given up by its caller
    std::uint16_t turn = 0;
    bool used = false;
  };

  [[nodiscard]] boost::asio::awaitable<boost::system::error_code> connect(
      boost::asio::ip::tcp::endpoint server, core::time_point deadline, const tls_way* way);
  [[nodiscard]] boost::asio::awaitable<opening> ask();
  [[nodiscard]] opening begin_with(std::string_view body);

  void send(trunk_call& call, std::string_view body);
  [[nodiscard]] bool has_begun(const trunk_call& call) const;
  /// False where no byte of it has left, nor ever will.
  bool leave(trunk_call& call);
  void take_back(const trunk_call& call);
  void flush();
  void read();
  void received(boost::system::error_code ec, std::size_t bytes);
  [[nodiscard]] bool cut_frames();
  [[nodiscard]] bool take_message(std::string_view message);
  void free_place(std::uint32_t index);
  /// It ended: not by us.
  void end(core::outcome how);
  void finish(core::outcome how);

  outbox& outbox_;
  boost::asio::ip::tcp::socket socket_;
  wire::frame_limits limits_;
  wire::frame_reader reader_;
  idle_sink on_idle_end_;
  wire::multiplex_grant granted_;
  std::vector<place> places_;
  std::vector<std::uint16_t> free_;
  std::vector<std::string> files_;  ///< that came before the next answer
  std::string out_;                 ///< not taken by the kernel yet, from out_at_ on
  std::size_t out_at_ = 0;
  std::uint64_t taken_bytes_ = 0;  ///< by the kernel, since the beginning
  std::size_t waiting_ = 0;        ///< calls that somebody waits for
  core::time_point used_at_{};
  core::time_point heard_at_{};  ///< something came from the peer
  bool open_ = false;
  bool retired_ = false;
  bool flushing_ = false;  ///< a flush is on its way
};

}  // namespace understudy::net
