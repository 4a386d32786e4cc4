#include "db/session.hpp"

#include <errmsg.h>
#include <fcntl.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <mutex>
#include <system_error>

namespace understudy::db {

namespace {

/// The library's own set-up is not for several threads at once.
MYSQL* fresh_handle() {
  static std::once_flag once;
  std::call_once(once, [] { ::mysql_server_init(0, nullptr, nullptr); });
  return ::mysql_init(nullptr);
}

/// The library says why the system failed only in its text: "... (111)", "system error: 104".
int system_error_in(std::string_view text) {
  const std::size_t last = text.find_last_of("0123456789");
  if (last == std::string_view::npos) return 0;
  std::size_t first = last;
  while (first > 0 && text[first - 1] >= '0' && text[first - 1] <= '9') --first;
  int out = 0;
  std::from_chars(text.data() + first, text.data() + last + 1, out);
  return out;
}

bool is_client_error(unsigned code) {
  return code >= CR_MIN_ERROR && code < 3000;
}

}  // namespace

bell::bell() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

bell::~bell() {
  ::close(descriptor_);
}

void bell::ring() {
  const std::uint64_t one = 1;
  // It can not block, and fails only where it has been rung 2^64 times.
  [[maybe_unused]] const auto written = ::write(descriptor_, &one, sizeof one);
}

void bell::silence() {
  std::uint64_t times = 0;
  [[maybe_unused]] const auto read = ::read(descriptor_, &times, sizeof times);
}

fault session::wait(int& events, core::time_point deadline) {
  std::array<pollfd, 2> fds{};
  fds[0].fd = ::mysql_get_socket(handle_);
  if ((events & MYSQL_WAIT_READ) != 0) fds[0].events |= POLLIN;
  if ((events & MYSQL_WAIT_WRITE) != 0) fds[0].events |= POLLOUT;
  if ((events & MYSQL_WAIT_EXCEPT) != 0) fds[0].events |= POLLPRI;
  fds[1].fd = stop_ == nullptr ? -1 : stop_->descriptor();
  fds[1].events = POLLIN;
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const int ready =
        ::poll(fds.data(), fds.size(), static_cast<int>(std::clamp<long>(left.count(), 0, 60'000)));
    if (ready < 0 && errno != EINTR) {
      return {trouble::lost, 0, std::system_category().message(errno)};
    }
    if (ready > 0 && fds[1].revents != 0) return {trouble::stopped, 0, "stopped"};
    if (ready > 0) break;
    if (ready == 0 && left.count() <= 60'000) return {trouble::silent, 0, "no answer in time"};
  }
  events = 0;
  if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) events |= MYSQL_WAIT_READ;
  if ((fds[0].revents & (POLLOUT | POLLERR)) != 0) events |= MYSQL_WAIT_WRITE;
  if ((fds[0].revents & POLLPRI) != 0) events |= MYSQL_WAIT_EXCEPT;
  return {};
}

fault session::last_fault() const {
  const unsigned code = ::mysql_errno(handle_);
  const std::string text = ::mysql_error(handle_);
  if (!is_client_error(code)) {
    // The server says so before it ends a connection.
    const bool over = code == ER_CONNECTION_KILLED || code == ER_SERVER_SHUTDOWN;
    return {over ? trouble::lost : trouble::answered, code, text};
  }
  if (code == CR_CONNECTION_ERROR || code == CR_CONN_HOST_ERROR) {
    const int why = system_error_in(text);
    if (why == ECONNREFUSED) return {trouble::refused, code, text};
    return {why == ECONNRESET ? trouble::lost : trouble::silent, code, text};
  }
  return {trouble::lost, code, text};
}

fault session::connect(const endpoint& where, const login& who, core::time_point deadline) {
  close();
  handle_ = fresh_handle();
  if (handle_ == nullptr) return {trouble::silent, 0, "no memory"};
  ::mysql_options(handle_, MYSQL_OPT_NONBLOCK, nullptr);
  const bool local = where.host.starts_with('/');
  unsigned protocol = local ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
  ::mysql_options(handle_, MYSQL_OPT_PROTOCOL, &protocol);
  ::mysql_options(handle_, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  // No server may ask for our files.
  unsigned off = 0;
  ::mysql_options(handle_, MYSQL_OPT_LOCAL_INFILE, &off);
  MYSQL* done = nullptr;
  int events = ::mysql_real_connect_start(
      &done, handle_, local ? nullptr : where.host.c_str(), who.user.c_str(), who.password.c_str(),
      nullptr, where.port, local ? where.host.c_str() : nullptr, CLIENT_MULTI_STATEMENTS);
  while (events != 0) {
    if (fault f = wait(events, deadline); f) {
      drop();
      return f;
    }
    events = ::mysql_real_connect_cont(&done, handle_, events);
  }
  if (done == nullptr) {
    fault f = last_fault();
    drop();
    return f;
  }
  id_ = ::mysql_thread_id(handle_);
  return {};
}

fault session::read_tables(reply& into, core::time_point deadline) {
  for (;;) {
    MYSQL_RES* raw = nullptr;
    int events = ::mysql_store_result_start(&raw, handle_);
    while (events != 0) {
      if (fault f = wait(events, deadline); f) return f;
      events = ::mysql_store_result_cont(&raw, handle_, events);
    }
    table read;
    if (raw != nullptr) {
      const unsigned count = ::mysql_num_fields(raw);
      const MYSQL_FIELD* const fields = ::mysql_fetch_fields(raw);
      for (unsigned i = 0; i < count; ++i) read.columns.emplace_back(fields[i].name);
      while (MYSQL_ROW row = ::mysql_fetch_row(raw)) {
        const unsigned long* const lengths = ::mysql_fetch_lengths(raw);
        auto& out = read.rows.emplace_back(count);
        for (unsigned i = 0; i < count; ++i) {
          if (row[i] != nullptr) out[i] = std::string(row[i], lengths[i]);
        }
      }
      ::mysql_free_result(raw);
    } else if (::mysql_errno(handle_) != 0) {
      return last_fault();
    }
    into.tables.push_back(std::move(read));
    if (!::mysql_more_results(handle_)) return {};
    int failed = 0;
    events = ::mysql_next_result_start(&failed, handle_);
    while (events != 0) {
      if (fault f = wait(events, deadline); f) return f;
      events = ::mysql_next_result_cont(&failed, handle_, events);
    }
    if (failed > 0) return last_fault();
  }
}

reply session::run(std::string_view sql, core::time_point deadline) {
  reply out;
  if (handle_ == nullptr) {
    out.failed = {trouble::lost, 0, "not connected"};
    return out;
  }
  int failed = 0;
  int events = ::mysql_real_query_start(&failed, handle_, sql.data(), sql.size());
  while (events != 0 && !out.failed) {
    out.failed = wait(events, deadline);
    if (!out.failed) events = ::mysql_real_query_cont(&failed, handle_, events);
  }
  if (!out.failed) out.failed = failed != 0 ? last_fault() : read_tables(out, deadline);
  if (out.failed && out.failed.what != trouble::answered) drop();
  return out;
}

bool session::usable() {
  if (handle_ == nullptr) return false;
  pollfd fd{::mysql_get_socket(handle_), POLLIN, 0};
  // Nothing is to come while nothing was asked: what can be read is a farewell, or the end.
  if (::poll(&fd, 1, 0) == 0) return true;
  drop();
  return false;
}

bool session::rest(const bell& until) {
  std::array<pollfd, 2> fds{};
  fds[0].fd = handle_ == nullptr ? -1 : ::mysql_get_socket(handle_);
  fds[1].fd = until.descriptor();
  fds[0].events = fds[1].events = POLLIN;
  while (::poll(fds.data(), fds.size(), -1) < 0 && errno == EINTR) {
  }
  if (fds[1].revents != 0 || handle_ == nullptr) return false;
  return !usable();
}

void session::drop() {
  if (handle_ == nullptr) return;
  // A polite end could block.
  const my_socket socket = ::mysql_get_socket(handle_);
  if (socket >= 0) ::shutdown(socket, SHUT_RDWR);
  close();
}

void session::close() {
  if (handle_ == nullptr) return;
  ::mysql_close(handle_);
  handle_ = nullptr;
  id_ = 0;
}

}  // namespace understudy::db
