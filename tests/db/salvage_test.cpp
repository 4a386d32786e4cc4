// What a replica has acknowledged and not applied survives the end of all servers.
#include <gtest/gtest.h>

#include <algorithm>

#include "db/files.hpp"
#include "db/support/agents.hpp"
#include "db/support/load.hpp"

namespace understudy::db {
namespace {

using core::step_end;

class Salvage : public ::testing::Test {
 protected:
  cluster two_{2};
  agents all_{two_};

  void SetUp() override { two_.replicate(); }

  /// Node 2 acknowledges some rows (ids from 1) that it does not apply; then both are killed.
  std::set<std::int64_t> lose_both(std::size_t count) {
    all_.administrator(2, "STOP SLAVE SQL_THREAD");
    load writes(two_, 1, 1);
    EXPECT_TRUE(eventually([&] { return writes.count() >= count; }));
    all_.does(1, core::kill_server{});
    all_.does(2, core::kill_server{});
    EXPECT_TRUE(eventually([&] { return writes.ended(); }));
    all_.starts(2);
    EXPECT_TRUE(rows_of(two_, 2).empty());
    EXPECT_FALSE(two_.see(2).salvaged);
    return writes.acknowledged();
  }

  void expect_all(const std::set<std::int64_t>& acknowledged) {
    const core::sight seen = two_.see(2);
    EXPECT_TRUE(seen.salvaged);
    EXPECT_TRUE(seen.drained());
    EXPECT_EQ(seen.written.server, 1001u);
    EXPECT_EQ(seen.receiving, core::receiver::stopped);
    EXPECT_TRUE(seen.read_only);
    const auto there = rows_of(two_, 2);
    EXPECT_TRUE(
        std::includes(there.begin(), there.end(), acknowledged.begin(), acknowledged.end()));
    EXPECT_EQ(all_.administrator(2, "SELECT @@gtid_slave_pos"), core::to_string(seen.written));
  }

  /// A transaction on node 2 that another has to wait for.
  std::unique_ptr<session> hold_row(int id) {
    auto on = std::make_unique<session>();
    const auto socket = socket_file(two_.options(2).settings.folder).string();
    EXPECT_FALSE(on->connect({socket, 0}, {"root", ""}, soon()));
    EXPECT_TRUE(
        on->run("SET sql_log_bin=0; BEGIN; INSERT INTO app.t VALUES (" + std::to_string(id) + ")",
                soon())
            .ok());
    return on;
  }
};

TEST_F(Salvage, NothingAcknowledgedIsLostWithBothServers) {
  const auto acknowledged = lose_both(100);
  all_.does(2, core::salvage{});
  expect_all(acknowledged);
  const core::sight once = two_.see(2);
  all_.does(2, core::salvage{});  // again changes nothing
  EXPECT_EQ(two_.see(2).written, once.written);
  expect_all(acknowledged);

  // It can be the primary of the next epoch, and whoever was before follows it.
  two_.gen = after(two_.gen);
  two_.does(2, core::hold{});
  two_.does(2, core::promote{core::epoch{2}, nodes({1})});
  two_.does(2, core::open{core::epoch{2}, true});
  all_.starts(1);
  two_.does(1, core::hold{});
  two_.joins(1, 2);
  ASSERT_TRUE(eventually([&] { return two_.see(1).written == two_.see(2).written; }));
  EXPECT_TRUE(eventually([&] { return rows_of(two_, 1) == rows_of(two_, 2); }));
}

TEST_F(Salvage, OverManyFilesAlsoWhereTransactionsSpanThem) {
  all_.administrator(2, "SET GLOBAL max_relay_log_size=4096");
  const auto client = two_.client(1);
  const auto insert = [&](int from, int to) {
    const std::string all = "app.seq_" + std::to_string(from) + "_to_" + std::to_string(to);
    return client->run("INSERT INTO app.t SELECT -CAST(seq AS SIGNED) FROM " + all, soon()).ok();
  };
  ASSERT_TRUE(insert(1, 5000));
  ASSERT_TRUE(eventually([&] { return two_.see(2).written == two_.see(1).written; }));
  ASSERT_TRUE(client->run("DELETE FROM app.t", soon()).ok());
  ASSERT_TRUE(eventually([&] { return rows_of(two_, 2).empty(); }));
  // Files that are applied are deleted: the rest does not begin with the history.
  all_.administrator(2, "FLUSH RELAY LOGS");
  all_.administrator(2, "STOP SLAVE SQL_THREAD");
  ASSERT_TRUE(insert(6001, 9000));
  ASSERT_TRUE(client->run("CREATE TABLE app.u (id INT PRIMARY KEY)", soon()).ok());
  ASSERT_TRUE(insert(11001, 15000));
  EXPECT_GT(files_of_log(all_.data(2) / "relay.index").size(), 3u);
  auto acknowledged = lose_both(30);
  EXPECT_EQ(rows_of(two_, 2).size(), 0u);
  all_.does(2, core::salvage{});
  for (int i = 6001; i <= 9000; ++i) acknowledged.insert(-i);
  for (int i = 11001; i <= 15000; ++i) acknowledged.insert(-i);
  expect_all(acknowledged);
  EXPECT_EQ(all_.administrator(2, "SELECT COUNT(*) FROM app.u"), "0");
}

TEST_F(Salvage, AGapIsNotPassedOver) {
  all_.administrator(2, "SET GLOBAL max_relay_log_size=4096");
  const auto acknowledged = lose_both(100);
  const auto index = all_.data(2) / "relay.index";
  const auto files = files_of_log(index);
  ASSERT_GT(files.size(), 3u);
  std::string all;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (i != files.size() / 2) all += files[i].string() + "\n";
  }
  const std::string whole = read_text(index).value();
  ASSERT_EQ(write_durably(index, all), "");
  const core::gtid before = two_.see(2).written;
  const agent_report report = all_.carry_out(2, core::salvage{});
  EXPECT_EQ(report.end, step_end::failed);
  EXPECT_NE(report.why.find("has a gap"), std::string::npos) << report.why;
  EXPECT_EQ(two_.see(2).written, before);
  EXPECT_FALSE(two_.see(2).salvaged);
  ASSERT_EQ(write_durably(index, whole), "");
  all_.does(2, core::salvage{});
  expect_all(acknowledged);
}

TEST_F(Salvage, TheServerIsKilledInTheMiddle) {
  const auto acknowledged = lose_both(60);
  const core::gtid before = two_.see(2).written;
  const auto blocker = hold_row(40);
  bool killed = false;
  all_.watch = [&](std::string_view phase) {
    if (killed || phase != "apply" || two_.see(2).written.seq < before.seq + 39) return;
    ::kill(all_.of(2).server().id(), SIGKILL);
    killed = true;
  };
  EXPECT_EQ(all_.carry_out(2, core::salvage{}).end, step_end::failed);
  all_.watch = nullptr;
  ASSERT_TRUE(eventually([&] { return all_.of(2).server().state() == core::process::down; }));
  all_.starts(2);
  EXPECT_FALSE(two_.see(2).salvaged);
  // The last may have been cut off.
  EXPECT_LT(two_.see(2).written.seq, before.seq + 40);
  EXPECT_GT(two_.see(2).written.seq, before.seq);
  all_.does(2, core::salvage{});
  expect_all(acknowledged);
}

TEST_F(Salvage, TheAgentDiesOrIsStoppedInTheMiddle) {
  const auto acknowledged = lose_both(60);
  const core::gtid before = two_.see(2).written;
  auto blocker = hold_row(40);
  interrupt stop;
  bool dies = false;
  all_.watch = [&](std::string_view phase) {
    if (phase != "apply" || two_.see(2).written.seq < before.seq + 39) return;
    if (dies) throw agent_died();
    stop.stop();
  };
  const agent_report report = all_.carry_out(2, core::salvage{}, &stop);
  EXPECT_EQ(report.end, step_end::failed);
  EXPECT_EQ(report.why, "it was cancelled");
  EXPECT_FALSE(two_.see(2).salvaged);
  dies = true;
  EXPECT_THROW(static_cast<void>(all_.carry_out(2, core::salvage{})), agent_died);
  all_.restart(2);
  all_.watch = nullptr;
  blocker.reset();
  all_.does(2, core::salvage{});
  expect_all(acknowledged);
}

TEST_F(Salvage, WithNothingToApplyItIsNoted) {
  all_.does(2, core::kill_server{});
  all_.starts(2);
  const core::gtid before = two_.see(2).written;
  all_.does(2, core::salvage{});
  EXPECT_TRUE(two_.see(2).salvaged);
  EXPECT_EQ(two_.see(2).written, before);
  all_.restarts(2);
  EXPECT_FALSE(two_.see(2).salvaged);  // it was of the start before
  // Nor on one that never was a replica; while a replica that runs may not be touched.
  all_.restarts(1);
  all_.does(1, core::salvage{});
  EXPECT_TRUE(two_.see(1).salvaged);
  all_.restarts(1, core::start_role::primary);
  two_.gen = after(two_.gen);
  two_.does(1, core::hold{});
  two_.does(1, core::open{core::epoch{1}, true});
  two_.does(2, core::hold{});
  two_.joins(2, 1);
  EXPECT_EQ(all_.carry_out(2, core::salvage{}).end, step_end::failed);
  EXPECT_EQ(all_.carry_out(1, core::salvage{}).end, step_end::failed);
}

}  // namespace
}  // namespace understudy::db
