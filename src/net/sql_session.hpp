// One client of an endpoint, and its connection to a server.
#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/sql_conversation.hpp"
#include "net/sql_proxy.hpp"

namespace understudy::net {

/// A target, and how many sessions have chosen it. Shared by them.
struct sql_place {
  sql_target target;
  std::size_t connections = 0;
};
using sql_place_ptr = std::shared_ptr<sql_place>;

/// How a session left its place.
enum class sql_parting : std::uint8_t {
  itself,  ///< the client or the server ended it, or it was not greeted
  ended,   ///< by the endpoint, with nothing under way
  cut,     ///< by the endpoint, with a statement or transaction under way
};

class sql_session;

/// What sessions ask and tell the endpoint that they belong to. They keep it alive.
class sql_host {
 public:
  virtual ~sql_host() = default;
  [[nodiscard]] virtual const sql_proxy_options& options() const = 0;
  /// Where to lead; nothing while there is no target but those that were tried, or a hold.
  [[nodiscard]] virtual sql_place_ptr choose(const std::vector<sql_place_ptr>& tried) = 0;
  [[nodiscard]] virtual bool has_room_to_wait() const = 0;
  virtual void count_refused() = 0;
  virtual void count_statement_refused() = 0;
  /// It leads to its place no more.
  virtual void left_place(sql_parting how) = 0;
  virtual void closed(sql_session& who) = 0;
};

class sql_session : public std::enable_shared_from_this<sql_session> {
 public:
  enum class phase : std::uint8_t {
    choosing,    ///< no target yet
    connecting,  ///< to the greeting
    open,
    leaving,  ///< told the client that it ends; the server's side is closed
    closed,
  };

  sql_session(std::shared_ptr<sql_host> host, boost::asio::ip::tcp::socket client);
  /// Until it has ended.
  static boost::asio::awaitable<void> run(std::shared_ptr<sql_session> self);

  [[nodiscard]] phase at() const { return phase_; }
  [[nodiscard]] const sql_place_ptr& place() const { return place_; }
  [[nodiscard]] const sql_conversation& conversation() const { return talk_; }

  /// For one who waits: there may be a target now.
  void look_again() { bell_.cancel(); }
  /// Leaves its target at once. `why` is what the client is told: "because ..".
  void cut(std::string_view why);
  /// Leaves its target as soon as it rests outside a transaction, or else `at_most` later.
  void drain(std::string_view why, std::chrono::milliseconds at_most);
  /// Stays where it is, after drain().
  void stay();
  void close();

 private:
  using time_point = std::chrono::steady_clock::time_point;

  [[nodiscard]] boost::asio::awaitable<bool> find_server();
  [[nodiscard]] boost::asio::awaitable<bool> connect(time_point deadline);
  [[nodiscard]] boost::asio::awaitable<void> rung_or(time_point until);
  void watch_client();
  void refuse(std::uint16_t code, const std::string& text);

  static boost::asio::awaitable<void> carry_up(std::shared_ptr<sql_session> self);
  [[nodiscard]] boost::asio::awaitable<void> carry_down();
  [[nodiscard]] boost::asio::awaitable<void> receive_up();
  [[nodiscard]] boost::asio::awaitable<void> forward(std::size_t bytes);
  [[nodiscard]] boost::asio::awaitable<void> discard_rest();
  void refuse_statement(sql_step step);
  bool say(const std::string& bytes);
  void end_if_rests();
  void farewell(const std::string& error, sql_parting how);
  void close_after(std::chrono::milliseconds time);
  void leave_place(sql_parting how);
  [[nodiscard]] bool between_statements() const;

  const std::shared_ptr<sql_host> host_;
  boost::asio::ip::tcp::socket client_;
  boost::asio::ip::tcp::socket server_;
  boost::asio::steady_timer bell_;   ///< who waits for something in here waits for it
  boost::asio::steady_timer limit_;  ///< of a drain, or of the last bytes
  phase phase_ = phase::choosing;
  sql_place_ptr place_;
  std::uint64_t attempt_ = 0;  ///< to connect: a late handler belongs to none
  bool reached_ = false;
  bool failed_ = false;
  bool moved_ = false;  ///< while it connected, its target was left

  sql_conversation talk_;
  static constexpr std::size_t buffer_bytes = 16384;
  std::unique_ptr<std::array<char, buffer_bytes>> up_;
  std::unique_ptr<std::array<char, buffer_bytes>> down_;
  std::size_t up_begin_ = 0;
  std::size_t up_end_ = 0;
  bool draining_ = false;
  bool parted_ = false;      ///< from the server, while its last answer is being delivered
  bool delivering_ = false;  ///< the server's bytes to the client
  bool forwarding_ = false;  ///< the client's to the server
  std::string why_;
};

}  // namespace understudy::net
