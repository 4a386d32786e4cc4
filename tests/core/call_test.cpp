// The life of a call as tables: what happens to it, and which steps follow (P3).
#include "core/call.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "core/lab.hpp"
#include "core/parking.hpp"

namespace understudy::core {
namespace {

using namespace std::chrono_literals;

struct row {
  const char* what;
  const char* servers;
  bool idempotent;
  const char* words;  ///< lab::play
  const char* steps;  ///< letters are attempts; "-32001?" = outcome unknown, "-32000!" = not sent
};

constexpr bool once = false;
constexpr bool repeatable = true;

const row rows[] = {
    {"the good case", "a0 b1", once, "answered", "a ok"},
    {"a faulted answer is the answer", "a0 b1", once, "faulted", "a deliver"},

    {"refused: elsewhere at once", "a0 b1", once, "refused answered", "a b ok"},
    {"stale: elsewhere at once", "a0 b1", once, "stale answered", "a b ok"},
    {"unreached: elsewhere at once", "a0 b1", once, "unreached answered", "a b ok"},
    {"unreached everywhere: it parks", "a0 b1", once, "unreached unreached", "a b park"},
    {"all refuse: it parks", "a0 b1", once, "refused refused", "a b park"},
    {"parked, then one is back", "a0 b1", once, "refused refused good:b wake answered",
     "a b park b ok"},
    {"parked, woken for nothing", "a0", once, "refused wake good:a wake answered",
     "a park park a ok"},
    {"after waking all may be tried again", "a0 b1", once,
     "refused refused good:b wake refused good:a wake answered", "a b park b park a ok"},
    {"stale on the only server: again, after a probe", "a0", once, "stale good:a wake answered",
     "a park a ok"},
    {"parked to the end", "a0 b1", once, "refused refused late wake", "a b park -32000!"},
    {"stopped while it waits, never sent", "a0", once, "refused stop", "a park -32000!"},
    {"stopped while it waits, may have run", "a0", repeatable, "lost stop", "a park -32001?"},
    {"deadline before it was sent", "a0 b1", once, "late refused", "a -32002!"},
    {"no server at all", "", once, "", "-32000!"},

    {"no connection to spare: elsewhere at once", "a0 b1", once, "crowded answered", "a b ok"},
    {"none for anyone: refused, it never waits", "a0 b1", once, "crowded crowded", "a b -32003!"},
    {"none for the repeat: it may have run", "a0 b1", repeatable, "lost crowded", "a b -32001?"},
    {"none for the repeat of a fault", "a0 b1", repeatable, "faulted crowded", "a b deliver"},
    {"none, and too late", "a0 b1", once, "late crowded", "a -32002!"},

    {"lost: not repeated", "a0 b1", once, "lost", "a -32001?"},
    {"unreadable: not repeated", "a0 b1", once, "unreadable", "a -32001?"},
    {"timed out: not repeated", "a0 b1", once, "late timed_out", "a -32001?"},
    {"sent after a refusal, then lost", "a0 b1", once, "refused lost", "a b -32001?"},
    {"abandoned", "a0 b1", repeatable, "abandoned", "a -32001?"},

    {"lost: repeated elsewhere", "a0 b1", repeatable, "lost answered", "a b ok"},
    {"unreadable: repeated elsewhere", "a0 b1", repeatable, "unreadable answered", "a b ok"},
    {"timed out at the deadline", "a0 b1", repeatable, "late timed_out", "a -32002?"},
    {"a killer costs two connections", "a0 b1 c2", repeatable, "lost lost", "a b -32001?"},
    {"three attempts", "a0 b1 c2 d3", repeatable, "unreadable unreadable unreadable",
     "a b c -32001?"},
    {"all were tried, all are up", "a0", repeatable, "unreadable", "a -32001?"},
    {"the repeat is refused: the others, free", "a0 b1 c2", repeatable, "lost refused answered",
     "a b c ok"},
    {"the only other one is down: it waits", "a0 b1", repeatable,
     "lost refused good:b wake answered", "a b park b ok"},
    {"the only one there is lost it: it waits for a probe", "a0", repeatable,
     "lost good:a wake answered", "a park a ok"},
    {"waited with an unknown outcome to the end", "a0 b1", repeatable, "lost refused late wake",
     "a b park -32002?"},

    {"a fault is had better elsewhere", "a0 b1", repeatable, "faulted answered", "a b ok"},
    {"faults everywhere", "a0 b1", repeatable, "faulted faulted", "a b deliver"},
    {"a fault, then a loss: the fault is an answer", "a0 b1", repeatable, "faulted lost",
     "a b deliver"},
    {"a fault never waits", "a0 b1", repeatable, "faulted refused", "a b deliver"},
    {"a fault, late", "a0 b1", repeatable, "late faulted", "a deliver"},
};

TEST(call, steps) {
  for (const row& r : rows) {
    lab l(r.servers);
    EXPECT_EQ(l.play(r.idempotent, r.words, 1s), r.steps) << r.what;
    l.end_call();
    EXPECT_EQ(l.servers.parked(), 0U) << r.what;
    for (const server_status& s : l.servers.status(l.now)) EXPECT_EQ(s.in_flight, 0U) << r.what;
  }
}

TEST(call, says_what_happened_and_why_it_was_not_repeated) {
  const struct {
    bool idempotent;
    const char* words;
    const char* message;
  } cases[] = {
      {once, "lost",
       "T@m may have run: the connection to server a was lost after it had been sent; it was not "
       "repeated: the method is not declared idempotent"},
      {once, "late timed_out",
       "T@m may have run: server a gave no answer in time; it was not repeated: the method is not "
       "declared idempotent"},
      {repeatable, "lost lost",
       "T@m may have run: the connection to server b was lost after it had been sent; it was not "
       "repeated: it has cost 2 connections"},
      {repeatable, "unreadable unreadable",
       "T@m may have run: server b sent something that is no answer; it was not repeated: no other "
       "server could take it"},
      {repeatable, "late timed_out",
       "the deadline passed: server a gave no answer in time; it may have run"},
      {once, "refused refused late wake",
       "no server of pool orders was usable before the deadline; nothing was sent"},
  };
  for (const auto& c : cases) {
    lab l("a0 b1", {.name = "orders"});
    (void)l.play(c.idempotent, c.words, 1s);
    EXPECT_EQ(l.answer().message, c.message);
  }
}

TEST(call, without_servers_or_with_drained_ones_it_is_refused_at_once) {
  lab l("", {.name = "orders"});
  EXPECT_EQ(l.play(once, "", 1s), "-32000!");
  EXPECT_EQ(l.answer().message, "there is no server in pool orders");
  EXPECT_GT(l.answer().retry_after, 0s);
  l.add('a', 0);
  l.drain('a');
  EXPECT_EQ(l.play(once, "", 1s), "-32000!");
  EXPECT_EQ(l.answer().message, "no server takes calls in pool orders: all are drained or removed");
}

TEST(call, where_it_failed_before_it_goes_only_if_no_other_takes_it) {
  lab l("a0 b1");
  call_options options{.method = "T@once", .deadline = l.now + 10s};
  const auto first_of = [&](std::vector<server_id> failed_at) {
    options.failed_at = std::move(failed_at);
    call life(l.servers, options);
    return l.word_for(life.begin(l.now));
  };
  EXPECT_EQ(first_of({}), "a");
  EXPECT_EQ(first_of({l.id('a')}), "b");
  EXPECT_EQ(first_of({l.id('b')}), "a");
  EXPECT_EQ(first_of({l.id('a'), l.id('b')}), "a");
  {
    options.failed_at = {l.id('a')};
    call life(l.servers, options);
    EXPECT_EQ(l.word_for(life.begin(l.now)), "b");
    EXPECT_EQ(l.word_for(life.failed(l.now, l.id('b'), outcome::refused)), "a");
    l.settle();
    const call_step last = life.failed(l.now, l.id('a'), outcome::lost);
    EXPECT_EQ(l.word_for(last), "-32001?");
    EXPECT_EQ(std::get<give_up>(last).server, l.servers.status(l.now).front().options.address);
  }
  l.drain('b');
  EXPECT_EQ(first_of({l.id('a')}), "a");
}

TEST(call, a_deadline_that_has_passed_sends_nothing) {
  lab l("a0");
  EXPECT_EQ(l.play(repeatable, "", 0s), "-32002!");
  EXPECT_EQ(l.status('a').attempts, 0U);
}

TEST(call, counts_only_attempts_that_may_have_reached_a_server) {
  lab l("a0 b1 c2");
  call c(l.servers, {.method = "T@m", .idempotent = true, .deadline = l.now + 1s});
  (void)c.begin(l.now);
  EXPECT_EQ(c.attempts(), 1U);
  (void)c.failed(l.now, l.id('a'), outcome::refused);
  EXPECT_EQ(c.attempts(), 1U);
  (void)c.failed(l.now, l.id('b'), outcome::lost);
  EXPECT_EQ(c.attempts(), 2U);
  c.finish(l.now, l.id('c'), outcome::answered);
  EXPECT_EQ(c.attempts(), 2U);
}

TEST(call, one_that_is_dropped_leaves_nothing_behind) {
  lab l("a0");
  EXPECT_EQ(l.play(once, "", 1s), "a");
  l.end_call();
  EXPECT_EQ(l.status('a').in_flight, 0U);
  EXPECT_EQ(l.states(), "a up");
  EXPECT_EQ(l.play(once, "refused", 1s), "a park");
  EXPECT_EQ(l.servers.parked(), 1U);
  l.end_call();
  EXPECT_EQ(l.servers.parked(), 0U);
}

TEST(call, the_parking_place_is_bounded) {
  lab l("a0", {.name = "orders", .parked_max = 1});
  l.attempt('a', outcome::refused);
  call first(l.servers, {.method = "T@m", .deadline = l.now + 1s});
  EXPECT_TRUE(std::holds_alternative<park>(first.begin(l.now)));
  EXPECT_EQ(l.play(once, "", 1s), "-32003!");
  EXPECT_GT(l.answer().retry_after, 0s);
  EXPECT_EQ(
      l.answer().message,
      "no server of pool orders is usable, and no more than 1 calls may wait for one; nothing "
      "was sent");
}

// Who keeps the call elsewhere needs no place here.
TEST(call, one_that_does_not_park_is_given_back_at_once) {
  lab l("a0 b1");
  l.attempt('a', outcome::refused);
  l.attempt('b', outcome::refused);
  call stored(l.servers, {.method = "T@m", .deadline = l.now + 1s, .parks = false});
  const call_step step = stored.begin(l.now);
  ASSERT_TRUE(std::holds_alternative<give_up>(step));
  EXPECT_EQ(std::get<give_up>(step).code, code::no_server);
  EXPECT_EQ(std::get<give_up>(step).sent, delivery::not_sent);
  EXPECT_EQ(l.servers.parked(), 0U);
}

TEST(call, an_unknown_outcome_that_finds_no_parking_place_is_told_as_unknown) {
  lab l("a0 b1", {.parked_max = 0});
  EXPECT_EQ(l.play(repeatable, "lost refused", 1s), "a b -32001?");
}

TEST(call, parked_calls_leave_one_by_one) {
  lab l("a0", {.limits = {.start = 200}});
  l.attempt('a', outcome::refused);
  constexpr int count = 100;
  std::vector<std::unique_ptr<call>> calls;
  for (int i = 0; i < count; ++i) {
    calls.push_back(
        std::make_unique<call>(l.servers, call_options{.method = "T@m", .deadline = l.now + 60s}));
    ASSERT_TRUE(std::holds_alternative<park>(calls.back()->begin(l.now)));
  }
  l.probe('a', outcome::answered);
  ASSERT_TRUE(l.woken());
  // Nobody answers yet: what is in flight shows how many have left.
  std::vector<time_point> looks(count, l.now);
  for (int ms = 0; ms <= count; ++ms) {
    for (std::size_t i = 0; i < looks.size(); ++i) {
      if (looks[i] > l.now) continue;
      const call_step step = calls[i]->woken(l.now);
      const auto* wait = std::get_if<park>(&step);
      looks[i] = wait != nullptr ? wait->until : time_point::max();
    }
    EXPECT_EQ(l.status('a').in_flight, static_cast<unsigned>(std::min(ms + 1, count)));
    l.now += 1ms;
  }
  EXPECT_EQ(l.servers.parked(), 0U);
}

TEST(call, a_parked_call_does_not_wait_for_its_turn_beyond_its_deadline) {
  lab l("a0");
  l.attempt('a', outcome::refused);
  call first(l.servers, {.method = "T@m", .deadline = l.now + 60s});
  call second(l.servers, {.method = "T@m", .deadline = l.now + 500ms});
  (void)first.begin(l.now);
  (void)second.begin(l.now);
  l.probe('a', outcome::answered);
  l.now = time_point{} + 499'500us;
  EXPECT_TRUE(std::holds_alternative<attempt>(first.woken(l.now)));
  EXPECT_TRUE(std::holds_alternative<attempt>(second.woken(l.now)));
}

TEST(call, turns_that_were_not_taken_do_not_add_up) {
  lab l("a0");
  l.attempt('a', outcome::refused);
  constexpr int count = 1000;
  std::vector<std::unique_ptr<call>> calls;
  for (int i = 0; i < count; ++i) {
    calls.push_back(
        std::make_unique<call>(l.servers, call_options{.method = "T@m", .deadline = l.now + 1h}));
    (void)calls.back()->begin(l.now);
  }
  // It comes back again and again, and is lost before more than one call could go. (That one is
  // dropped here, the next has its place in the queue.)
  for (int flap = 0; flap < 20; ++flap) {
    l.probe('a', outcome::answered);
    for (auto& one : calls) (void)one->woken(l.now);
    calls.erase(calls.begin());
    l.attempt('a', outcome::refused);
    for (auto& one : calls) (void)one->woken(l.now);
  }
  l.probe('a', outcome::answered);
  time_point last{};
  for (auto& one : calls) {
    const call_step step = one->woken(l.now);
    if (const auto* wait = std::get_if<park>(&step)) last = std::max(last, wait->until);
  }
  EXPECT_LE(last, l.now + calls.size() * parking::leave_spacing);
}

TEST(call, one_in_a_hurry_speaks_against_no_server) {
  for (const outcome how : {outcome::timed_out, outcome::unreached}) {
    lab l("a0 b1");
    for (int i = 0; i < 10; ++i) {
      call hasty(l.servers, {.method = "T@m", .deadline = l.now + 1ms, .hurried = true});
      (void)hasty.begin(l.now);
      l.now += 1ms;
      (void)hasty.failed(l.now, l.id('a'), how);
    }
    EXPECT_EQ(l.states(), "a up, b up") << to_string(how);
    // Before its deadline it is a witness like any other.
    call other(l.servers, {.method = "T@m", .deadline = l.now + 1s, .hurried = true});
    (void)other.begin(l.now);
    (void)other.failed(l.now, l.id('a'), outcome::unreached);
    EXPECT_EQ(l.states(), "a suspect, b up");
  }
}

TEST(call, the_want_of_a_connection_is_told_and_speaks_against_no_server) {
  lab l("a0", {.name = "orders"});
  EXPECT_EQ(l.play(once, "crowded", 1s), "a -32003!");
  EXPECT_EQ(l.answer().message, "too many connections to server a; nothing was sent");
  EXPECT_GT(l.answer().retry_after, 0s);
  EXPECT_EQ(l.states(), "a up");
  EXPECT_EQ(l.told(), "server_added a, call_refused");
}

TEST(call, looks_again_by_itself) {
  lab l("a0");
  l.attempt('a', outcome::refused);
  call c(l.servers, {.method = "T@m", .deadline = l.now + 60s});
  const call_step step = c.begin(l.now);
  EXPECT_EQ(std::get<park>(step).until, l.now + 1s);
}

TEST(call, repeats_cost_budget_and_stop_when_it_is_spent) {
  lab l("a0 b1", {.retry_ratio = 0.25, .retry_tokens_max = 1});
  EXPECT_EQ(l.play(repeatable, "unreadable answered", 1s), "a b ok");
  EXPECT_EQ(l.play(repeatable, "unreadable", 1s), "a -32001?");
  EXPECT_EQ(l.answer().message.substr(l.answer().message.find("not repeated")),
            "not repeated: the pool has no retries left for now");
  for (int i = 0; i < 20; ++i) l.attempt('a', outcome::answered);  // so that it stays trusted
  // A faulted answer needs no repeat to be an answer.
  EXPECT_EQ(l.play(repeatable, "faulted", 1s), "a deliver");
  // 0.25 a call: the one that refills it is the fourth.
  EXPECT_EQ(l.play(repeatable, "answered", 1s), "a ok");
  EXPECT_EQ(l.play(repeatable, "unreadable answered", 1s), "a b ok");
}

TEST(call, a_hedge_is_sent_when_an_attempt_takes_longer_than_usual) {
  lab l("a0 b1");
  l.pass(1s);
  for (int i = 0; i < 100; ++i) l.attempt('a', outcome::answered, 20ms);
  const time_point begun = l.now;
  EXPECT_EQ(l.play(repeatable, "look", 1s), "a b");
  EXPECT_GE(l.now, begun + 19ms);
  EXPECT_LE(l.now, begun + 22ms);
  EXPECT_EQ(l.play_on("answered"), "ok") << "the first good answer counts";
  EXPECT_EQ(l.status('a').in_flight, 1U) << "the other one goes on";
  l.end_call();
  EXPECT_EQ(l.status('a').in_flight, 0U);
}

TEST(call, of_two_attempts_both_must_fail) {
  const auto played = [](std::string_view words) {
    lab l("a0 b1");
    return l.play(repeatable, words, 1s);
  };
  EXPECT_EQ(played("look lost @a faulted"), "a b wait deliver");
  EXPECT_EQ(played("look @a faulted @b answered"), "a b wait ok");
  EXPECT_EQ(played("look @a unreadable @b unreadable"), "a b wait -32001?");
  EXPECT_EQ(played("look refused @a answered"), "a b wait ok");
}

TEST(call, only_idempotent_calls_with_budget_and_another_server_are_hedged) {
  const auto hedged = [](lab& l, bool idempotent) {
    call c(l.servers, {.method = "T@m", .idempotent = idempotent, .deadline = l.now + 9s});
    (void)c.begin(l.now);
    l.now += 8s;
    return std::holds_alternative<attempt>(c.look(l.now));
  };
  lab two("a0 b1");
  EXPECT_TRUE(hedged(two, repeatable));
  EXPECT_FALSE(hedged(two, once));
  two.attempt('b', outcome::refused);
  EXPECT_FALSE(hedged(two, repeatable)) << "the other one is down";
  lab one("a0");
  EXPECT_FALSE(hedged(one, repeatable));
  lab off("a0 b1", {.hedge_after = 0s});
  EXPECT_FALSE(hedged(off, repeatable));
  lab poor("a0 b1", {.retry_ratio = 0.0, .retry_tokens_max = 4});
  EXPECT_TRUE(hedged(poor, repeatable));
  EXPECT_TRUE(hedged(poor, repeatable));
  EXPECT_TRUE(hedged(poor, repeatable));
  EXPECT_FALSE(hedged(poor, repeatable)) << "errors or overload have emptied the budget";
}

TEST(call, an_answer_in_hand_costs_no_budget_where_nobody_else_is_there) {
  lab l("a0 b1", {.retry_ratio = 0.0, .retry_tokens_max = 1});
  l.attempt('b', outcome::refused);
  EXPECT_EQ(l.play(repeatable, "faulted", 1s), "a deliver");
  l.probe('a', outcome::answered);
  l.probe('b', outcome::answered);
  l.probe('b', outcome::answered);
  EXPECT_EQ(l.play(repeatable, "unreadable answered", 1s), "a b ok");
}

TEST(call, what_was_not_sent_is_free_of_the_budget) {
  lab l("a0 b1", {.retry_ratio = 0.0, .retry_tokens_max = 0});
  EXPECT_EQ(l.play(repeatable, "refused answered", 1s), "a b ok");
}

TEST(call, refusals_make_one_record_a_second_with_a_count) {
  lab l("a0 b1");
  for (int i = 0; i < 5; ++i) {
    l.pass(1ms);
    (void)l.play(once, "unreadable", 1s);
    for (int good = 0; good < 10; ++good) (void)l.play(once, "answered", 1s);
  }
  EXPECT_EQ(l.told(), "server_added a, server_added b, call_not_repeated");
  l.pass(1s);
  ASSERT_EQ(l.told(), "call_not_repeated");
  const record& r = l.records.back();
  EXPECT_EQ(r.evidence, (evidence{{"calls", "4"}, {"method", "T@m"}}));
  EXPECT_EQ(r.rule, "the method is not declared idempotent");
}

TEST(call, a_killer_is_told_apart) {
  lab l("a0 b1");
  (void)l.play(repeatable, "lost lost", 1s);
  EXPECT_EQ(l.records.back().kind, "killer_call");
  // It speaks against the call: both servers are only looked at, and still usable.
  EXPECT_EQ(l.states(), "a suspect, b suspect");
}

}  // namespace
}  // namespace understudy::core
