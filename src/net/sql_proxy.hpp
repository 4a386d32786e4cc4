// An endpoint of a database cluster: leads MariaDB clients to the primary, or to replicas.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/types.hpp"

namespace understudy::net {

struct sql_target {
  std::string address;  ///< HOST:PORT
  unsigned weight = 1;  ///< its share of the connections, beside others; 0 counts as 1
};

struct sql_proxy_options {
  std::string name = "write";  ///< clients are told it where no server is found for them
  /// A higher stamp cuts connections to targets that are none any more (`write`). False: they are
  /// drained, as with an equal stamp (`read`).
  bool cut_removed = true;
  /// COM_PROCESS_KILL and the statement KILL get an error: KILL QUERY would have a commit
  /// acknowledged that no replica has. What is not found: net/sql_text.hpp. Nothing is found in
  /// connections that cannot be read.
  bool refuse_kill = true;
  /// Clients may ask for TLS. Their connections cannot be read: they count as in a transaction
  /// always, so a switchover cuts them when the grace is over.
  bool allow_unreadable = true;
  std::size_t connections_max = 2000;  ///< with those that wait; beyond: error 1040, closed
  std::size_t waiting_max = 1000;      ///< for a target; beyond: error 1040, closed
  /// For a target, and for its greeting; then error 1053. A takeover takes 2 s where it is slow.
  std::chrono::milliseconds wait_max{10000};
  /// From the first packet to a target to its greeting; then another is tried, or the same again.
  std::chrono::milliseconds connect_max{2000};
  /// What a hold leaves an open transaction, or a statement under way, before it is cut. The hold
  /// has to be confirmed in 200 ms, and a switchover should take less than 100.
  std::chrono::milliseconds grace{50};
  std::chrono::milliseconds hold_max{2000};    ///< then it ends by itself
  std::chrono::milliseconds drain_max{30000};  ///< after it a removed target's connections are cut
};

/// How far a hold has come.
enum class sql_hold : std::uint8_t {
  none,
  closing,  ///< something is in flight still
  closed,   ///< nothing is connected to any target
};

/// What an owner shows of it. Counts of now; those after `accepted` since the start.
struct sql_status_report {
  sql_hold hold = sql_hold::none;
  std::uint64_t stamp = 0;
  std::size_t open = 0;            ///< connected to a target
  std::size_t waiting = 0;         ///< for a target, or for its greeting
  std::size_t in_transaction = 0;  ///< of the open ones; with the unreadable
  std::size_t unreadable = 0;      ///< of the open ones
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;  ///< connections, with an error in the greeting's place
  std::uint64_t ended = 0;    ///< by us, between statements: nothing was under way
  std::uint64_t cut = 0;      ///< by us, in the midst of something
  std::uint64_t statements_refused = 0;
  struct target {
    std::string address;
    std::size_t connections = 0;
  };
  std::vector<target> targets;
};

/// How a hold ended or went on.
struct sql_held {
  /// No connection leads to a target, and none will before release(), lead_to(), or the time
  /// `hold_max` after hold(). False: it ended before that was so.
  bool closed = false;
  /// Connections whose statement or transaction was cut because the grace was over. Their servers
  /// may run the statement to its end: what follows has to stand it.
  std::size_t cut = 0;
};

/// Clients log in at the server itself: all bytes pass untouched, in both directions, in buffers of
/// 16 KiB. Packets are read only to tell what is under way (net/sql_conversation.hpp).
///
/// How a connection ends when its target is left:
/// - it rests between statements, or its next statement was not forwarded: the client gets error
///   1927 (the connection was killed; SQLSTATE 08S01, communication link failure, which libraries
///   take for a lost connection), whose text says that the statement was not executed; then the
///   end. Not 1053, which servers also send in the midst of a statement. A client that has nothing
///   under way sees the error, if it looks, and the end;
/// - something is under way: both sides are closed, and the client cannot know how it went;
/// - it was not greeted yet: the client does not notice, and waits for the next target.
///
/// Used on its executor's thread alone, of which there must be one. Callbacks are called there,
/// never from inside a function of this class. The owner calls stop() in the end; connections keep
/// the object alive.
class sql_proxy {
 public:
  virtual ~sql_proxy() = default;
  static std::shared_ptr<sql_proxy> make(boost::asio::any_io_executor executor,
                                         sql_proxy_options options);

  /// Binds HOST:PORT (port 0: any) and serves; std::runtime_error with a sentence on failure.
  /// Until there are targets, clients wait.
  virtual void listen(const std::string& address) = 0;
  [[nodiscard]] virtual std::vector<std::string> addresses() const = 0;  ///< with real ports

  /// Where connections lead from now on: each new one to the target with the fewest for its weight.
  /// `stamp` is the epoch. A lower one than before is ignored: false. A higher one cuts at once
  /// what leads elsewhere, or drains it (`cut_removed`). The same one drains it: connections end
  /// between statements, outside transactions. Ends a hold. No targets: clients wait.
  virtual bool lead_to(std::vector<sql_target> targets, std::uint64_t stamp) = 0;
  /// Cuts all connections at once and leads nowhere, until the next lead_to().
  virtual void stop_all() = 0;

  using held_handler = std::function<void(sql_held)>;
  /// For a switchover: new connections wait. Those that rest outside a transaction end at once;
  /// transactions that are open, and statements under way, have the grace to end. Nothing is
  /// forwarded any more once `done` has been told that all is closed. A hold in a hold does
  /// not prolong it.
  virtual void hold(held_handler done) = 0;
  /// Ends a hold: who waits goes on, to the same targets.
  virtual void release() = 0;

  [[nodiscard]] virtual sql_status_report status() const = 0;
  /// Closes everything, for good.
  virtual void stop() = 0;
};

}  // namespace understudy::net
