// What other observers of the same servers have found out, and what they are told.
#include <gtest/gtest.h>

#include "core/lab.hpp"

namespace understudy::core {
namespace {

using namespace std::chrono_literals;

/// Probes are answered at once, so the time that one may take is known: 100 ms.
class verdicts : public ::testing::Test, public lab {
 protected:
  verdicts() : lab("a0 b1") {
    probe('a', outcome::answered);
    probe('b', outcome::answered);
    pass(10ms);
    (void)told();
  }
  void fault(char at, std::string_view method = "T@m") {
    for (int i = 0; i < 3; ++i) {
      pass(10ms);
      attempt(at, outcome::faulted, 1ms, method);
    }
  }
};

TEST_F(verdicts, are_told_once_when_a_server_goes_down) {
  attempt('a', outcome::lost);
  EXPECT_EQ(lab::verdicts(), "") << "doubt is none";
  probe('a', outcome::refused);
  EXPECT_EQ(lab::verdicts(), "a");
  for (int i = 0; i < 3; ++i) probe('a', outcome::refused);
  EXPECT_EQ(lab::verdicts(), "");
}

TEST_F(verdicts, are_told_once_when_a_method_goes_away) {
  fault('a');
  EXPECT_EQ(lab::verdicts(), "a T@m");
  pass(40s);
  EXPECT_EQ(lab::verdicts(), "");
}

TEST_F(verdicts, are_not_told_of_a_method_that_was_only_heard_of) {
  attempt('a', outcome::answered);
  heard_away('a');
  ASSERT_EQ(told(), "method_away a, method T@m");
  EXPECT_EQ(lab::verdicts(), "") << "or two observers would tell each other for ever";
}

TEST_F(verdicts, heard_of_make_a_server_suspect_until_its_probe_is_answered) {
  heard('a');
  EXPECT_EQ(states(), "a suspect, b up");
  EXPECT_EQ(pick(), 'b');
  ASSERT_TRUE(probing('a')) << "at once";
  probe('a', outcome::answered);
  EXPECT_EQ(states(), "a up, b up");
  EXPECT_EQ(told(), "server_suspect a, server_up a");
  pass(900ms);
  EXPECT_EQ(states(), "a up, b up") << "what was heard is settled";
  EXPECT_EQ(lab::verdicts(), "");
}

TEST_F(verdicts, heard_of_are_believed_as_soon_as_a_probe_is_late) {
  heard('a');
  pass(99ms);
  EXPECT_EQ(states(), "a suspect, b up");
  pass(1ms);
  EXPECT_EQ(states(), "a down, b up") << "not after probes_down intervals";
  EXPECT_EQ(told(), "server_suspect a, server_down a");
  EXPECT_EQ(lab::verdicts(), "a") << "it has its own proof now";
}

TEST_F(verdicts, heard_of_a_server_that_answers_a_call_meanwhile_are_not_believed) {
  heard('a');
  pass(50ms);
  attempt('a', outcome::answered);
  pass(200ms);
  EXPECT_EQ(states(), "a suspect, b up") << "its probe is still awaited";
}

TEST_F(verdicts, heard_of_do_not_take_the_last_server) {
  attempt('b', outcome::refused);
  heard('a');
  pass(800ms);
  EXPECT_EQ(states(), "a suspect, b down");
  EXPECT_EQ(pick(), 'a');
}

TEST_F(verdicts, heard_of_what_is_out_of_service_change_nothing) {
  drain('a');
  (void)told();
  heard_away('a');
  EXPECT_EQ(told(), "");
  attempt('b', outcome::refused);
  (void)told();
  heard('a');
  heard('b');
  servers.heard(now, server_id{99});
  servers.heard_away(now, server_id{99}, "T@m");
  settle();
  EXPECT_EQ(states(), "a drained, b down");
  EXPECT_EQ(told(), "");
}

TEST_F(verdicts, heard_of_move_a_method_as_own_proof_does) {
  attempt('a', outcome::answered);
  heard_away('a');
  EXPECT_EQ(pick(), 'b');
  EXPECT_EQ(servers.pick(now, {}, servers.know("T@other")).server, id('a'));
  EXPECT_EQ(records.back().rule, "another observer has proof against it");
  EXPECT_EQ(servers.canary_due(now, servers.know("T@m")), std::nullopt) << "it rests";
  pass(1s);
  EXPECT_EQ(servers.canary_due(now, servers.know("T@m")), id('a'));
}

TEST_F(verdicts, heard_of_leave_a_method_where_no_other_server_is_trusted_with_it) {
  fault('b');
  ASSERT_EQ(told(), "method_away b, method T@m");
  heard_away('a');
  EXPECT_EQ(told(), "");
  EXPECT_EQ(pick(), 'a');
}

TEST_F(verdicts, heard_of_twice_count_once) {
  attempt('a', outcome::answered);
  heard_away('a');
  heard_away('a');
  EXPECT_EQ(told(), "method_away a, method T@m");
  pass(1s);
  EXPECT_EQ(servers.canary_due(now, servers.know("T@m")), id('a')) << "its rest is no longer";
}

}  // namespace
}  // namespace understudy::core
