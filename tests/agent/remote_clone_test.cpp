// One node becomes a copy of another, from agent to agent.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>

#include "agent/stand.hpp"
#include "db/settings.hpp"

namespace understudy::agent {
namespace {

namespace fs = std::filesystem;

/// Node 1 is primary with some rows; node 2 follows it.
class RemoteClone : public testing::Test {
 protected:
  void make(std::optional<tls_options> tls) {
    on_.emplace(2, std::move(tls));
    on_->nodes.replicate();
    insert(1, 50);
    ASSERT_TRUE(eventually([&] { return rows(2) == "50"; }));
  }
  void insert(int from, int to) {
    const auto client = on_->nodes.client(1);
    for (int id = from; id <= to; ++id) {
      ASSERT_TRUE(
          client->run("INSERT INTO app.t VALUES (" + std::to_string(id) + ")", soon()).ok());
    }
  }
  std::string rows(unsigned node) {
    const auto read = on_->nodes.client(node)->run("SELECT COUNT(*) FROM app.t", soon());
    return read.ok() ? std::string(read.tables.back().first()) : read.failed.text;
  }
  std::optional<stand> on_;
};

TEST_F(RemoteClone, OverTls) {
  test::certificates known;
  make(known.issue("agents"));
  const std::uint64_t start = on_->nodes.see(2).start;
  on_->nodes.gen = core::after(on_->nodes.gen);
  const word said = on_->carry_out(2, core::clone{db::id_of(1)});
  ASSERT_EQ(said.end, step_end::done) << said.why;
  EXPECT_EQ(on_->look(2).process, "running");
  const core::sight seen = on_->nodes.see(2);
  EXPECT_NE(seen.start, start);
  EXPECT_EQ(seen.written, on_->nodes.see(1).written);
  EXPECT_EQ(rows(2), "50");
  on_->nodes.does(1, core::hold{});
  on_->nodes.does(2, core::hold{});
  on_->nodes.joins(2, 1);
  insert(51, 60);
  EXPECT_TRUE(eventually([&] { return rows(2) == "60"; }));
}

TEST_F(RemoteClone, FailsWithItsDonorAndLeavesTheNodeAsItWas) {
  make(std::nullopt);
  const core::sight before = on_->nodes.see(2);
  // From here on the donor's copy does not begin: its server says nothing to the program.
  std::atomic<bool> copying = false;
  on_->progress = [&](unsigned node, const db::agent_progress& now) {
    if (node != 2 || now.phase != "copy" || copying.exchange(true)) return;
    on_->nodes.freeze(1);
  };
  const auto clone = on_->begin(2, core::clone{db::id_of(1)});
  ASSERT_TRUE(on_->run_until([&] { return copying.load(); }));
  // Its ticket is shown once the receiver's program runs; then progress is told again and again.
  ASSERT_TRUE(on_->run_until([&] {
    return fs::exists(on_->nodes.options(1).settings.folder / "mariadb-backup.send.log");
  }));
  on_->stop(1);
  ASSERT_TRUE(on_->run_until([&] { return clone->has_value(); }));
  EXPECT_EQ((*clone)->end, step_end::failed);
  EXPECT_EQ((*clone)->why, "the donor: the copy was cut off");
  on_->nodes.thaw(1);
  const core::sight after = on_->nodes.see(2);
  EXPECT_EQ(after.start, before.start);
  EXPECT_EQ(after.written, before.written);
  EXPECT_FALSE(fs::exists(on_->nodes.options(2).settings.folder / "data.copy"));
  EXPECT_EQ(rows(2), "50");
}

}  // namespace
}  // namespace understudy::agent
