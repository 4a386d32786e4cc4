// Which server takes an attempt: priorities, places, doubt, shares, keys and zones.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "core/balance_ring.hpp"
#include "core/lab.hpp"

namespace understudy::core {
namespace {

using namespace std::chrono_literals;

/// A server takes two attempts at a time.
const pool_options two_places{.limits = {.start = 2, .most = 2}};

/// Three faults in a row: the server is not trusted with the method any more.
void send_away(lab& l, char name, std::string_view method = "T@m") {
  for (int i = 0; i < 3; ++i) {
    l.pass(10ms);
    l.attempt(name, outcome::faulted, 1ms, method);
  }
}

TEST(pick, a_full_primary_is_waited_for_and_no_backup_is_used) {
  lab l("a0 b1", two_places);
  const attempt_id first = l.begin('a');
  EXPECT_EQ(l.pick(), 'a');
  (void)l.begin('a');
  EXPECT_EQ(l.pick(), '+');
  EXPECT_EQ(l.pick("a"), 'b') << "for who was at the primary already";
  l.end(first, outcome::answered);
  EXPECT_EQ(l.pick(), 'a');
}

TEST(pick, of_equals_the_full_ones_are_skipped) {
  lab l("a0 b0", two_places);
  (void)l.begin('a');
  (void)l.begin('a');
  (void)l.begin('b');
  EXPECT_EQ(l.percent('b'), 100);
  EXPECT_EQ(l.pick("b"), '+');
  (void)l.begin('b');
  EXPECT_EQ(l.pick(), '+');
}

TEST(pick, with_every_server_down_there_is_nothing_to_wait_for) {
  lab l("a0 b1", two_places);
  (void)l.begin('a');
  (void)l.begin('a');
  l.attempt('b', outcome::refused);
  l.attempt('a', outcome::refused);
  EXPECT_EQ(l.pick(), '-');
}

TEST(pick, the_last_resort_is_full_like_any_other) {
  lab l("a0", two_places);
  l.probe('a', outcome::answered);
  l.attempt('a', outcome::lost);
  ASSERT_EQ(l.states(), "a suspect");
  EXPECT_EQ(l.pick(), 'a');
  (void)l.begin('a');
  (void)l.begin('a');
  EXPECT_EQ(l.pick(), '+');
}

TEST(pick, doubt_is_no_reason_to_load_a_minority_with_everything) {
  lab l("a0 b0 c0 d1", {.balance = {.policy = balance_policy::least_request}});
  for (const char each : {'a', 'b', 'c', 'd'}) l.probe(each, outcome::answered);
  (void)l.told();
  l.attempt('b', outcome::lost);
  EXPECT_EQ(l.percent('b'), 0) << "two of three are up";
  l.attempt('c', outcome::lost);
  ASSERT_EQ(l.states(), "a up, b suspect, c suspect, d up");
  EXPECT_EQ(l.told(), "server_suspect b, pool_panic, server_suspect c");
  EXPECT_EQ(l.records[l.records.size() - 2].evidence,
            (evidence{{"priority", "0"}, {"up", "1"}, {"suspect", "2"}}));
  for (const char each : {'a', 'b', 'c'}) EXPECT_GT(l.percent(each), 20) << each;
  EXPECT_EQ(l.percent('d'), 0) << "the primaries serve";
  l.probe('c', outcome::answered);
  EXPECT_EQ(l.told(), "pool_calm, server_up c");
  EXPECT_EQ(l.percent('b'), 0);
}

TEST(pick, of_those_that_answer_at_all_half_must_be_up) {
  lab l("a0 b0 c0 d0");
  for (const char each : {'a', 'b', 'c', 'd'}) l.probe(each, outcome::answered);
  l.attempt('c', outcome::refused);
  l.attempt('d', outcome::refused);
  l.attempt('b', outcome::lost);
  ASSERT_EQ(l.states(), "a up, b suspect, c down, d down");
  EXPECT_EQ(l.percent('a'), 100) << "one of the two that answer is half, of four it is not";
  l.attempt('a', outcome::lost);
  ASSERT_EQ(l.states(), "a suspect, b suspect, c down, d down");
  EXPECT_NE(l.pick(), '-');
  EXPECT_EQ(l.told().find("pool_panic"), std::string::npos) << "nobody is left to be spared";
}

TEST(pick, a_ramp_is_a_chance_whatever_the_weight) {
  lab l("", {.balance = {.policy = balance_policy::least_request}});
  l.add('a', 0, 100.0);
  l.add('b', 0, 1.0);
  l.probe('a', outcome::answered);
  l.probe('b', outcome::answered);
  l.attempt('a', outcome::refused);
  l.probe('a', outcome::answered);
  l.probe('a', outcome::answered);
  ASSERT_EQ(l.states(), "a returning, b up");
  l.pass(1s);
  EXPECT_NEAR(l.percent('a'), 20, 3);
  l.pass(3s);
  EXPECT_NEAR(l.percent('a'), 80, 3);
}

TEST(pick, a_method_that_returns_gets_its_share_and_the_others_all) {
  lab l("a0 b1");
  l.probe('a', outcome::answered);
  send_away(l, 'a');
  EXPECT_EQ(l.percent('a'), 0);
  std::string told;
  for (; !told.ends_with("method_returning a, method T@m"); told = l.told()) {
    ASSERT_LT(l.now, time_point{1min});
    l.pass(50ms);
  }
  l.pass(2500ms);
  EXPECT_NEAR(l.percent('a'), 50, 5);
  const pool::choice other = l.servers.pick(l.now, {}, l.servers.know("T@other"));
  EXPECT_EQ(other.server, l.id('a'));
}

TEST(pick, second_best_is_who_returns_then_who_is_not_trusted_then_who_is_suspect) {
  lab l("s0 u1 r2 w3");
  for (const char each : {'s', 'u', 'r', 'w'}) l.probe(each, outcome::answered);
  l.attempt('s', outcome::lost);
  l.attempt('u', outcome::lost);
  l.attempt('r', outcome::refused);
  l.probe('r', outcome::answered);
  l.probe('r', outcome::answered);
  l.probe('u', outcome::answered);
  send_away(l, 'u');
  ASSERT_EQ(l.states(), "s suspect, u up, r returning, w up");
  EXPECT_EQ(l.pick(), 'w');
  EXPECT_EQ(l.pick("w"), 'r') << "though its priority is worse";
  EXPECT_EQ(l.pick("wr"), 'u') << "though its priority is worse";
  EXPECT_EQ(l.pick("wru"), 's');
  EXPECT_EQ(l.pick("wrus"), '-');
}

/// One of hundreds is trusted with the method: a few draws do not find it.
class one_of_many : public ::testing::Test {
 protected:
  one_of_many() {
    primary = servers.add(now, {.address = "p"});
    for (int i = 0; i < 300; ++i)
      ids.push_back(servers.add(now, {.address = "s" + std::to_string(i), .priority = 1}));
    method = servers.know("T@m");
    act();
    for (std::size_t i = 0; i < ids.size(); ++i)
      if (i != 123) servers.heard_away(now, ids[i], "T@m");
  }
  /// The primary's probes are answered, nothing is learned of the others.
  void act() {
    for (const server_id each : servers.take_actions(now).probe)
      servers.probe_ended(now, each, each == primary ? outcome::answered : outcome::abandoned, 1ms);
  }
  time_point now{};
  pool servers{two_places, 1};
  server_id primary{};
  std::vector<server_id> ids;
  method_id method{};
};

TEST_F(one_of_many, is_found) {
  servers.drain(now, primary);
  for (int i = 0; i < 200; ++i) ASSERT_EQ(servers.pick(now, {}, method).server, ids[123]);
  const server_id tried[] = {ids[123]};
  EXPECT_NE(servers.pick(now, tried, method).server, ids[123]);
}

TEST_F(one_of_many, is_found_before_a_primary_that_still_rests) {
  servers.end(now, servers.begin(now, primary, method, true), outcome::refused);
  for (int i = 0; servers.status(now).front().state != server_state::returning; ++i) {
    ASSERT_LT(i, 10'000);
    act();
    now = std::max(now, *servers.next_deadline());
  }
  for (int i = 0; i < 200; ++i) ASSERT_EQ(servers.pick(now, {}, method).server, ids[123]);
}

TEST_F(one_of_many, is_waited_for) {
  servers.drain(now, primary);
  for (int i = 0; i < 2; ++i) (void)servers.begin(now, ids[123], method, true);
  for (int i = 0; i < 200; ++i) {
    const pool::choice got = servers.pick(now, {}, method);
    ASSERT_FALSE(got.server) << "the others are not trusted with it";
    ASSERT_TRUE(got.full);
  }
}

const pool_options by_key{.balance = {.policy = balance_policy::consistent_hash},
                          .limits = {.start = 4, .most = 4}};

TEST(pick, a_key_keeps_its_server_and_moves_on_while_that_is_full) {
  lab l("a0 b0 c0 d0", by_key);
  std::set<char> homes;
  for (int i = 0; i < 40; ++i) homes.insert(l.pick("", balance_key(std::to_string(i))));
  EXPECT_EQ(homes.size(), 4U) << "keys are spread";
  const std::uint64_t key = balance_key("customer 7");
  const char home = l.pick("", key);
  // All are loaded alike, so the bound on one server's share of the load is not what moves it.
  for (const char each : {'a', 'b', 'c', 'd'})
    for (int i = 0; i < 3; ++i) (void)l.begin(each);
  for (int i = 0; i < 50; ++i) ASSERT_EQ(l.pick("", key), home);
  const attempt_id last = l.begin(home);
  const char next = l.pick("", key);
  EXPECT_NE(next, home);
  EXPECT_NE(next, '+');
  for (int i = 0; i < 50; ++i) ASSERT_EQ(l.pick("", key), next);
  l.end(last, outcome::answered);
  EXPECT_EQ(l.pick("", key), home);
}

TEST(pick, the_key_of_a_call_is_heeded) {
  lab l("a0 b0 c0 d0", by_key);
  for (int i = 0; i < 40; ++i) {
    const std::uint64_t key = balance_key(std::to_string(i));
    const char home = l.pick("", key);
    call one(l.servers, {.method = "T@m", .deadline = l.now + 1s, .key = key});
    EXPECT_EQ(l.word_for(one.begin(l.now)), std::string(1, home)) << i;
  }
}

TEST(pick, calls_stay_in_their_own_zone_while_it_serves) {
  lab l("", {.balance = {.zone = "north"}});
  l.add('a', 0, 1.0, "north");
  l.add('b', 0, 1.0, "south");
  l.add('c', 0, 1.0, "south");
  EXPECT_EQ(l.percent('a'), 100);
  l.update('b', 0, 1.0, "north");
  EXPECT_GT(l.percent('b'), 20) << "it has moved";
  EXPECT_EQ(l.percent('c'), 0);
  l.attempt('a', outcome::refused);
  l.attempt('b', outcome::refused);
  EXPECT_EQ(l.percent('c'), 100);
}

TEST(pick, a_priority_may_change_there_and_back_with_an_attempt_out) {
  lab l("a0 b0", {.balance = {.policy = balance_policy::least_request}});
  const attempt_id out = l.begin('a');
  l.update('a', 1);
  EXPECT_EQ(l.percent('b'), 100);
  EXPECT_EQ(l.pick("b"), 'a');
  l.update('a', 0);
  EXPECT_EQ(l.percent('b'), 100) << "the attempt is still counted";
  l.end(out, outcome::answered);
  EXPECT_NEAR(l.percent('b'), 50, 4);
  EXPECT_EQ(l.status('a').in_flight, 0U);
}

TEST(pick, an_attempt_ends_at_the_priority_where_it_began) {
  lab l("a0 b1", {.balance = {.policy = balance_policy::least_request}});
  const attempt_id out = l.begin('a');
  l.update('a', 1);
  const attempt_id later = l.begin('a');
  l.end(out, outcome::answered);
  EXPECT_EQ(l.percent('b'), 100) << "one of the attempts is left";
  l.end(later, outcome::answered);
  EXPECT_NEAR(l.percent('b'), 50, 4);
}

TEST(pick, there_are_101_priorities) {
  lab l("", {.balance = {.policy = balance_policy::least_request}});
  l.add('a', 1000);
  l.add('b', 100);
  l.add('c', 99);
  EXPECT_EQ(l.status('a').options.priority, 100U);
  EXPECT_EQ(l.pick(), 'c');
  l.attempt('c', outcome::refused);
  EXPECT_NEAR(l.percent('a'), 50, 4);
  l.update('b', 4000000000U);
  EXPECT_EQ(l.status('b').options.priority, 100U);
}

TEST(pick, an_attempt_ends_in_the_priority_where_it_began) {
  lab l("a0 b0 c1");
  const attempt_id first = l.begin('a');
  l.update('a', 1);
  const attempt_id second = l.begin('a');
  l.remove('b');
  l.add('d', 0);  // takes the slot that b had
  EXPECT_EQ(l.percent('d'), 100);
  EXPECT_EQ(l.pick("dc"), 'a');
  l.update('a', 0);
  EXPECT_EQ(l.status('a').in_flight, 2U);
  l.end(second, outcome::answered);
  l.end(first, outcome::answered);
  EXPECT_EQ(l.status('a').in_flight, 0U);
  EXPECT_EQ(l.pick("d"), 'a');
  EXPECT_EQ(l.pick("a"), 'd');
}

}  // namespace
}  // namespace understudy::core
