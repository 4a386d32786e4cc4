// What attempts show of a server in a method, rule by rule. How signs add up: evidence_test.cpp.
#include "core/watch.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/lab.hpp"

namespace understudy::core {
namespace {

using namespace std::chrono_literals;

constexpr server_id only{1};

/// Good calls of the method, one a second, that take from half of `took` to `took`.
method_id known(watch& w, time_point& now, duration took) {
  const method_id m = w.know("T@m");
  for (int i = 0; i < 200; ++i) {
    const attempt_id one = w.begin(now, only, m, true);
    (void)w.end(now + took / 2 + took / 400 * i, one, outcome::answered, false);
    now += 1s;
  }
  return m;
}

/// A pool whose servers have answered their probes.
class bench : public lab {
 public:
  explicit bench(std::string_view names, pool_options options = {}) : lab(names, options) {
    for (const server_status& s : servers.status(now)) probe(name(s.id), outcome::answered);
    pass(10ms);
    (void)told();
  }
  void fault(char at, std::string_view method = "T@m") {
    for (int i = 0; i < 3; ++i) {
      pass(10ms);
      attempt(at, outcome::faulted, 1ms, method);
    }
  }
  void good(char at, int times, duration took = 10ms, std::string_view method = "T@m") {
    for (int i = 0; i < times; ++i) {
      pass_with_probes(20ms);
      attempt(at, outcome::answered, took, method);
    }
  }
  /// Answers whatever probes are out, until then.
  void pass_with_probes(duration d) {
    for (const time_point until = now + d; now < until;) {
      pass(std::min<duration>(20ms, until - now));
      for (const server_status& s : servers.status(now))
        if (probing(name(s.id))) probe(name(s.id), outcome::answered);
    }
  }
  /// A copy of a call of T@m, sent to where one is due.
  void canary(outcome how) {
    const method_id m = servers.know("T@m");
    const auto to = servers.canary_due(now, m);
    ASSERT_TRUE(to);
    end(servers.begin_canary(now, *to, m), how);
  }
  bool canary_due() { return servers.canary_due(now, servers.know("T@m")).has_value(); }
};

TEST(new_methods, share_one_id_until_one_was_answered_well) {
  lab l("a0 b1");
  const method_id shared = l.servers.method("T@invented");
  EXPECT_EQ(l.servers.method("T@another"), shared);
  const auto play = [&](std::string_view name, outcome how, bool badly) {
    call one(l.servers, {.method = std::string(name), .deadline = l.now + 1s});
    (void)one.begin(l.now);
    if (how == outcome::answered)
      one.finish(l.now, l.id('a'), how, badly);
    else
      (void)one.failed(l.now, l.id('a'), how);
    l.settle();
    return l.servers.method(name);
  };
  EXPECT_EQ(play("T@faulted", outcome::faulted, false), shared);
  EXPECT_EQ(play("T@bad", outcome::answered, true), shared) << "that is what invented ones get";
  const method_id real = play("T@real", outcome::answered, false);
  EXPECT_NE(real, shared);
  EXPECT_NE(play("T@real2", outcome::answered, false), real);
  EXPECT_EQ(l.servers.method("T@invented"), shared);
}

TEST(new_methods, go_away_together) {
  bench l("a0 b1");
  const method_id shared = l.servers.method("T@x");
  for (int i = 0; i < 3; ++i) {
    l.pass(10ms);
    l.end(l.servers.begin(l.now, l.id('a'), shared, true), outcome::faulted);
  }
  EXPECT_EQ(l.told(), "method_away a, method (new methods)");
  EXPECT_EQ(l.servers.pick(l.now, {}, l.servers.method("T@y")).server, l.id('b'));
  EXPECT_EQ(l.pick(), 'a') << "those that are known stay";
}

TEST(new_methods, that_go_well_do_not_speak_for_a_server) {
  bench l("a0 b1");
  l.pass(10ms);
  l.end(l.servers.begin(l.now, l.id('a'), l.servers.method("T@x"), true), outcome::answered);
  l.fault('a', "T@one");
  EXPECT_EQ(l.states(), "a up, b up");
  l.fault('a', "T@two");
  EXPECT_EQ(l.states(), "a suspect, b up") << "several methods fail, and none is known to go well";
}

TEST(new_methods, teach_no_limit) {
  for (const bool shared : {false, true}) {
    lab l("a0", {.limits = {.start = 16}});
    const method_id m = shared ? l.servers.method("T@x") : l.servers.know("T@m");
    const auto at_a_time = [&](int calls, duration take) {
      std::vector<attempt_id> out;
      for (int i = 0; i < calls; ++i) out.push_back(l.servers.begin(l.now, l.id('a'), m, true));
      l.now += take;
      for (const attempt_id each : out) l.servers.end(l.now, each, outcome::answered);
      l.now += 1ms;
    };
    for (int i = 0; i < 40; ++i) at_a_time(1, 5ms);
    for (int i = 0; i < 4; ++i) at_a_time(16, 90ms);
    if (shared)
      EXPECT_EQ(l.status('a').limit, 16U) << "each of them may take its own time";
    else
      EXPECT_LT(l.status('a').limit, 16U);
  }
}

TEST(signs, a_method_that_costs_its_connections_leaves_the_server) {
  bench l("a0 b1");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(l.pick(), 'a');
    l.pass(1s);
    l.attempt('a', outcome::lost, 1ms);
    l.probe('a', outcome::answered);
  }
  EXPECT_EQ(l.states(), "a up, b up");
  EXPECT_EQ(l.pick(), 'b');
  EXPECT_EQ(l.status('a').methods_away, std::vector<std::string>{"T@m"});
}

TEST(signs, an_attempt_from_before_the_server_went_down_does_not_push_it_down_again) {
  bench l("a0 b1");
  const attempt_id old = l.begin('a');
  l.pass(10ms);
  l.attempt('a', outcome::refused);
  l.probe('a', outcome::answered);
  l.probe('a', outcome::answered);
  ASSERT_EQ(l.states(), "a returning, b up");
  l.end(old, outcome::lost);
  EXPECT_EQ(l.states(), "a returning, b up");
  l.attempt('a', outcome::lost);
  EXPECT_EQ(l.states(), "a down, b up") << "one that began since does";
}

TEST(overdue, is_asked_for_the_newest_attempt_too) {
  bench l("a0 b1");
  l.good('a', 100);
  const attempt_id slow = l.begin('a');
  l.pass_with_probes(900ms);
  ASSERT_EQ(l.states(), "a up, b up") << "one slow call among answered probes";
  while (l.probing('a')) l.probe('a', outcome::answered);
  // Now it freezes.
  (void)l.begin('a');
  l.pass(100ms);
  ASSERT_TRUE(l.probing('a')) << "the new one is late as well, and nothing came since it began";
  l.pass(100ms);
  EXPECT_EQ(l.states(), "a down, b up");
  l.end(slow, outcome::abandoned);
}

TEST(forgotten, leaves_nothing_to_who_comes_after) {
  watch w;
  time_point now{};
  const method_id m = known(w, now, 10ms);
  w.at(only, m).away = true;
  const attempt_id last = w.begin(now, only, m, true);
  w.forget(only);
  ASSERT_NE(w.find(only, m), nullptr) << "its attempt is still out";
  (void)w.end(now, last, outcome::answered, false);
  w.forget(only);
  ASSERT_EQ(w.find(only, m), nullptr);
  // What was planned for the first is no look at the second.
  ASSERT_TRUE(w.next_deadline());
  const time_point planned = *w.next_deadline();
  now += 1ms;
  const server_id next{2};
  const attempt_id fresh = w.begin(now, next, m, true);
  EXPECT_FALSE(w.at(next, m).away);
  w.advance(planned);
  EXPECT_TRUE(w.take_notices().empty());
  w.advance(now + 1s);
  const std::vector<notice> seen = w.take_notices();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].server, next);
  EXPECT_EQ(w.of(fresh).server, next);
}

TEST(cut_short, counts_where_most_calls_are_answered_sooner) {
  watch w;
  time_point now{};
  const method_id m = known(w, now, 2s);
  ASSERT_GT(*w.late_after(m), w.usual_latest(m) + 100ms);
  const auto give_up_after = [&](duration age) {
    (void)w.end(now + age, w.begin(now, only, m, true), outcome::abandoned, false);
    now += age + 1s;
  };
  for (int i = 0; i < 100; ++i) give_up_after(w.usual_latest(m) - 10ms);
  EXPECT_EQ(w.at(only, m).against.score(), 0.0) << "many calls take so long";
  int needed = 0;
  for (; needed < 100 && !w.at(only, m).against.proven(); ++needed)
    give_up_after(w.usual_latest(m) + 50ms);
  EXPECT_GE(needed, 3);
  EXPECT_LE(needed, 15);
  EXPECT_EQ(w.at(only, m).against.worst(), sign::slow);
}

TEST(cut_short, says_nothing_below_50_ms) {
  watch w;
  time_point now{};
  const method_id m = known(w, now, 2ms);
  for (int i = 0; i < 100; ++i) {
    (void)w.end(now + 49ms, w.begin(now, only, m, true), outcome::abandoned, false);
    now += 1s;
  }
  EXPECT_EQ(w.at(only, m).against.score(), 0.0);
}

TEST(cut_short, by_callers_in_a_hurry_a_hanging_server_is_left) {
  bench l("a0 b1");
  l.good('a', 100);
  int calls = 0;
  for (; calls < 20 && l.pick() == 'a'; ++calls) {
    call hasty(l.servers, {.method = "T@m", .deadline = l.now + 80ms, .hurried = true});
    (void)hasty.begin(l.now);
    l.pass(80ms);
    (void)hasty.failed(l.now, l.id('a'), outcome::timed_out);
    l.pass(20ms);
  }
  EXPECT_GE(calls, 3);
  EXPECT_LE(calls, 10);
}

TEST(trial, any_sign_is_proof) {
  suspicion against;
  against.put_on_trial();
  EXPECT_TRUE(against.add_slow(time_point{1s}, time_point{2s}, 0.24));
  EXPECT_TRUE(against.proven()) << "however weak";
  suspicion other;
  other.put_on_trial();
  (void)other.add_slow(time_point{1s}, time_point{2s}, 0.3);
  EXPECT_FALSE(other.proven()) << "what more than half of the calls do is no sign";
}

TEST(trial, one_fault_while_it_ramps_sends_a_method_away_again) {
  bench l("a0 b1");
  l.good('a', 1);
  l.fault('a');
  l.pass_with_probes(1s);
  for (int i = 0; i < 3; ++i) {
    l.pass_with_probes(200ms);
    l.canary(outcome::answered);
  }
  l.pass_with_probes(2s);
  ASSERT_GT(l.percent('a'), 20);
  l.attempt('a', outcome::faulted);
  EXPECT_EQ(l.percent('a'), 0);
  EXPECT_EQ(l.told(),
            "method_away a, method T@m, method_returning a, method T@m, method_away a, method T@m");
}

TEST(canary, that_is_lost_is_bad_and_no_word_against_the_server) {
  bench l("a0 b1");
  l.good('a', 1);
  l.fault('a');
  l.pass_with_probes(1s);
  l.canary(outcome::lost);
  EXPECT_EQ(l.states(), "a up, b up");
  l.pass_with_probes(1900ms);
  EXPECT_FALSE(l.canary_due()) << "its rest is twice as long now";
  l.pass_with_probes(200ms);
  EXPECT_TRUE(l.canary_due());
  EXPECT_EQ(l.told(), "method_away a, method T@m");
}

TEST(canary, that_says_nothing_does_not_renew_the_rest) {
  for (const outcome how : {outcome::abandoned, outcome::unreached, outcome::pushed_back}) {
    bench l("a0 b1");
    l.good('a', 1);
    l.fault('a');
    l.pass_with_probes(1s);
    l.canary(how);
    EXPECT_FALSE(l.canary_due());
    l.pass_with_probes(200ms);
    EXPECT_TRUE(l.canary_due()) << to_string(how);
  }
}

TEST(rest, is_never_shorter_than_the_one_before) {
  bench l("a0 b1", {.hold_down = 60s});
  for (int round = 0; round < 3; ++round) {
    l.fault('a', "T@once");
    ASSERT_EQ(l.records.back().kind, "method_away");
    EXPECT_EQ(l.records.back().effect, "its calls go to other servers for at least 60000 ms");
    l.pass_with_probes(61s);
    ASSERT_EQ(l.records.back().kind, "method_returning");
  }
}

TEST(rest, is_not_shortened_by_a_bad_canary_of_a_method_that_turned_out_idempotent) {
  bench l("a0 b1", {.hold_down = 60s});
  const method_id m = l.servers.know("T@m");
  for (int i = 0; i < 3; ++i) {
    l.pass(10ms);
    l.end(l.servers.begin(l.now, l.id('a'), m, false), outcome::faulted);
  }
  ASSERT_EQ(l.records.back().effect, "its calls go to other servers for at least 60000 ms");
  l.good('b', 1);  // the first that is idempotent
  l.pass_with_probes(61s);
  l.canary(outcome::faulted);
  l.pass_with_probes(59s);
  EXPECT_FALSE(l.canary_due());
  l.pass_with_probes(2s);
  EXPECT_TRUE(l.canary_due());
}

TEST(alike, half_of_ten_servers_show_the_methods_own_way) {
  bench l("a0 b0 c0 d0 e0 f0 g0 h0 i0 j0");
  const auto fault_until_told = [&l](char at) {
    for (int i = 0; i < 10; ++i) {
      l.fault(at);
      if (const std::string told = l.told(); !told.empty()) return told;
    }
    return std::string();
  };
  for (const char each : {'a', 'b', 'c', 'd', 'e'})
    EXPECT_EQ(fault_until_told(each), std::string("method_away ") + each + ", method T@m");
  EXPECT_TRUE(fault_until_told('f').starts_with("method_back a, method T@m, method_back b"));
  for (const server_status& s : l.servers.status(l.now))
    EXPECT_TRUE(s.methods_away.empty()) << s.options.address;
  EXPECT_EQ(l.records.back().rule, "other servers show the same: it is the method's way");
  EXPECT_EQ(fault_until_told('g'), "") << "it is usual from now on";
}

TEST(alike, different_signs_are_no_common_way) {
  bench l("a0 b0 c0 d0");
  const auto err = [&](char at) {
    for (int i = 0; i < 6; ++i) {
      l.pass(10ms);
      l.attempt(at, outcome::answered, 1ms, "T@m", true);
    }
  };
  err('a');
  err('b');
  l.fault('c');
  for (const char each : {'a', 'b', 'c'}) EXPECT_EQ(l.status(each).methods_away.size(), 1U) << each;
}

}  // namespace
}  // namespace understudy::core
