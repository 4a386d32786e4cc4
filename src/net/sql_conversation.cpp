// The server's direction.
#include "net/sql_conversation.hpp"

namespace understudy::net {
namespace {

constexpr char ok_byte = 0x00;
constexpr char file_byte = '\xFB';
constexpr char eof_byte = '\xFE';
constexpr char error_byte = '\xFF';
constexpr std::uint64_t eof_length_max = 8;    // what begins so and is longer is a row
constexpr std::uint64_t columns_max = 0xFFFF;  // a table has at most 4096
constexpr std::uint64_t progress_report = 0xFFFF;

bool is_error(std::string_view head) {
  return head[0] == error_byte;
}

/// MariaDB tells how far a long statement has come by packets that look like errors.
bool is_progress(std::string_view head) {
  return is_error(head) && head.size() >= 3 && sql_number(head, 1, 2) == progress_report;
}

sql_command command_of(char byte) {
  return static_cast<sql_command>(static_cast<std::uint8_t>(byte));
}

}  // namespace

void sql_conversation::from_server(std::string_view bytes) {
  while (!bytes.empty() && readable()) {
    const auto taken = server_.take(bytes);
    bytes.remove_prefix(taken.bytes);
    if (taken.ended) server_message(server_.head(), server_.length());
  }
}

bool sql_conversation::resting() const {
  return phase_ == phase::ready && pending_.empty() && !file_ && packet_left_ == 0 && !goes_on_ &&
         server_.between();
}

bool sql_conversation::in_transaction() const {
  if (phase_ != phase::ready) return true;
  if ((status_ & sql_status::in_transaction) != 0) return true;
  return doubtful_ && (status_ & sql_status::autocommit) == 0;
}

void sql_conversation::server_message(std::string_view head, std::uint64_t length) {
  if (phase_ == phase::greeting) return read_greeting(head);
  if (head.empty()) {
    phase_ = phase::unreadable;
  } else if (phase_ == phase::login) {
    read_login_answer(head, length);
  } else if (pending_.empty()) {
    // What nobody asked for: it says why it ends the connection.
    phase_ = phase::unreadable;
  } else if (!is_progress(head)) {
    read_answer(head, length);
  }
}

void sql_conversation::read_greeting(std::string_view head) {
  const auto can = sql_greeting_can(head);
  if (!can || (*can & sql_can::protocol_41) == 0) {
    phase_ = phase::unreadable;
    return;
  }
  can_ = *can;
  phase_ = phase::login;
  answers_asked_ = 1;
  server_.keep_less();
}

void sql_conversation::read_login_answer(std::string_view head, std::uint64_t length) {
  if (is_error(head)) {
    phase_ = phase::unreadable;  // it ends the connection
  } else if (head[0] == ok_byte) {
    if (!take_status(head, length)) return;
    const bool packed = (can_ & (sql_can::compress | sql_can::compress_zstd)) != 0;
    phase_ = packed ? phase::unreadable : phase::ready;
    answers_asked_ = 0;
  } else {
    ++answers_asked_;  // of the plugin that checks who it is
  }
}

void sql_conversation::read_answer(std::string_view head, std::uint64_t length) {
  if (is_error(head)) return failed();
  switch (expects_) {
    case expected::first:
      return read_first(head, length);
    case expected::columns:
      if (--left_ > 0) return;
      expects_ = (can_ & sql_can::deprecate_eof) != 0 ? expected::rows : expected::columns_end;
      return;
    case expected::columns_end:
      if (head[0] != eof_byte) {
        phase_ = phase::unreadable;
      } else if (take_status(head, length)) {
        // Its rows are fetched later, by commands of their own.
        if ((status_ & sql_status::cursor_exists) != 0) return end_result();
        expects_ = expected::rows;
      }
      return;
    case expected::rows:
      return read_rows(head, length);
    case expected::definitions:
      if (--left_ == 0) answered();
  }
}

void sql_conversation::read_first(std::string_view head, std::uint64_t length) {
  switch (command_of(pending_.front())) {
    case sql_command::query:
    case sql_command::execute:
    case sql_command::bulk_execute:
    case sql_command::process_info:
      return read_first_of_result(head, length);
    case sql_command::prepare:
      return read_prepared(head);
    case sql_command::fetch:
    case sql_command::field_list:
      return read_rows(head, length);
    case sql_command::statistics:
      return answered();  // a line of text
    case sql_command::change_user:
      if (head[0] != ok_byte) {
        ++answers_asked_;
        return;
      }
      answers_asked_ = 0;
      break;
    default:
      if (head[0] != ok_byte && head[0] != eof_byte) {
        phase_ = phase::unreadable;
        return;
      }
  }
  if (take_status(head, length)) end_result();
}

void sql_conversation::read_first_of_result(std::string_view head, std::uint64_t length) {
  if (head[0] == ok_byte) {
    if (take_status(head, length)) end_result();
    return;
  }
  if (head[0] == file_byte) {
    // Were there other commands behind it, what the client sends next would be unclear.
    if (pending_.size() > 1 || file_) phase_ = phase::unreadable;
    file_ = true;
    return;
  }
  std::size_t at = 0;
  const auto columns = sql_length(head, at);
  if (!columns || *columns == 0 || *columns > columns_max) {
    phase_ = phase::unreadable;
    return;
  }
  left_ = *columns;
  expects_ = expected::columns;
  // MariaDB leaves the definitions away where the client has them from before.
  const bool may_lack = (can_ & sql_can::cache_metadata) != 0 && at < head.size();
  if (may_lack && head[at] == 0) {
    const bool no_eof = (can_ & sql_can::deprecate_eof) != 0;
    expects_ = no_eof ? expected::rows : expected::columns_end;
  }
}

void sql_conversation::read_prepared(std::string_view head) {
  constexpr std::size_t columns_at = 1 + 4;
  constexpr std::size_t parameters_at = columns_at + 2;
  if (head[0] != ok_byte || head.size() < parameters_at + 2) {
    phase_ = phase::unreadable;
    return;
  }
  const bool with_eof = (can_ & sql_can::deprecate_eof) == 0;
  left_ = 0;
  for (const std::size_t at : {columns_at, parameters_at}) {
    const std::uint64_t count = sql_number(head, at, 2);
    left_ += count + (count > 0 && with_eof ? 1 : 0);
  }
  if (left_ == 0) return answered();
  expects_ = expected::definitions;
}

bool sql_conversation::ends_rows(std::string_view head, std::uint64_t length) const {
  if (head[0] != eof_byte) return false;
  const bool ok_instead = (can_ & sql_can::deprecate_eof) != 0;
  return ok_instead ? length < sql_packet_bytes_max : length <= eof_length_max;
}

void sql_conversation::read_rows(std::string_view head, std::uint64_t length) {
  expects_ = expected::rows;
  if (ends_rows(head, length) && take_status(head, length)) end_result();
}

bool sql_conversation::take_status(std::string_view head, std::uint64_t length) {
  const auto status = sql_status_of(head, length);
  if (!status) {
    phase_ = phase::unreadable;
    return false;
  }
  status_ = *status;
  doubtful_ = false;
  return true;
}

void sql_conversation::end_result() {
  if ((status_ & sql_status::more_results) == 0) return answered();
  expects_ = expected::first;
}

void sql_conversation::answered() {
  pending_.erase(0, 1);
  expects_ = expected::first;
}

// An error has no status. A transaction that was open counts as open until one comes.
void sql_conversation::failed() {
  doubtful_ = true;
  if (command_of(pending_.front()) == sql_command::change_user) phase_ = phase::unreadable;
  answered();
}

}  // namespace understudy::net
