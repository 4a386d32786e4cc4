// Follows what a MariaDB client and its server say to each other: is a statement under way, is a
// transaction open, may what the client sends go to the server? No I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "net/sql_packets.hpp"
#include "net/sql_text.hpp"

namespace understudy::net {

/// What to do with the first of the client's bytes that were not forwarded yet.
struct sql_step {
  enum class kind : std::uint8_t {
    more,     ///< receive more: they do not say yet
    wait,     ///< not now: for the server's answers, or because no statement may begin
    forward,  ///< `bytes` of them. They count as forwarded already
    refuse,   ///< drop `bytes` of them, a whole command, and answer it with `why`
    end,      ///< answer with `why`, if there is one, and end both connections: a part of it was
              ///< forwarded, or is still to come
  };
  enum class reason : std::uint8_t { none, kill, unknown_command, unreadable };
  kind what = kind::more;
  std::size_t bytes = 0;
  reason why = reason::none;
};

/// What it is told to look for.
struct sql_rules {
  bool refuse_kill = true;
  bool allow_unreadable = true;  ///< false: requests for TLS are refused
};

/// Of one connection. Whatever it does not understand makes it unreadable: all bytes are then
/// forwarded unread, and nobody may think that it rests. So do TLS, compression, a replica's binary
/// log, and a client's farewell. Locks (LOCK TABLES, GET_LOCK) are no transaction. Commands of 16
/// KiB or less are forwarded whole or not at all.
class sql_conversation {
 public:
  /// Commands that are forwarded and not answered; MariaDB's clients send some before answers.
  static constexpr std::size_t pending_max = 32;

  explicit sql_conversation(sql_rules rules) : rules_(rules) {}

  /// The next bytes from the server, in order, each once.
  void from_server(std::string_view bytes);

  /// `received`: what came from the client and was neither forwarded nor dropped. `full`: no more
  /// can be received before some of it goes. `may_begin`: a command may be forwarded.
  [[nodiscard]] sql_step from_client(std::string_view received, bool full, bool may_begin);

  /// Every command that was forwarded is answered, in full, and the client has sent nothing else.
  [[nodiscard]] bool resting() const;
  /// As the server's last status says. True where that cannot be known: after an error without
  /// autocommit, before the login's end, and where the connection is unreadable.
  [[nodiscard]] bool in_transaction() const;
  [[nodiscard]] bool readable() const { return phase_ != phase::unreadable; }
  /// Of the answer to the client's last packet.
  [[nodiscard]] std::uint8_t answer_sequence() const {
    return static_cast<std::uint8_t>(sequence_ + 1);
  }

 private:
  enum class phase : std::uint8_t { greeting, login, ready, unreadable };
  enum class expected : std::uint8_t {
    first,
    columns,      ///< `left_` definitions
    columns_end,  ///< an EOF behind them
    rows,         ///< to an EOF or an error
    definitions,  ///< `left_` packets, of a prepared statement
  };

  void server_message(std::string_view head, std::uint64_t length);
  void read_greeting(std::string_view head);
  void read_login_answer(std::string_view head, std::uint64_t length);
  void read_answer(std::string_view head, std::uint64_t length);
  void read_first(std::string_view head, std::uint64_t length);
  void read_first_of_result(std::string_view head, std::uint64_t length);
  void read_prepared(std::string_view head);
  void read_rows(std::string_view head, std::uint64_t length);
  [[nodiscard]] bool ends_rows(std::string_view head, std::uint64_t length) const;
  /// Takes the status. False, and unreadable, where there is none.
  bool take_status(std::string_view head, std::uint64_t length);
  void end_result();
  void answered();
  void failed();

  [[nodiscard]] sql_step go_on(std::string_view received);
  [[nodiscard]] sql_step begin_login(std::string_view received);
  [[nodiscard]] sql_step begin_command(std::string_view received, bool whole);
  /// Forwards the first packet of a message, or as much of it as there is.
  [[nodiscard]] sql_step begin_message(std::string_view received);
  [[nodiscard]] sql_step continue_packet(std::string_view received, std::size_t from);
  void end_message();

  const sql_rules rules_;
  phase phase_ = phase::greeting;
  std::uint64_t can_ = 0;  ///< the server's; after the login what both can
  std::uint16_t status_ = sql_status::autocommit;
  bool doubtful_ = false;  ///< an error came since the status

  // The server's direction.
  sql_cutter server_;
  std::string pending_;  ///< commands, in order: few, mostly one
  expected expects_ = expected::first;
  std::uint64_t left_ = 0;

  // The client's direction.
  std::uint32_t packet_left_ = 0;  ///< of a packet that was forwarded in part
  bool goes_on_ = false;           ///< the next packet belongs to the same message
  bool empty_ = false;             ///< the packet that is being forwarded is
  bool login_seen_ = false;
  std::size_t answers_asked_ = 0;  ///< messages that the server wants, which are no commands
  bool file_ = false;              ///< it sends a file, to an empty packet
  bool looks_for_kill_ = false;
  sql_kill_finder kill_;
  std::uint8_t sequence_ = 0;
};

}  // namespace understudy::net
