// What an operator reads: the records of whole stories, in order, with their times.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "core/sim_world.hpp"

namespace understudy::sim {
namespace {

using namespace std::chrono_literals;

/// One line a record: "2.0 server_down s0: no connection can be made".
std::string story(plan p) {
  p.pool.name = "story";
  p.calls_per_second = 50;
  world w(std::move(p));
  w.run();
  std::string text;
  for (const told& t : w.records()) {
    if (t.what.kind == "server_added") continue;
    char time[32];
    const double at = std::chrono::duration<double>(t.at.time_since_epoch()).count();
    std::snprintf(time, sizeof time, "%4.1f ", at);
    const auto server = t.what.subject.find("server ");
    text += time + t.what.kind;
    if (server != std::string::npos) text += " " + t.what.subject.substr(server + 7);
    text += ": " + t.what.rule + "\n";
  }
  return text;
}

plan primary_and_backup(std::vector<step_plan> steps, duration length) {
  plan p;
  p.servers = {{.priority = 0}, {.priority = 1}};
  p.steps = std::move(steps);
  p.calls_for = length;
  return p;
}

TEST(story, a_primary_crashes_and_returns) {
  EXPECT_EQ(story(primary_and_backup({{.at = 2s, .server = 0, .to = condition::crashed},
                                      {.at = 4s, .server = 0, .to = condition::healthy}},
                                     16s)),
            R"( 2.0 server_suspect s0: an idle connection was closed by the server
 2.0 server_down s0: no connection can be made
 4.5 server_returning s0: probes are answered
 9.5 failback s0: it was healthy for hold_down
14.5 server_up s0: its ramp is over
)");
}

TEST(story, a_primary_freezes) {
  EXPECT_EQ(story(primary_and_backup({{.at = 2s, .server = 0, .to = condition::frozen}}, 8s)),
            R"( 2.2 server_down s0: neither calls nor a probe are answered
)");
}

TEST(story, a_primary_errs_behind_a_green_probe) {
  plan p = primary_and_backup({{.at = 2s, .server = 0, .to = condition::sick},
                               {.at = 8s, .server = 0, .to = condition::healthy}},
                              16s);
  EXPECT_EQ(story(p), R"( 2.1 method_away s0, method Sim@m0: signs against it added up to proof
 9.6 method_returning s0, method Sim@m0: copies of calls are answered well
14.6 method_back s0, method Sim@m0: its ramp is over
)");
}

TEST(story, one_method_of_three_slows) {
  plan p = primary_and_backup({{.at = 4s, .server = 0, .to = condition::slow, .method = 1}}, 6s);
  p.methods = 3;
  p.idempotent_share = 0.5;
  EXPECT_EQ(story(p), R"( 4.4 method_away s0, method Sim@m1: signs against it added up to proof
)");
}

TEST(story, all_methods_err) {
  plan p = primary_and_backup({{.at = 2s, .server = 0, .to = condition::sick}}, 4s);
  p.methods = 3;
  EXPECT_EQ(story(p), R"( 2.1 method_away s0, method Sim@m0: signs against it added up to proof
 2.1 method_away s0, method Sim@m1: signs against it added up to proof
 2.1 server_suspect s0: several methods fail, and none goes well
 2.1 method_away s0, method Sim@m2: signs against it added up to proof
 3.2 server_up s0: probes are answered
)");
}

TEST(story, a_method_errs_everywhere) {
  plan p = primary_and_backup({{.at = 2s, .server = 0, .to = condition::rude, .method = 0},
                               {.at = 2s, .server = 1, .to = condition::rude, .method = 0}},
                              8s);
  p.methods = 2;
  EXPECT_EQ(story(p), R"( 2.2 method_away s0, method Sim@m0: signs against it added up to proof
 2.3 method_back s0, method Sim@m0: other servers show the same: it is the method's way
)");
}

TEST(story, a_pause_shorter_than_a_tenth_of_a_second_is_nothing) {
  plan p = primary_and_backup({{.at = 2s, .server = 0, .to = condition::frozen},
                               {.at = 2090ms, .server = 0, .to = condition::healthy}},
                              6s);
  EXPECT_EQ(story(p), "");
}

TEST(story, all_go_and_one_returns) {
  EXPECT_EQ(story(primary_and_backup({{.at = 2s, .server = 0, .to = condition::crashed},
                                      {.at = 3s, .server = 1, .to = condition::crashed},
                                      {.at = 4s, .server = 1, .to = condition::healthy}},
                                     6s)),
            R"( 2.0 server_suspect s0: an idle connection was closed by the server
 2.0 server_down s0: no connection can be made
 3.0 server_suspect s1: an idle connection was closed by the server
 3.0 server_down s1: no connection can be made
 3.0 pool_empty: no server is usable
 4.2 server_up s1: no other server is up
 4.2 pool_recovered: a server is usable again
)");
}

TEST(story, an_operator_drains_and_resumes) {
  EXPECT_EQ(story(primary_and_backup({{.at = 2s, .server = 0, .kind = step_kind::drain},
                                      {.at = 4s, .server = 0, .kind = step_kind::resume}},
                                     11s)),
            R"( 2.0 server_drained s0: an operator drained it
 4.0 server_resumed s0: an operator resumed it
 4.2 failback s0: an operator resumed it
 9.2 server_up s0: its ramp is over
)");
}

}  // namespace
}  // namespace understudy::sim
