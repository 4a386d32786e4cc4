// A real MariaDB, one for a suite, with an empty ledger for each test.
#pragma once

#include <memory>

#include "once/mariadb_ledger.hpp"
#include "support/mariadb_server.hpp"

namespace understudy::test {

class OnceMariadb : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<mariadb_server>(); }
  static void TearDownTestSuite() { server_.reset(); }

  OnceMariadb() : options_(at_port(server_->port())), watch_(server_->port()) {
    watch_.ask("DROP TABLE IF EXISTS effects, understudy_once, understudy_once_beat");
    watch_.ask(effects_table);
  }
  [[nodiscard]] int effects(const std::string& ticket) { return test::effects(watch_, ticket); }
  [[nodiscard]] std::string rows() { return watch_.ask("SELECT COUNT(*) FROM understudy_once"); }

  /// How many statements wait for a row's lock.
  [[nodiscard]] int lock_waits() {
    return std::stoi(
        watch_.ask("SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS"
                   " WHERE VARIABLE_NAME = 'INNODB_ROW_LOCK_CURRENT_WAITS'"));
  }

  static inline std::unique_ptr<mariadb_server> server_;
  mariadb_options options_;
  sql_client watch_;
  int runs_ = 0;
};

}  // namespace understudy::test
