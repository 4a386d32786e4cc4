// One connection to a MariaDB server, whose waits have a deadline.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "understudy/once_mariadb.hpp"

struct st_mysql;

namespace understudy::detail {

/// For one thread at a time. Uses libmariadb's functions that do not block, and waits by itself:
/// the library's own timeouts are whole seconds, for each read anew.
class mariadb_connection {
 public:
  using clock = std::chrono::steady_clock;

  mariadb_connection() = default;
  ~mariadb_connection() { close(); }
  mariadb_connection(const mariadb_connection&) = delete;
  mariadb_connection& operator=(const mariadb_connection&) = delete;

  /// Logs in, and begins the session. What failed stays in number() and text().
  [[nodiscard]] bool connect(const mariadb_options& options, clock::time_point deadline);
  /// One statement, or several with ";" between them: those after a failed one are not done. False:
  /// number() and text() tell why. Where no whole answer came, it is closed.
  [[nodiscard]] bool run(std::string_view sql, clock::time_point deadline);
  /// False also where the server ended it while nobody asked anything.
  [[nodiscard]] bool usable();
  [[nodiscard]] bool open() const { return handle_ != nullptr; }
  void close();

  /// The error's; 0 where no answer came in time.
  [[nodiscard]] unsigned number() const { return number_; }
  [[nodiscard]] const std::string& text() const { return text_; }
  /// Whether the server has a transaction open, as its last answer says. Errors do not say it.
  [[nodiscard]] bool in_transaction() const;
  /// Of the first statement of those that answered with rows.
  [[nodiscard]] std::vector<mariadb_row>& rows() { return rows_; }
  /// Of the last statement.
  [[nodiscard]] std::uint64_t changed() const { return changed_; }
  [[nodiscard]] std::uint64_t last_id() const { return last_id_; }
  /// 'text', as the session reads it.
  [[nodiscard]] std::string quoted(std::string_view value) const;

 private:
  [[nodiscard]] bool wait(int& events, clock::time_point deadline);
  [[nodiscard]] bool log_in(const mariadb_options& options, clock::time_point deadline);
  [[nodiscard]] bool read_answers(clock::time_point deadline);
  void note_error();
  bool give_up(unsigned number, std::string text);

  st_mysql* handle_ = nullptr;
  unsigned number_ = 0;
  std::string text_;
  std::vector<mariadb_row> rows_;
  std::uint64_t changed_ = 0;
  std::uint64_t last_id_ = 0;
};

}  // namespace understudy::detail
