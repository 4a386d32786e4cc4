// Which calls are claimed, under what token, and what becomes of a claim whose owner is gone.
#include "store/support/calls.hpp"

namespace understudy::store {
namespace {

using Claim = store_fixture;

TEST_F(Claim, GoesByPriorityThenByAge) {
  new_call low = call_of("Orders", "[\"low\"]");
  low.terms.priority = 1;
  new_call high = call_of("Orders", "[\"high\"]");
  high.terms.priority = 9;
  accept(low);
  accept(call_of("Orders", "[\"first\"]"));
  accept(call_of("Orders", "[\"second\"]"));
  accept(high);
  std::string order;
  for (int i = 0; i < 4; ++i) order += claim_one().params;
  EXPECT_EQ(order, "[\"high\"][\"first\"][\"second\"][\"low\"]");
}

TEST_F(Claim, ServicesTakeTurns) {
  for (int i = 0; i < 20; ++i) accept(call_of("Busy"));
  for (int i = 0; i < 3; ++i) accept(call_of("Calm"));
  int calm = 0;
  for (int i = 0; i < 6; ++i) calm += claim_one().service == "Calm" ? 1 : 0;
  EXPECT_EQ(calm, 3);
  for (int i = 0; i < 3; ++i) accept(call_of("Calm"));
  const auto four = claim(4);
  EXPECT_EQ(std::ranges::count(four, "Calm", &claimed_call::service), 2);
}

TEST_F(Claim, IsNotMadeWithoutAPlaceAndTakesOne) {
  for (int i = 0; i < 3; ++i) accept(call_of("Orders"));
  settle();
  EXPECT_TRUE(heard.claimed.empty());
  EXPECT_EQ(claim(2).size(), 2U);
  settle();
  EXPECT_TRUE(heard.claimed.empty());
}

TEST_F(Claim, KeepsToTheLimitOfAService) {
  in_one([](auto& s) { return s.limit("Orders", 2), true; });
  for (int i = 0; i < 4; ++i) accept(call_of("Orders"));
  const auto two = claim(4);
  ASSERT_EQ(two.size(), 2U);
  finish(two[0]);
  EXPECT_EQ(heard.claimed.size(), 1U);
  in_one([](auto& s) { return s.limit("Orders", 0), true; });
  EXPECT_EQ(heard.claimed.size(), 1U);
}

TEST_F(Claim, WaitsWhileItsServiceIsPausedAlsoAfterARestart) {
  accept(call_of("Orders"));
  in_one([](auto& s) { return s.pause("Orders", true); });
  EXPECT_TRUE(claim(1).empty());
  open();
  EXPECT_TRUE(counts("Orders").paused);
  EXPECT_TRUE(claim(1).empty());
  in_one([](auto& s) { return s.pause("Orders", false); });
  EXPECT_EQ(heard.claimed.size(), 1U);
}

TEST_F(Claim, WaitsWhileItsServiceIsHeldUntilARestart) {
  accept(call_of("Orders"));
  in_one([](auto& s) { return s.hold("Orders", true), true; });
  EXPECT_TRUE(claim(1).empty());
  open();
  EXPECT_EQ(claim(1).size(), 1U);
}

TEST_F(Claim, OfALaterTimeIsMadeThen) {
  new_call later = call_of("Orders");
  later.due = now + 10s;
  const call_id id = accept(later);
  EXPECT_TRUE(claim(1).empty());
  EXPECT_EQ(look(id).due, later.due);
  EXPECT_EQ(calls->next(), later.due);
  now += 9s;
  settle();
  EXPECT_TRUE(heard.claimed.empty());
  now += 1s;
  settle();
  EXPECT_EQ(heard.claimed.size(), 1U);
}

TEST_F(Claim, IsDurableBeforeItIsTold) {
  const call_id id = accept(call_of("Orders"));
  store().begin(now);
  store().grant(1);
  const auto told = store().commit();
  ASSERT_EQ(told.claimed.size(), 1U);
  // Another connection sees only what is committed.
  sqlite::connection db(options.file, sqlite::access::read, "");
  EXPECT_EQ(sqlite::reader(db).look(id)->state, call_state::running);
}

TEST_F(Claim, AloneMayWriteTheEnd) {
  const call_id id = accept(call_of("Orders"));
  const claimed_call first = claim_one();
  claimed_call other = first;
  ++other.token.number;
  EXPECT_FALSE(finish(other));
  other = first;
  --other.token.term;
  EXPECT_FALSE(finish(other));
  EXPECT_EQ(state(id), call_state::running);
  EXPECT_TRUE(again(first, 0ms));
  const claimed_call second = claim_one();
  EXPECT_EQ(second.attempts, 1U);
  EXPECT_FALSE(finish(first));
  EXPECT_TRUE(finish(second));
  EXPECT_FALSE(report(report_of(second, call_state::done, "\"other\"")));
  EXPECT_EQ(look(id).payload, "\"ok\"");
  EXPECT_EQ(in_one([](auto& s) { return s.counts().fenced; }), 4U);
}

TEST_F(Claim, OfAnEarlierTermIsCountedAndMayHaveRun) {
  const call_id id = accept(call_of("Orders"));
  const claimed_call lost = claim_one();
  open();
  EXPECT_FALSE(finish(lost));
  EXPECT_EQ(look(id).attempts, 1U);
  const claimed_call next = claim_one();
  EXPECT_EQ(next.attempts, 1U);
  EXPECT_TRUE(next.may_have_run);
  EXPECT_GT(next.token, lost.token);
  EXPECT_EQ(counts("Orders").attempts, 1U);
}

TEST_F(Claim, OfAnEarlierTermEndsWhereItsTermsSaySo) {
  new_call call = call_of("Orders");
  call.terms.unknown = core::on_unknown::dead;
  const call_id id = accept(call);
  claim_one();
  open();
  ASSERT_EQ(heard.ended.size(), 1U);
  EXPECT_EQ(heard.ended[0].id, id);
  EXPECT_EQ(heard.ended[0].reason, dead_reason::outcome_unknown);
}

TEST_F(Claim, ThatIsNotRenewedIsLost) {
  const call_id id = accept(call_of("Orders"));
  const claimed_call lost = claim_one();
  now += options.lease - 1ms;
  settle();
  EXPECT_EQ(state(id), call_state::running);
  in_one([&](auto& s) {
    const held_claim held{lost.id, lost.token};
    return s.renew({&held, 1}), true;
  });
  now += options.lease - 1ms;
  settle();
  EXPECT_EQ(state(id), call_state::running);
  EXPECT_LE(calls->next(), now + 1ms);
  now += 1ms;
  claim(1);
  ASSERT_EQ(heard.claimed.size(), 1U);
  EXPECT_EQ(heard.claimed[0].attempts, 1U);
  EXPECT_TRUE(heard.claimed[0].may_have_run);
  EXPECT_FALSE(finish(lost));
}

TEST_F(Claim, IsNotLostByAClockThatIsSet) {
  const call_id id = accept(call_of("Orders"));
  const claimed_call claimed = claim_one();
  now += 3h;
  store().clock_jumped();
  settle();
  EXPECT_EQ(state(id), call_state::running);
  EXPECT_TRUE(finish(claimed));
}

TEST_F(Claim, ThatIsPutOffIsNotCounted) {
  accept(call_of("Orders"));
  attempt_report put_off = report_of(claim_one(), call_state::waiting, "");
  put_off.next.counted = false;
  put_off.next.due = now;
  EXPECT_TRUE(report(put_off));
  const claimed_call next = claim_one();
  EXPECT_EQ(next.attempts, 0U);
  EXPECT_FALSE(next.may_have_run);
  EXPECT_EQ(counts("Orders").attempts, 0U);
}

TEST_F(Claim, OfARetryComesWhenItIsDueWithWhatIsKnown) {
  const call_id id = accept(call_of("Orders"));
  EXPECT_TRUE(again(claim_one(), 5s, true));
  const call_view waits = look(id);
  EXPECT_EQ(waits.state, call_state::waiting);
  EXPECT_EQ(waits.attempts, 1U);
  EXPECT_EQ(waits.payload, "\"again\"");
  EXPECT_EQ(waits.server, "a:1");
  EXPECT_TRUE(claim(1).empty());
  now += 5s;
  settle();
  ASSERT_EQ(heard.claimed.size(), 1U);
  EXPECT_EQ(heard.claimed[0].attempts, 1U);
  EXPECT_TRUE(heard.claimed[0].may_have_run);
}

TEST_F(Claim, RollbackTakesItBack) {
  const call_id id = accept(with_key(call_of("Orders"), "k"));
  store().begin(now);
  store().grant(1);
  const auto gone = with_key(call_of("Orders"), "gone");
  EXPECT_EQ(store().accept(gone).what, acceptance::kind::accepted);
  store().rollback();
  settle();
  EXPECT_TRUE(heard.claimed.empty());
  EXPECT_EQ(counts("Orders").accepted, 1U);
  EXPECT_EQ(in_one([&](auto& s) { return s.accept(gone); }).what, acceptance::kind::accepted);
  EXPECT_EQ(claim_one().id, id);
}

}  // namespace
}  // namespace understudy::store
