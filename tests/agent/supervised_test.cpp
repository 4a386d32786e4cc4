// A supervisor that reaches its nodes through their agents.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>

#include "agent/stand.hpp"
#include "cluster/overseer.hpp"
#include "coord/local/local_coordinator.hpp"
#include "db/support/load.hpp"

namespace understudy::agent {
namespace {

class SupervisedByAgents : public testing::Test, public cluster::listener {
 protected:
  void SetUp() override {
    cluster::overseer_options options;
    options.supervisor.me = core::supervisor_id{1};
    options.supervisor.hold_down = 0s;
    options.nodes = on_.nodes.all();
    std::map<core::node_id, std::shared_ptr<cluster::agent>> agents;
    for (unsigned n = 1; n <= 3; ++n) {
      agents[db::id_of(n)] = std::make_shared<remote_agent>(on_.io.get_executor(), on_.way_to(n));
    }
    coord::local_options keeps{folder_.path().string(), options.supervisor.me};
    overseer_ = std::make_unique<cluster::overseer>(
        on_.io.get_executor(), std::move(options),
        coord::make_local_coordinator(on_.io.get_executor(), keeps), agents, *this);
    overseer_->start();
    core::bootstrap_order first;
    for (const db::member& each : on_.nodes.all().nodes) {
      core::node_entry entry;
      entry.id = each.node;
      entry.address = each.at.host + ":" + std::to_string(each.at.port);
      entry.agent = on_.way_to(core::number_of(each.node)).to.address;
      first.nodes.push_back(entry);
    }
    first.primary = db::id_of(1);
    ASSERT_TRUE(on_.run_until([&] { return overseer_->ask(first).empty(); })) << history_;
    ASSERT_TRUE(on_.run_until([&] { return serves(2); })) << history_;
    const auto made = on_.nodes.client(1)->run(
        "CREATE DATABASE IF NOT EXISTS app;CREATE TABLE app.t (id BIGINT PRIMARY KEY)", soon());
    ASSERT_TRUE(made.ok()) << made.failed.text;
  }
  void TearDown() override { overseer_.reset(); }

  void changed(const core::topology&) override {}
  void move_gates(bool, std::function<void()> done) override { done(); }
  void wrote(const core::record& what) override {
    history_ += what.kind + " (" + what.subject + "): " + what.rule + "; " + what.effect + "\n";
  }

  [[nodiscard]] bool serves(std::size_t members) const {
    const core::topology* const now = overseer_->known();
    return now != nullptr && now->phase == core::phase::stable && now->sync.size() == members;
  }
  [[nodiscard]] unsigned primary() const {
    const core::topology* const now = overseer_->known();
    return now == nullptr ? 0 : core::number_of(now->primary);
  }
  void kill(unsigned node) { db::server_process(on_.nodes.options(node)).kill(); }

  stand on_{3};
  db::temporary_folder folder_;
  std::string history_;
  std::unique_ptr<cluster::overseer> overseer_;
};

TEST_F(SupervisedByAgents, AKilledPrimaryIsReplacedAndComesBack) {
  db::load writes(on_.nodes, 1, 1);
  ASSERT_TRUE(on_.run_until([&] { return writes.count() > 50; }));
  kill(1);
  ASSERT_TRUE(on_.run_until([&] { return writes.ended(); }));
  ASSERT_TRUE(on_.run_until([&] { return primary() > 1 && (serves(1) || serves(2)); })) << history_;
  const auto there = db::rows_of(on_.nodes, primary());
  const auto acknowledged = writes.acknowledged();
  EXPECT_TRUE(std::includes(there.begin(), there.end(), acknowledged.begin(), acknowledged.end()));
  // Its agent starts it again, as a replica, and it becomes a member.
  ASSERT_TRUE(on_.run_until([&] { return serves(2); }, 120s)) << history_;
  EXPECT_EQ(on_.look(1).process, "running");
}

}  // namespace
}  // namespace understudy::agent
