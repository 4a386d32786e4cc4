// The client's direction.
#include <algorithm>

#include "net/sql_conversation.hpp"

namespace understudy::net {
namespace {

using kind = sql_step::kind;
using reason = sql_step::reason;

/// A request for TLS is a login that ends before the name.
constexpr std::size_t tls_request_bytes = 32;

sql_step only(kind what, reason why = reason::none) {
  return {what, 0, why};
}

bool is_known(std::uint8_t command) {
  return command <= static_cast<std::uint8_t>(sql_command::reset_connection) ||
         command == static_cast<std::uint8_t>(sql_command::bulk_execute);
}

bool is_answered(sql_command command) {
  return command != sql_command::quit && command != sql_command::send_long_data &&
         command != sql_command::close_statement;
}

/// What follows is no answer: the server sends as long as it likes, or ends the connection.
bool is_last(sql_command command) {
  return command == sql_command::quit || command == sql_command::binlog_dump ||
         command == sql_command::binlog_dump_gtid || command == sql_command::table_dump;
}

}  // namespace

sql_step sql_conversation::from_client(std::string_view received, bool full, bool may_begin) {
  if (received.empty()) return only(kind::more);
  if (!readable()) return {kind::forward, received.size(), reason::none};
  if (packet_left_ > 0) return continue_packet(received, 0);
  if (phase_ == phase::greeting) return only(kind::wait);
  if (received.size() < sql_header_bytes) return only(kind::more);
  const std::size_t packet = sql_header_bytes + sql_packet_length(received);
  const bool whole = received.size() >= packet;
  if (goes_on_ || file_) return begin_message(received);
  if (!whole && !full) return only(kind::more);
  if (phase_ == phase::login && !login_seen_) return begin_login(received);
  if (answers_asked_ > 0) return begin_message(received);
  const bool changes_user =
      !pending_.empty() && pending_.front() == static_cast<char>(sql_command::change_user);
  if (phase_ == phase::login || changes_user) return only(kind::wait);
  if (!may_begin || pending_.size() >= pending_max) return only(kind::wait);
  return begin_command(received, whole);
}

sql_step sql_conversation::begin_login(std::string_view received) {
  const std::string_view payload = received.substr(sql_header_bytes, sql_packet_length(received));
  const std::uint64_t both = can_ & sql_login_can(payload);
  const bool tls = (both & sql_can::tls) != 0 && sql_packet_length(received) <= tls_request_bytes;
  sequence_ = static_cast<std::uint8_t>(received[3]);
  if (tls && !rules_.allow_unreadable) return only(kind::end, reason::unreadable);
  login_seen_ = true;
  can_ = both;
  const sql_step step = begin_message(received);
  if (tls || (both & sql_can::protocol_41) == 0) phase_ = phase::unreadable;
  return step;
}

sql_step sql_conversation::begin_command(std::string_view received, bool whole) {
  const std::uint32_t length = sql_packet_length(received);
  if (length == 0) return begin_message(received);  // nothing is asked; the server ends it
  const auto byte = static_cast<std::uint8_t>(received[sql_header_bytes]);
  const auto command = static_cast<sql_command>(byte);
  reason why = is_known(byte) ? reason::none : reason::unknown_command;
  sql_kill_finder finder(status_);
  const bool has_text = command == sql_command::query || command == sql_command::prepare;
  if (rules_.refuse_kill) {
    const auto text =
        received.substr(sql_header_bytes + 1,
                        std::min<std::size_t>(length, received.size() - sql_header_bytes) - 1);
    if (command == sql_command::process_kill || (has_text && finder.find(text))) why = reason::kill;
  }
  if (why != reason::none) {
    if (!pending_.empty() || !server_.between()) return only(kind::wait);  // in order, and whole
    sequence_ = static_cast<std::uint8_t>(received[3]);
    const bool all = whole && length < sql_packet_bytes_max;
    return {all ? kind::refuse : kind::end, sql_header_bytes + length, why};
  }
  if (is_answered(command)) pending_ += static_cast<char>(byte);
  if (is_last(command)) phase_ = phase::unreadable;
  const sql_step step = begin_message(received);
  looks_for_kill_ = has_text && rules_.refuse_kill && (packet_left_ > 0 || goes_on_);
  kill_ = finder;
  return step;
}

sql_step sql_conversation::begin_message(std::string_view received) {
  const std::uint32_t length = sql_packet_length(received);
  sequence_ = static_cast<std::uint8_t>(received[3]);
  empty_ = length == 0 && !goes_on_;
  goes_on_ = length == sql_packet_bytes_max;
  packet_left_ = length;
  return continue_packet(received, sql_header_bytes);
}

sql_step sql_conversation::continue_packet(std::string_view received, std::size_t from) {
  const auto part = std::min<std::size_t>(packet_left_, received.size() - from);
  if (looks_for_kill_ && kill_.find(received.substr(from, part))) {
    // An answer of ours would be taken for that of a command before it.
    return only(kind::end, pending_.size() > 1 ? reason::none : reason::kill);
  }
  packet_left_ -= static_cast<std::uint32_t>(part);
  if (packet_left_ == 0 && !goes_on_) end_message();
  return {kind::forward, from + part, reason::none};
}

void sql_conversation::end_message() {
  looks_for_kill_ = false;
  if (file_) {
    if (empty_) file_ = false;
  } else if (answers_asked_ > 0) {
    --answers_asked_;
  }
}

}  // namespace understudy::net
