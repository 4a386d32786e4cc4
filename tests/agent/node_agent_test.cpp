// An agent of a real server, over the network.
#include "agent/node_agent.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "agent/stand.hpp"
#include "understudy/client.hpp"
#include "understudy/server.hpp"

namespace understudy::agent {
namespace {

TEST(NodeAgent, SaysHowItsNodeIsAndDoesWhatItIsTold) {
  stand on(1);
  const look_said first = on.look(1);
  EXPECT_EQ(first.process, "running");
  EXPECT_EQ(first.pid, on.nodes.server(1).id());
  EXPECT_EQ(first.damaged, "");
  EXPECT_EQ(first.step, "");
  EXPECT_NE(first.server_version.find("MariaDB"), std::string::npos) << first.server_version;
  EXPECT_NE(first.backup_version.find("mariadb-backup"), std::string::npos) << first.backup_version;

  on.nodes.gen = core::generation{5};
  EXPECT_EQ(on.carry_out(1, core::kill_server{}).end, step_end::done);
  const look_said down = on.look(1);
  EXPECT_EQ(down.process, "down");
  EXPECT_EQ(down.pid, 0);
  EXPECT_EQ(down.told, 5u);
  EXPECT_EQ(on.carry_out(1, core::start_server{core::start_role::replica}).end, step_end::done);
  EXPECT_EQ(on.look(1).process, "running");
  const word again = on.carry_out(1, core::start_server{core::start_role::replica});
  EXPECT_EQ(again.end, step_end::failed);
  EXPECT_EQ(again.why, "it runs");
  EXPECT_EQ(on.carry_out(1, core::hold{}).end, step_end::failed);
}

TEST(NodeAgent, TellsAtOnceThatItsServerHasEnded) {
  stand on(1);
  const look_said first = on.look(1);
  std::vector<core::process> told;
  on.by(1).watch([&](core::process is) { told.push_back(is); });
  ASSERT_TRUE(on.run_until([&] { return told.size() == 1; }));
  EXPECT_EQ(told[0], core::process::running);
  EXPECT_FALSE(on.run_until([&] { return told.size() > 1; }, 100ms));
  const auto killed = std::chrono::steady_clock::now();
  ASSERT_EQ(::kill(static_cast<pid_t>(first.pid), SIGKILL), 0);
  ASSERT_TRUE(on.run_until([&] { return told.size() == 2; }));
  const auto took = std::chrono::steady_clock::now() - killed;
  EXPECT_EQ(told[1], core::process::down);
  RecordProperty(
      "microseconds",
      static_cast<int>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  EXPECT_EQ(on.carry_out(1, core::start_server{core::start_role::replica}).end, step_end::done);
  ASSERT_TRUE(on.run_until([&] { return told.size() == 3; }));
  EXPECT_EQ(told[2], core::process::running);
  // That the agent is gone says nothing of its server; what it finds in its next life does.
  on.stop(1);
  EXPECT_FALSE(on.run_until([&] { return told.size() > 3; }, 300ms));
  on.start(1);
  ASSERT_TRUE(on.run_until([&] { return told.size() == 4; }));
  EXPECT_EQ(told[3], core::process::running);
}

TEST(NodeAgent, IsFoundAgainAndKeepsWhatItWasTold) {
  stand on(1);
  on.nodes.gen = core::generation{7};
  EXPECT_EQ(on.carry_out(1, core::kill_server{}).end, step_end::done);
  EXPECT_EQ(on.carry_out(1, core::start_server{core::start_role::replica}).end, step_end::done);
  const auto pid = on.look(1).pid;
  on.stop(1);
  EXPECT_EQ(::kill(static_cast<pid_t>(pid), 0), 0);  // it runs on
  on.start(1);
  const look_said found = on.look(1);
  EXPECT_EQ(found.process, "running");
  EXPECT_EQ(found.pid, pid);
  EXPECT_EQ(found.told, 7u);
  on.nodes.gen = core::generation{6};
  EXPECT_EQ(on.carry_out(1, core::kill_server{}).end, step_end::refused);
  EXPECT_EQ(on.look(1).pid, pid);
  on.nodes.gen = core::generation{7};
  EXPECT_EQ(on.carry_out(1, core::kill_server{}).end, step_end::done);
  on.stop(1);
  on.start(1);
  EXPECT_EQ(on.look(1).process, "down");  // it starts nothing by itself
}

TEST(NodeAgent, OneAtATimeHasAFolder) {
  stand on(1);
  try {
    on.start(1);
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find("Another agent has the folder"), std::string::npos);
  }
}

TEST(NodeAgent, RefusesWhoDoesNotKnowTheSecret) {
  stand on(1);
  remote_options other = on.way_to(1);
  other.to.secret = "another sixteen letters";
  remote_agent stranger(on.io.get_executor(), other);
  std::optional<word> said;
  for (int i = 0; i < 3; ++i) {
    said.reset();
    stranger.carry_out(core::kill_server{}, core::generation{9}, soon(),
                       [&](word what) { said = std::move(what); });
    ASSERT_TRUE(on.run_until([&] { return said.has_value(); }));
    EXPECT_EQ(said->end, step_end::unknown);
    EXPECT_NE(said->why.find("its secret is not the agent's"), std::string::npos) << said->why;
  }
  std::optional<core::process> is;
  stranger.look(soon(), [&](core::process what) { is = what; });
  ASSERT_TRUE(on.run_until([&] { return is.has_value(); }));
  EXPECT_EQ(*is, core::process::unknown);
  const look_said look = on.look(1);
  EXPECT_EQ(look.process, "running");
  EXPECT_EQ(look.told, 0u);
  const std::string log = on.log();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << log;
  EXPECT_NE(log.find("A call from 127.0.0.1:"), std::string::npos) << log;

  client plain(on.of(1).address());
  try {
    plain.call("NodeInterface@look", sealed());
    FAIL();
  } catch (const rpc_error& e) {
    EXPECT_EQ(e.code(), code::not_allowed);
  }
}

TEST(NodeAgent, BelievesNoAgentThatDoesNotKnowTheSecret) {
  stand on(1);
  struct nothing {};
  service<nothing> said{std::string(service_name)};
  said.method("challenge", [] { return std::string("any"); });
  said.method("look",
              [](const sealed&) {
                look_said is;
                is.process = "down";
                return sealed_answer{to_json_text(is), "any"};
              },
              {"call"});
  server serving;
  serving.add(std::move(said));
  serving.listen("127.0.0.1:0");
  serving.start();
  remote_options other = on.way_to(1);
  other.to.address = serving.addresses().front();
  remote_agent to(on.io.get_executor(), other);
  std::optional<core::process> is;
  to.look(soon(), [&](core::process what) { is = what; });
  ASSERT_TRUE(on.run_until([&] { return is.has_value(); }));
  EXPECT_EQ(*is, core::process::unknown);
}

TEST(NodeAgent, AKillInterruptsAStepThatRuns) {
  stand on(2);
  on.nodes.gen = core::generation{4};
  on.nodes.freeze(2);  // its donor says nothing
  const auto clone = on.begin(1, core::clone{db::id_of(2)});
  look_said seen;
  ASSERT_TRUE(on.run_until([&] { return (seen = on.look(1)).step == "clone"; }));
  EXPECT_EQ(seen.process, "running");
  const word salvage = on.carry_out(1, core::salvage{});
  EXPECT_EQ(salvage.end, step_end::failed);
  EXPECT_EQ(salvage.why, "the agent is at another step (clone): one runs at a time");
  on.nodes.gen = core::generation{3};
  EXPECT_EQ(on.carry_out(1, core::kill_server{}).end, step_end::refused);
  EXPECT_EQ(on.look(1).step, "clone");
  on.nodes.gen = core::generation{4};
  EXPECT_EQ(on.carry_out(1, core::kill_server{}).end, step_end::done);
  ASSERT_TRUE(on.run_until([&] { return clone->has_value(); }));
  EXPECT_EQ((*clone)->end, step_end::failed);
  EXPECT_EQ(on.look(1).process, "down");
  on.nodes.thaw(2);
}

TEST(NodeAgent, HearsOfAnEndBesideAStep) {
  stand on(2);
  on.nodes.freeze(2);
  const auto clone = on.begin(1, core::clone{db::id_of(2)});
  ASSERT_TRUE(on.run_until([&] { return on.look(1).step == "clone"; }));
  std::optional<core::process> last;
  on.by(1).watch([&](core::process is) { last = is; });
  ASSERT_TRUE(on.run_until([&] { return last == core::process::running; }));
  ASSERT_EQ(::kill(static_cast<pid_t>(on.look(1).pid), SIGKILL), 0);
  ASSERT_TRUE(on.run_until([&] { return last == core::process::down; }));
  EXPECT_EQ(on.look(1).step, "clone");
  on.nodes.thaw(2);
}

TEST(NodeAgent, AStepWhoseAgentIsGoneIsUnknown) {
  stand on(2);
  on.nodes.freeze(2);
  const auto clone = on.begin(1, core::clone{db::id_of(2)});
  ASSERT_TRUE(on.run_until([&] { return on.look(1).step == "clone"; }));
  on.stop(1);
  ASSERT_TRUE(on.run_until([&] { return clone->has_value(); }));
  // It may have heard how the step was interrupted before it lost the agent.
  EXPECT_TRUE((*clone)->end == step_end::unknown || (*clone)->end == step_end::failed);
  EXPECT_NE((*clone)->why, "");
  // And one that is told while there is none.
  EXPECT_EQ(on.carry_out(1, core::kill_server{}).end, step_end::unknown);
  on.nodes.thaw(2);
}

}  // namespace
}  // namespace understudy::agent
