// A server that answers "too much to do": it did nothing, and it is not to blame.
#include <gtest/gtest.h>

#include "core/lab.hpp"

namespace understudy::core {
namespace {

using namespace std::chrono_literals;

TEST(pushed_back, goes_elsewhere_even_if_it_must_run_only_once) {
  const struct {
    const char* what;
    const char* servers;
    bool idempotent;
    const char* words;
    const char* steps;
  } rows[] = {
      {"elsewhere at once", "a0 b1", false, "pushed_back answered", "a b ok"},
      {"all are busy: the answer is the answer", "a0 b1", false, "pushed_back pushed_back",
       "a b deliver"},
      {"nobody else is there", "a0", false, "pushed_back", "a deliver"},
      {"then it may have run: \"it did nothing\" is no answer", "a0 b1", false, "pushed_back lost",
       "a b -32001?"},
      {"it may have run before: neither is it then", "a0 b1", true, "unreadable pushed_back stop",
       "a b park -32001?"},
      {"it is no attempt of the three", "a0 b1 c2 d3", true,
       "pushed_back unreadable unreadable unreadable", "a b c d -32001?"},
      {"too late to go elsewhere", "a0 b1", false, "late pushed_back", "a deliver"},
      {"a hedge is still out", "a0 b1", true, "look pushed_back @a answered", "a b wait ok"},
  };
  for (const auto& r : rows) {
    lab l(r.servers);
    EXPECT_EQ(l.play(r.idempotent, r.words, 1s), r.steps) << r.what;
    l.end_call();
    for (const server_status& s : l.servers.status(l.now)) EXPECT_EQ(s.in_flight, 0U) << r.what;
  }
}

TEST(pushed_back, costs_a_token_for_all_servers_may_be_busy) {
  lab l("a0 b1", {.retry_ratio = 0.0, .retry_tokens_max = 1});
  EXPECT_EQ(l.play(false, "pushed_back answered", 1s), "a b ok");
  EXPECT_EQ(l.play(false, "pushed_back", 1s), "a deliver");
  lab two("a0 b1", {.retry_ratio = 0.0, .retry_tokens_max = 1});
  EXPECT_EQ(two.play(true, "unreadable pushed_back", 1s), "a b -32001?");
}

TEST(pushed_back, is_no_sign_against_the_server) {
  lab l("a0 b1");
  l.probe('a', outcome::answered);
  l.probe('b', outcome::answered);
  (void)l.told();
  for (int i = 0; i < 50; ++i) {
    l.pass(10ms);
    l.attempt('a', outcome::pushed_back, 1ms);
  }
  EXPECT_EQ(l.states(), "a up, b up");
  EXPECT_EQ(l.told(), "");
  EXPECT_EQ(l.pick(), 'a');
  EXPECT_TRUE(l.status('a').methods_away.empty());
}

TEST(pushed_back, is_a_sign_of_life) {
  lab l("a0 b1");
  l.probe('b', outcome::answered);
  l.probe('a', outcome::timed_out);
  l.attempt('a', outcome::pushed_back);
  l.probe('a', outcome::timed_out);
  EXPECT_EQ(l.states(), "a suspect, b up") << "two failed probes, but not in a row";
}

TEST(pushed_back, as_an_answer_to_probes_never_makes_a_server_silent) {
  lab l("a0 b1");
  l.probe('b', outcome::answered);
  for (int i = 0; i < 10; ++i) l.probe('a', outcome::pushed_back);
  EXPECT_EQ(l.states(), "a suspect, b up");
}

TEST(pushed_back, lowers_the_limit_where_a_quarter_of_it_is_used) {
  lab l("a0", {.limits = {.start = 64}});
  for (int i = 0; i < 100; ++i) {
    l.pass(10ms);
    l.attempt('a', outcome::pushed_back);
  }
  EXPECT_EQ(l.status('a').limit, 64U) << "with a single call out it is busy for another reason";
  std::vector<attempt_id> out;
  for (int i = 0; i < 16; ++i) out.push_back(l.begin('a'));
  l.end(out.back(), outcome::pushed_back);
  EXPECT_EQ(l.status('a').limit, 44U);
}

TEST(pushed_back, was_not_sent) {
  EXPECT_FALSE(was_sent(outcome::pushed_back));
  EXPECT_EQ(to_string(outcome::pushed_back), "pushed_back");
}

}  // namespace
}  // namespace understudy::core
