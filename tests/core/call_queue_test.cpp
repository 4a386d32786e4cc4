// Calls that wait for a place: where all servers have as many attempts as they can take.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "core/balance_ring.hpp"
#include "core/lab.hpp"
#include "core/sim_world.hpp"

namespace understudy::core {
namespace {

using namespace std::chrono_literals;

pool_options limited(double places) {
  return {.name = "orders", .limits = {.start = places, .floor = 1, .most = places}};
}

struct wish {
  bool idempotent = false;
  duration timeout = 1min;
  std::uint8_t priority = 5;
  std::uint64_t caller = 0;
  std::optional<std::uint64_t> key{};
};

/// Many calls at once, by number.
class crowd : public lab {
 public:
  explicit crowd(std::string_view names, pool_options options = limited(2), std::uint64_t seed = 1)
      : lab(names, std::move(options), seed) {
    for (const server_status& s : servers.status(now)) probe(name(s.id), outcome::answered);
    (void)told();
  }

  /// Its first step.
  std::string start(int number, const wish& w = {}) {
    calls_[number] = std::make_unique<call>(servers, call_options{.method = "T@m",
                                                                  .idempotent = w.idempotent,
                                                                  .deadline = now + w.timeout,
                                                                  .priority = w.priority,
                                                                  .caller = w.caller,
                                                                  .key = w.key});
    return step(number, calls_[number]->begin(now));
  }
  std::string come(int number) { return step(number, calls_.at(number)->woken(now)); }
  std::string fail(int number, outcome how) {
    return step(number, calls_.at(number)->failed(now, where_.at(number), how));
  }
  void answer(int number) {
    calls_.at(number)->finish(now, where_.at(number), outcome::answered);
    calls_.erase(number);
    settle();
  }
  void drop(int number) {
    calls_.erase(number);
    settle();
  }
  /// Numbers of those that were told to come since the last time.
  std::string told_to_come() {
    std::string text;
    for (const pending_id each : turns())
      text += (text.empty() ? "" : " ") + std::to_string(waits_.at(each));
    return text;
  }
  call& at(int number) { return *calls_.at(number); }
  give_up last{};

 private:
  std::string step(int number, const call_step& next) {
    if (const auto* to = std::get_if<core::attempt>(&next)) where_[number] = to->server;
    if (const auto* waits = std::get_if<park>(&next); waits != nullptr && waits->turn)
      waits_[*waits->turn] = number;
    if (const auto* end = std::get_if<give_up>(&next)) last = *end;
    settle();
    return word_for(next);
  }

  std::map<int, std::unique_ptr<call>> calls_;
  std::map<int, server_id> where_;
  std::map<pending_id, int> waits_;
};

TEST(call_queue, a_server_at_its_limit_gets_no_more_and_calls_wait_for_its_places) {
  crowd c("a0");
  EXPECT_EQ(c.start(1), "a");
  EXPECT_EQ(c.start(2), "a");
  EXPECT_EQ(c.start(3), "queue");
  EXPECT_EQ(c.start(4), "queue");
  EXPECT_EQ(c.servers.queued(), 2U);
  EXPECT_EQ(c.servers.parked(), 0U);
  EXPECT_EQ(c.status('a').in_flight, 2U);
  EXPECT_EQ(c.told_to_come(), "");
  c.answer(1);
  EXPECT_EQ(c.told_to_come(), "3");
  EXPECT_EQ(c.come(3), "a");
  EXPECT_EQ(c.told_to_come(), "") << "there was one place";
  c.answer(2);
  c.answer(3);
  EXPECT_EQ(c.told_to_come(), "4");
  EXPECT_EQ(c.come(4), "a");
  EXPECT_EQ(c.servers.queued(), 0U);
}

TEST(call_queue, a_place_is_kept_for_who_was_told_to_come) {
  crowd c("a0");
  for (const int each : {1, 2, 3, 4}) (void)c.start(each);
  c.answer(1);
  for (int i = 0; i < 3; ++i) c.settle();
  EXPECT_EQ(c.start(5), "queue") << "no newcomer takes it";
  EXPECT_EQ(c.told_to_come(), "3") << "and nobody else is told of it";
  EXPECT_EQ(c.come(3), "a");
  EXPECT_EQ(c.status('a').in_flight, 2U);
}

TEST(call_queue, as_many_are_told_to_come_as_there_are_places) {
  crowd c("a0 b0");
  for (int i = 1; i <= 9; ++i) (void)c.start(i);
  EXPECT_EQ(c.servers.queued(), 5U);
  for (const int each : {1, 2, 3}) c.answer(each);
  EXPECT_EQ(c.told_to_come(), "5 6 7");
  for (const int each : {5, 6, 7}) EXPECT_NE(c.come(each), "queue");
  EXPECT_EQ(c.told_to_come(), "");
  EXPECT_EQ(c.status('a').in_flight, 2U);
  EXPECT_EQ(c.status('b').in_flight, 2U);
}

TEST(call_queue, the_place_of_one_that_dies_goes_to_the_next) {
  crowd c("a0");
  for (const int each : {1, 2, 3, 4, 5}) (void)c.start(each);
  c.drop(4);
  EXPECT_EQ(c.servers.queued(), 2U) << "it waits no more";
  c.answer(1);
  EXPECT_EQ(c.told_to_come(), "3");
  c.drop(3);
  EXPECT_EQ(c.told_to_come(), "5");
  EXPECT_EQ(c.come(5), "a");
}

TEST(call_queue, one_that_is_told_to_stop_was_not_sent) {
  crowd c("a0");
  for (const int each : {1, 2, 3, 4}) (void)c.start(each);
  EXPECT_EQ(c.word_for(c.at(3).stopped()), "-32000!");
  EXPECT_EQ(c.servers.queued(), 1U);
  c.answer(1);
  EXPECT_EQ(c.told_to_come(), "4");
}

TEST(call_queue, a_server_may_leave_with_places_that_are_kept_on_it) {
  enum class leaves : std::uint8_t { removed, drained, down };
  for (const leaves how : {leaves::removed, leaves::drained, leaves::down}) {
    crowd c("a0", limited(1));
    c.add('b', 0);
    c.probe('b', outcome::answered);
    c.probe('b', outcome::answered);
    c.pass(5s);
    ASSERT_EQ(c.states(), "a up, b up");
    ASSERT_NE(c.start(1), "queue");
    ASSERT_NE(c.start(2), "queue");
    ASSERT_EQ(c.start(3), "queue");
    c.answer(1);
    ASSERT_EQ(c.told_to_come(), "3");
    // The one that is left is busy.
    const char free = c.status('a').in_flight == 0 ? 'a' : 'b';
    const char busy = free == 'a' ? 'b' : 'a';
    if (c.probing(free)) c.probe(free, outcome::answered);  // nothing else keeps it
    if (how == leaves::removed) c.remove(free);
    if (how == leaves::drained) c.drain(free);
    if (how == leaves::down) c.attempt(free, outcome::refused);
    EXPECT_EQ(c.come(3), "queue");
    EXPECT_EQ(c.told_to_come(), "");
    c.answer(2);
    EXPECT_EQ(c.told_to_come(), "3");
    EXPECT_EQ(c.come(3), std::string(1, busy));
  }
}

TEST(call_queue, who_finds_it_full_is_turned_away_and_told_when_to_come_again) {
  pool_options options = limited(1);
  options.pending.calls_max = 2;
  crowd c("a0 b1", options);
  (void)c.start(1);
  EXPECT_EQ(c.start(2), "queue");
  EXPECT_EQ(c.start(3), "queue");
  EXPECT_EQ(c.start(4), "-32003!");
  EXPECT_GE(c.last.retry_after, 100ms);
  EXPECT_EQ(c.last.message,
            "the servers of pool orders have as many calls as they can take; nothing was sent");
  EXPECT_EQ(c.told(), "call_refused");
  EXPECT_EQ(c.status('b').attempts, 0U) << "the backup is no overflow";
}

TEST(call_queue, who_waited_to_the_end_was_not_sent) {
  crowd c("a0", limited(1));
  (void)c.start(1);
  ASSERT_EQ(c.start(2, {.timeout = 300ms}), "queue");
  ASSERT_EQ(c.start(3), "queue");
  c.pass(299ms);
  EXPECT_EQ(c.told_to_come(), "");
  c.pass(1ms);
  EXPECT_EQ(c.told_to_come(), "2");
  EXPECT_EQ(c.come(2), "-32003!");
  EXPECT_GT(c.last.retry_after, 0s);
  EXPECT_EQ(c.servers.queued(), 1U);
}

TEST(call_queue, who_could_not_be_served_in_time_any_more_waits_no_longer) {
  crowd c("a0", limited(1));
  for (int i = 0; i < 100; ++i) {
    c.pass(500ms);
    c.attempt('a', outcome::answered, 200ms);
  }
  (void)c.begin('a', "T@endless");
  ASSERT_EQ(c.start(2, {.timeout = 1s}), "queue");
  const time_point begun = c.now;
  while (c.told_to_come().empty() && c.now < begun + 2s) c.pass(1ms);
  EXPECT_GE(c.now, begun + 785ms) << "half of its kind take 200 ms";
  EXPECT_LE(c.now, begun + 815ms);
  EXPECT_EQ(c.come(2), "-32003!");
  EXPECT_EQ(c.start(3, {.timeout = 150ms}), "-32003!") << "too late from the first";
}

TEST(call_queue, one_that_looks_by_itself_keeps_its_turn) {
  crowd c("a0", limited(1));
  for (const int each : {1, 2, 3}) (void)c.start(each);
  c.pass(1s);
  EXPECT_EQ(c.come(2), "queue");
  EXPECT_EQ(c.servers.queued(), 2U);
  c.answer(1);
  EXPECT_EQ(c.told_to_come(), "2");
}

TEST(call_queue, a_retry_that_waits_goes_where_it_has_not_been) {
  crowd c("a0 b1", limited(1));
  ASSERT_EQ(c.start(1, {.idempotent = true}), "a");
  const attempt_id busy = c.begin('b');
  EXPECT_EQ(c.start(2), "queue");
  c.drop(2);
  EXPECT_EQ(c.fail(1, outcome::lost), "queue") << "a is suspect, b is full";
  c.end(busy, outcome::answered);
  EXPECT_EQ(c.told_to_come(), "1");
  EXPECT_EQ(c.come(1), "b");
}

TEST(call_queue, a_retry_that_waits_to_the_end_may_have_run) {
  crowd c("a0 b1", limited(1));
  ASSERT_EQ(c.start(1, {.idempotent = true, .timeout = 1s}), "a");
  (void)c.begin('b');
  ASSERT_EQ(c.fail(1, outcome::lost), "queue");
  c.pass(1s);
  EXPECT_EQ(c.told_to_come(), "1");
  EXPECT_EQ(c.come(1), "-32001?");
  EXPECT_EQ(c.last.message,
            "T@m may have run: the connection to server a was lost after it had been sent; it was "
            "not repeated: the other servers have as many calls as they can take");
}

TEST(call_queue, a_retry_is_not_told_again_and_again_of_the_place_it_cannot_use) {
  crowd c("a0 b0", limited(1));
  ASSERT_NE(c.start(1, {.idempotent = true}), "queue");
  const char first = c.status('a').in_flight == 1 ? 'a' : 'b';
  (void)c.begin(first == 'a' ? 'b' : 'a');
  ASSERT_EQ(c.fail(1, outcome::unreadable), "queue");
  EXPECT_EQ(c.told_to_come(), "1") << "where it was there is a place";
  EXPECT_EQ(c.come(1), "-32001?");
  EXPECT_EQ(c.servers.queued(), 0U);
}

TEST(call_queue, who_has_an_answer_in_hand_does_not_wait) {
  for (const outcome how : {outcome::faulted, outcome::pushed_back}) {
    crowd c("a0 b1", limited(1));
    ASSERT_EQ(c.start(1, {.idempotent = true}), "a");
    (void)c.begin('b');
    EXPECT_EQ(c.fail(1, how), "deliver") << to_string(how);
    EXPECT_EQ(c.servers.queued(), 0U);
  }
}

TEST(call_queue, a_hedge_never_waits) {
  crowd c("a0 b1", limited(1));
  ASSERT_EQ(c.start(1, {.idempotent = true}), "a");
  const attempt_id busy = c.begin('b');
  c.pass(100ms);
  ASSERT_TRUE(c.at(1).look_at());
  EXPECT_EQ(c.word_for(c.at(1).look(c.now)), "wait");
  EXPECT_EQ(c.servers.queued(), 0U);
  c.end(busy, outcome::answered);
  c.pass(50ms);
  EXPECT_EQ(c.word_for(c.at(1).look(c.now)), "b");
}

TEST(call_queue, an_attempt_that_is_late_holds_no_place_though_it_is_in_flight) {
  crowd c("a0");
  for (int i = 0; i < 100; ++i) {
    c.pass(50ms);
    c.attempt('a', outcome::answered, 10ms);
  }
  ASSERT_EQ(c.start(1), "a");
  ASSERT_EQ(c.start(2), "a");
  ASSERT_EQ(c.start(3), "queue");
  c.pass(99ms);
  EXPECT_EQ(c.told_to_come(), "");
  c.pass(2ms);
  EXPECT_EQ(c.told_to_come(), "3") << "what takes so long may never end";
  EXPECT_EQ(c.come(3), "a");
  EXPECT_EQ(c.start(4), "a");
  EXPECT_EQ(c.status('a').in_flight, 4U);
  EXPECT_EQ(c.start(5), "queue");
  c.answer(1);
  c.answer(2);
  EXPECT_EQ(c.told_to_come(), "") << "they had given their places back already";
  c.answer(3);
  EXPECT_EQ(c.told_to_come(), "5");
}

TEST(call_queue, callers_take_turns_and_priorities_count) {
  crowd c("a0", limited(1));
  (void)c.start(0);
  (void)c.start(11, {.caller = 1});
  (void)c.start(12, {.caller = 1});
  (void)c.start(13, {.caller = 1});
  (void)c.start(21, {.caller = 2});
  (void)c.start(91, {.priority = 9, .caller = 3});
  std::string order;
  c.answer(0);
  for (int i = 0; i < 5; ++i) {
    const std::string next = c.told_to_come();
    order += next + " ";
    ASSERT_EQ(c.come(std::stoi(next)), "a");
    c.answer(std::stoi(next));
  }
  EXPECT_EQ(order, "91 11 21 12 13 ");
}

TEST(call_queue, the_key_of_one_that_waited_is_heeded) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    pool_options options = limited(1);
    options.balance.policy = balance_policy::consistent_hash;
    crowd c("a0 b0", options, seed);
    const std::uint64_t key = balance_key(std::to_string(seed));
    const char home = c.pick("", key);
    const attempt_id at_a = c.begin('a');
    const attempt_id at_b = c.begin('b');
    ASSERT_EQ(c.start(1, {.key = key}), "queue");
    // Both are free at once: whichever place was kept for it, it goes where it belongs.
    c.servers.end(c.now, at_a, outcome::answered);
    c.servers.end(c.now, at_b, outcome::answered);
    c.settle();
    ASSERT_EQ(c.told_to_come(), "1");
    EXPECT_EQ(c.come(1), std::string(1, home)) << "seed " << seed;
  }
}

TEST(call_queue, a_place_that_comes_to_be_with_a_server_goes_to_those_that_wait) {
  crowd c("a0", limited(1));
  (void)c.start(1);
  ASSERT_EQ(c.start(2), "queue");
  c.add('b', 0);
  c.probe('b', outcome::answered);
  c.probe('b', outcome::answered);
  c.pass(6s);
  EXPECT_EQ(c.told_to_come(), "2");
  EXPECT_EQ(c.come(2), "b");
}

TEST(call_queue, no_place_is_given_at_a_backup_while_a_primary_is_up) {
  crowd c("a0 b1", limited(1));
  (void)c.start(1);
  ASSERT_EQ(c.start(2), "queue");
  c.pass(50ms);
  EXPECT_EQ(c.told_to_come(), "");
  c.attempt('a', outcome::refused);
  EXPECT_EQ(c.told_to_come(), "2") << "now it serves";
  EXPECT_EQ(c.come(2), "b");
}

/// Twice as many calls as the servers' places can serve.
TEST(call_queue, under_overload_each_call_is_answered_or_was_not_sent) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    sim::plan p;
    p.seed = seed;
    p.pool = limited(4);
    p.pool.hedge_after = 0s;
    p.servers = {{.latency_min = 5ms, .latency_max = 15ms},
                 {.latency_min = 5ms, .latency_max = 15ms}};
    p.calls_per_second = 1600;
    p.calls_for = 3s;
    p.deadline = 1s;
    p.idempotent_share = 0.5;
    sim::world w(p);
    w.run();
    int answered = 0;
    for (const sim::sim_call& c : w.calls()) {
      answered += c.answered;
      ASSERT_EQ(c.executions, c.answered ? 1U : 0U);
      ASSERT_TRUE(c.answered || (c.code == code::overloaded && c.sent == delivery::not_sent));
    }
    EXPECT_GT(answered, 2200) << "no place stood empty: 800 a second";
    for (const sim::told& t : w.records())
      EXPECT_TRUE(t.what.kind == "server_added" || t.what.kind == "call_refused") << t.what.kind;
  }
}

}  // namespace
}  // namespace understudy::core
