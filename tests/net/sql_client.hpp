// A client that is not ours: MariaDB's own library, through the endpoint.
#pragma once

#include <mysql.h>

#include <cstdint>
#include <string>
#include <utility>

namespace understudy::test {

/// Logs in as `app`. Nothing throws: error() tells, 0 is none.
class sql_client {
 public:
  struct setup {
    unsigned long flags = CLIENT_MULTI_STATEMENTS;
    bool tls = false;
    bool compress = false;
  };
  explicit sql_client(std::uint16_t port) : sql_client(port, setup()) {}
  sql_client(std::uint16_t port, setup how) : at_(mysql_init(nullptr)) {
    const unsigned long packet_max = 64UL << 20;
    const unsigned patience_s = 20;
    mysql_optionsv(at_, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet_max);
    mysql_optionsv(at_, MYSQL_OPT_READ_TIMEOUT, &patience_s);
    mysql_optionsv(at_, MYSQL_OPT_CONNECT_TIMEOUT, &patience_s);
    const my_bool on = 1;
    if (how.tls) mysql_optionsv(at_, MYSQL_OPT_SSL_ENFORCE, &on);
    if (how.compress) mysql_optionsv(at_, MYSQL_OPT_COMPRESS, nullptr);
    mysql_real_connect(at_, "127.0.0.1", "app", "secret", "app", port, nullptr, how.flags);
  }
  ~sql_client() { mysql_close(at_); }
  sql_client(const sql_client&) = delete;
  sql_client& operator=(const sql_client&) = delete;

  [[nodiscard]] MYSQL* get() const { return at_; }
  [[nodiscard]] unsigned error() const { return mysql_errno(at_); }
  [[nodiscard]] std::string error_text() const { return mysql_error(at_); }

  /// Runs it; the first field of the last row of all results. "error N" where it fails.
  std::string ask(const std::string& text) {
    std::string out;
    if (mysql_real_query(at_, text.data(), text.size()) != 0) return failed();
    for (;;) {
      if (MYSQL_RES* const result = mysql_store_result(at_)) {
        while (MYSQL_ROW row = mysql_fetch_row(result)) {
          const unsigned long* sizes = mysql_fetch_lengths(result);
          out = row[0] != nullptr ? std::string(row[0], sizes[0]) : "NULL";
        }
        mysql_free_result(result);
      } else if (error() != 0) {
        return failed();
      }
      const int next = mysql_next_result(at_);
      if (next > 0) return failed();
      if (next < 0) return out;
    }
  }

 private:
  [[nodiscard]] std::string failed() const { return "error " + std::to_string(error()); }

  MYSQL* at_;
};

}  // namespace understudy::test
