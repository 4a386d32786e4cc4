// Calls of one service with the same order run one at a time, in the order of acceptance.
#include "store/support/calls.hpp"

namespace understudy::store {
namespace {

new_call in_line(const std::string& params, const std::string& order = "o") {
  new_call call = call_of("Orders", params);
  call.order = order;
  return call;
}

new_call blocking(const std::string& params) {
  new_call call = in_line(params);
  call.terms.dead = core::on_dead::block;
  return call;
}

using Order = store_fixture;

TEST_F(Order, LetsTheFirstAloneRun) {
  for (const char* each : {"1", "2", "3"}) accept(in_line(each));
  std::string order;
  for (int i = 0; i < 3; ++i) {
    const auto claimed = i == 0 ? claim(10) : heard.claimed;
    ASSERT_EQ(claimed.size(), 1U);
    order += claimed[0].params;
    finish(claimed[0]);
  }
  EXPECT_EQ(order, "123");
}

TEST_F(Order, HoldsPerServiceAndPerOrder) {
  accept(in_line("1", "a"));
  accept(in_line("2", "b"));
  new_call other = in_line("3", "a");
  other.service = "Stock";
  accept(other);
  EXPECT_EQ(claim(10).size(), 3U);
}

TEST_F(Order, WaitsForAFirstThatIsTriedAgain) {
  accept(in_line("1"));
  accept(in_line("2"));
  const claimed_call first = claim(10).at(0);
  again(first, 5s);
  EXPECT_TRUE(heard.claimed.empty());
  now += 5s;
  settle();
  ASSERT_EQ(heard.claimed.size(), 1U);
  EXPECT_EQ(heard.claimed[0].params, "1");
}

TEST_F(Order, WaitsForAFirstThatIsDueLater) {
  new_call later = in_line("1");
  later.due = now + 5s;
  accept(later);
  accept(in_line("2"));
  EXPECT_TRUE(claim(10).empty());
  now += 5s;
  settle();
  EXPECT_EQ(heard.claimed.at(0).params, "1");
}

TEST_F(Order, SkipsADeadOne) {
  accept(in_line("1"));
  accept(in_line("2"));
  finish(claim(10).at(0), call_state::dead);
  ASSERT_EQ(heard.claimed.size(), 1U);
  EXPECT_EQ(heard.claimed[0].params, "2");
}

TEST_F(Order, IsBlockedByADeadOneUntilItIsPurged) {
  const call_id dead = accept(blocking("1"));
  accept(in_line("2"));
  finish(claim(10).at(0), call_state::dead);
  EXPECT_TRUE(heard.claimed.empty());
  open();
  EXPECT_TRUE(claim(10).empty());
  EXPECT_TRUE(in_one([&](auto& s) { return s.purge(dead); }));
  ASSERT_EQ(heard.claimed.size(), 1U);
  EXPECT_EQ(heard.claimed[0].params, "2");
}

TEST_F(Order, IsUnblockedByARetryThatGoesFirst) {
  const call_id dead = accept(blocking("1"));
  accept(in_line("2"));
  finish(claim(10).at(0), call_state::dead);
  EXPECT_EQ(in_one([&](auto& s) { return s.retry(dead, false); }), dead);
  ASSERT_EQ(heard.claimed.size(), 1U);
  EXPECT_EQ(heard.claimed[0].params, "1");
  finish(heard.claimed[0]);
  EXPECT_EQ(heard.claimed.at(0).params, "2");
}

TEST_F(Order, PutsARetriedDeadOneBehindThoseThatWait) {
  const call_id dead = accept(in_line("1"));
  accept(in_line("2"));
  accept(in_line("3"));
  finish(claim(10).at(0), call_state::dead);
  const claimed_call second = heard.claimed.at(0);
  EXPECT_EQ(in_one([&](auto& s) { return s.retry(dead, false); }), dead);
  EXPECT_TRUE(heard.claimed.empty());
  finish(second);
  EXPECT_EQ(heard.claimed.at(0).params, "3");
  finish(heard.claimed.at(0));
  EXPECT_EQ(heard.claimed.at(0).params, "1");
}

TEST_F(Order, ARetryAsNewOfABlockingOneGoesBehindThoseThatWait) {
  const call_id dead = accept(blocking("1"));
  accept(in_line("2"));
  finish(claim(10).at(0), call_state::dead);
  const auto copy = in_one([&](auto& s) { return s.retry(dead, true); });
  ASSERT_TRUE(copy);
  EXPECT_NE(*copy, dead);
  EXPECT_EQ(heard.claimed.at(0).params, "2");
  finish(heard.claimed.at(0));
  EXPECT_EQ(heard.claimed.at(0).id, *copy);
}

TEST_F(Order, IsBlockedByOneThatDiesBehindADeadOne) {
  const call_id second = accept(blocking("1"));
  attempt_report unknown = report_of(claim(10).at(0), call_state::dead);
  unknown.may_have_run = true;
  report(unknown);
  const auto first = in_one([&](auto& s) { return s.retry(second, true); });
  ASSERT_TRUE(first);
  finish(heard.claimed.at(0), call_state::dead);
  EXPECT_EQ(in_one([&](auto& s) { return s.retry(second, false); }), second);
  now += 49h;
  settle();
  EXPECT_EQ(state(second), call_state::dead);  // its time is over, and it may have run
  EXPECT_EQ(verified(), std::vector<std::string>());
  new_call call = in_line("2");
  call.terms.deadline = now + 1h;
  const call_id last = accept(call);
  EXPECT_TRUE(in_one([&](auto& s) { return s.purge(*first); }));
  EXPECT_TRUE(heard.claimed.empty());
  EXPECT_TRUE(in_one([&](auto& s) { return s.purge(second); }));
  EXPECT_EQ(heard.claimed.at(0).id, last);
}

TEST_F(Order, GoesOnAfterTheFirstIsCancelledOrExpires) {
  const call_id first = accept(in_line("1"));
  new_call brief = in_line("2");
  brief.terms.deadline = now + 1s;
  accept(brief);
  accept(in_line("3"));
  in_one([&](auto& s) { return s.cancel(first); });
  now += 2s;
  settle();
  EXPECT_EQ(claim(10).at(0).params, "3");
}

TEST_F(Order, GoesOnAfterOneInTheMiddleIsCancelled) {
  accept(in_line("1"));
  const call_id second = accept(in_line("2"));
  accept(in_line("3"));
  const claimed_call first = claim(10).at(0);
  in_one([&](auto& s) { return s.cancel(second); });
  EXPECT_TRUE(heard.claimed.empty());
  finish(first);
  EXPECT_EQ(heard.claimed.at(0).params, "3");
}

TEST_F(Order, HasOneFirstAfterARestart) {
  for (const char* each : {"1", "2", "3"}) accept(in_line(each));
  claim(10);
  open();
  ASSERT_EQ(claim(10).size(), 1U);
  EXPECT_EQ(heard.claimed[0].params, "1");
}

}  // namespace
}  // namespace understudy::store
