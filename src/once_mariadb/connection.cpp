#include "once_mariadb/connection.hpp"

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <mutex>
#include <optional>
#include <system_error>

namespace understudy::detail {
namespace {

using std::chrono::milliseconds;

/// The library's own set-up is not for several threads at once.
MYSQL* fresh_handle() {
  static std::once_flag once;
  std::call_once(once, [] { ::mysql_server_init(0, nullptr, nullptr); });
  return ::mysql_init(nullptr);
}

std::optional<std::string> password_of(const mariadb_options& options) {
  if (options.password_file.empty()) return options.password;
  std::ifstream file(options.password_file);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

/// What a frozen process holds is free after two seconds.
std::string session_start(const mariadb_options& options) {
  const std::string lock_wait = std::to_string(std::max<long>(options.lock_wait.count(), 1));
  return "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,"
         "NO_ENGINE_SUBSTITUTION', tx_isolation = 'READ-COMMITTED', time_zone = '+00:00',"
         " autocommit = 1, idle_transaction_timeout = 30,"
         " idle_write_transaction_timeout = 2, innodb_lock_wait_timeout = " +
         lock_wait + ", lock_wait_timeout = " + lock_wait;
}

bool is_client_error(unsigned number) {
  return number >= CR_MIN_ERROR && number < 3000;
}

/// The server says these before it ends a connection.
bool is_farewell(unsigned number) {
  return number == ER_CONNECTION_KILLED || number == ER_SERVER_SHUTDOWN ||
         number == ER_NORMAL_SHUTDOWN;
}

}  // namespace

bool mariadb_connection::give_up(unsigned number, std::string text) {
  number_ = number;
  text_ = std::move(text);
  close();
  return false;
}

void mariadb_connection::close() {
  if (handle_ == nullptr) return;
  // A polite end could block.
  const my_socket socket = ::mysql_get_socket(handle_);
  if (socket >= 0) ::shutdown(socket, SHUT_RDWR);
  ::mysql_close(handle_);
  handle_ = nullptr;
}

bool mariadb_connection::wait(int& events, clock::time_point deadline) {
  pollfd fd{::mysql_get_socket(handle_), 0, 0};
  if ((events & MYSQL_WAIT_READ) != 0) fd.events |= POLLIN;
  if ((events & MYSQL_WAIT_WRITE) != 0) fd.events |= POLLOUT;
  if ((events & MYSQL_WAIT_EXCEPT) != 0) fd.events |= POLLPRI;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - clock::now()).count();
    const int ready = ::poll(&fd, 1, static_cast<int>(std::clamp<long>(left, 0, 60'000)));
    if (ready > 0) break;
    if (ready < 0 && errno != EINTR) {
      return give_up(CR_SERVER_LOST, std::system_category().message(errno));
    }
    if (ready == 0 && left <= 60'000) return give_up(0, "no answer in time");
  }
  events = 0;
  if ((fd.revents & (POLLIN | POLLHUP | POLLERR)) != 0) events |= MYSQL_WAIT_READ;
  if ((fd.revents & (POLLOUT | POLLERR)) != 0) events |= MYSQL_WAIT_WRITE;
  if ((fd.revents & POLLPRI) != 0) events |= MYSQL_WAIT_EXCEPT;
  return true;
}

void mariadb_connection::note_error() {
  number_ = ::mysql_errno(handle_);
  text_ = ::mysql_error(handle_);
  if (is_client_error(number_) || is_farewell(number_)) close();
}

bool mariadb_connection::log_in(const mariadb_options& options, clock::time_point deadline) {
  const auto password = password_of(options);
  if (!password) return give_up(CR_UNKNOWN_ERROR, "cannot read " + options.password_file);
  handle_ = fresh_handle();
  if (handle_ == nullptr) return give_up(CR_OUT_OF_MEMORY, "no memory");
  ::mysql_options(handle_, MYSQL_OPT_NONBLOCK, nullptr);
  unsigned protocol = MYSQL_PROTOCOL_TCP;
  ::mysql_options(handle_, MYSQL_OPT_PROTOCOL, &protocol);
  ::mysql_options(handle_, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  // No server may ask for our files.
  unsigned off = 0;
  ::mysql_options(handle_, MYSQL_OPT_LOCAL_INFILE, &off);
  MYSQL* done = nullptr;
  // CLIENT_FOUND_ROWS is off: what an UPDATE leaves as it was does not count as changed.
  int events = ::mysql_real_connect_start(
      &done, handle_, options.host.c_str(), options.user.c_str(), password->c_str(),
      options.database.c_str(), options.port, nullptr, CLIENT_MULTI_STATEMENTS);
  while (events != 0) {
    if (!wait(events, deadline)) return false;
    events = ::mysql_real_connect_cont(&done, handle_, events);
  }
  if (done != nullptr) return true;
  note_error();
  close();
  return false;
}

bool mariadb_connection::connect(const mariadb_options& options, clock::time_point deadline) {
  close();
  if (!log_in(options, deadline)) return false;
  if (run(session_start(options), deadline)) return true;
  close();
  return false;
}

bool mariadb_connection::read_answers(clock::time_point deadline) {
  for (;;) {
    MYSQL_RES* raw = nullptr;
    int events = ::mysql_store_result_start(&raw, handle_);
    while (events != 0) {
      if (!wait(events, deadline)) return false;
      events = ::mysql_store_result_cont(&raw, handle_, events);
    }
    if (raw != nullptr) {
      const unsigned count = ::mysql_num_fields(raw);
      std::vector<mariadb_row> read;
      while (MYSQL_ROW row = ::mysql_fetch_row(raw)) {
        const unsigned long* const lengths = ::mysql_fetch_lengths(raw);
        mariadb_row& out = read.emplace_back(count);
        for (unsigned i = 0; i < count; ++i) {
          if (row[i] != nullptr) out[i] = std::string(row[i], lengths[i]);
        }
      }
      ::mysql_free_result(raw);
      if (rows_.empty()) rows_ = std::move(read);
    } else if (::mysql_errno(handle_) != 0) {
      note_error();
      return false;
    }
    changed_ = ::mysql_affected_rows(handle_);
    last_id_ = ::mysql_insert_id(handle_);
    if (!::mysql_more_results(handle_)) return true;
    int failed = 0;
    events = ::mysql_next_result_start(&failed, handle_);
    while (events != 0) {
      if (!wait(events, deadline)) return false;
      events = ::mysql_next_result_cont(&failed, handle_, events);
    }
    if (failed > 0) {
      note_error();
      return false;
    }
  }
}

bool mariadb_connection::run(std::string_view sql, clock::time_point deadline) {
  rows_.clear();
  if (handle_ == nullptr) return give_up(CR_SERVER_GONE_ERROR, "not connected");
  int failed = 0;
  int events = ::mysql_real_query_start(&failed, handle_, sql.data(), sql.size());
  while (events != 0) {
    if (!wait(events, deadline)) return false;
    events = ::mysql_real_query_cont(&failed, handle_, events);
  }
  if (failed == 0) return read_answers(deadline);
  note_error();
  return false;
}

bool mariadb_connection::usable() {
  if (handle_ == nullptr) return false;
  pollfd fd{::mysql_get_socket(handle_), POLLIN, 0};
  // Nothing is to come while nothing was asked: what can be read is a farewell, or the end.
  if (::poll(&fd, 1, 0) == 0) return true;
  close();
  return false;
}

bool mariadb_connection::in_transaction() const {
  return handle_ != nullptr && (handle_->server_status & SERVER_STATUS_IN_TRANS) != 0;
}

std::string mariadb_connection::quoted(std::string_view value) const {
  if (handle_ == nullptr) return "''";
  std::string out(2 * value.size() + 3, '\'');
  const auto size = ::mysql_real_escape_string(handle_, out.data() + 1, value.data(), value.size());
  out.resize(size + 2);
  out.back() = '\'';
  return out;
}

}  // namespace understudy::detail
