// A deposed primary that has gone on by itself.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "db/support/agents.hpp"
#include "db/support/load.hpp"

namespace understudy::db {

/// Node 1 was primary in epoch 1 and has rows 1 to 20 in common with node 2, which is primary in
/// epoch 2 and takes writes alone. Node 1 was started as a primary, takes no writes, and can follow
/// node 2 as soon as its log allows it.
class Diverged : public ::testing::Test {
 protected:
  cluster two_{2};
  agents all_{two_};
  core::gtid common_;

  void SetUp() override {
    two_.replicate();
    const auto client = two_.client(1);
    for (int id = 1; id <= 20; ++id) {
      ASSERT_TRUE(
          client->run("INSERT INTO app.t VALUES (" + std::to_string(id) + ")", soon()).ok());
    }
    common_ = two_.see(1).written;
    ASSERT_TRUE(eventually([&] { return two_.see(2).written == common_; }));
    two_.gen = core::after(two_.gen);
    two_.does(2, core::hold{});
    two_.does(2, core::revoke{});
    all_.restarts(1, core::start_role::primary);
    two_.does(2, core::promote{core::epoch{2}, nodes({1})});
    two_.does(2, core::open{core::epoch{2}, true});
    ASSERT_TRUE(two_.client(2)->run("INSERT INTO app.t VALUES (100),(101)", soon()).ok());
  }

  /// Node 1 writes, as it did in its epoch.
  void alone(const std::string& sql) { all_.administrator(1, "SET SESSION server_id=1001;" + sql); }
  void expect_untouched(const core::gtid& written, const std::set<std::int64_t>& rows) {
    EXPECT_EQ(two_.see(1).written, written);
    EXPECT_EQ(rows_of(two_, 1), rows);
  }
  void expect_follows() {
    two_.does(1, core::hold{});
    two_.joins(1, 2);
    ASSERT_TRUE(two_.client(2)->run("INSERT INTO app.t VALUES (200)", soon()).ok());
    EXPECT_TRUE(eventually([&] { return two_.see(1).written == two_.see(2).written; }));
    EXPECT_EQ(two_.see(1).receive_error, 0u);
    EXPECT_EQ(two_.see(1).apply_error, 0u);
    // A transaction is in the log before it can be seen.
    EXPECT_TRUE(eventually([&] { return checksums(1) == checksums(2); }));
    EXPECT_EQ(rows_of(two_, 1), rows_of(two_, 2));
    EXPECT_EQ(two_.see(1).state, two_.see(2).state);
  }

 private:
  std::string checksums(unsigned node) {
    session on;
    const auto socket = socket_file(two_.options(node).settings.folder).string();
    if (on.connect({socket, 0}, {"root", ""}, soon())) return "no connection";
    const auto read = on.run("CHECKSUM TABLE app.t, understudy.journal", soon());
    return read.ok() ? std::string(read.tables[0].first(0, 1)) + "/" +
                           std::string(read.tables[0].first(1, 1))
                     : read.failed.text;
  }
};

}  // namespace understudy::db
