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

// The rows of `claim`: how many, and how many ids they have.
std::pair<std::int64_t, std::int64_t> claim_rows(const std::string& file) {
  sqlite::connection db(file, sqlite::access::read, "");
  sqlite::statement sum(db, "SELECT count(*), coalesce(sum(length(ids)), 0) / 8 FROM claim");
  auto row = sum.query();
  return row.next() ? std::pair(row.integer(0), row.integer(1))
                    : std::pair<std::int64_t, std::int64_t>();
}

TEST_F(Claim, OfOneCommitAreOneRowWhichGoesWithTheLast) {
  for (int i = 0; i < 3; ++i) accept(call_of("Orders"));
  const auto all = claim(3);
  EXPECT_EQ(claim_rows(options.file), std::pair(1L, 3L));
  finish(all[1]);
  again(all[0], 1h);
  EXPECT_EQ(claim_rows(options.file), std::pair(1L, 3L));
  finish(all[2]);
  EXPECT_EQ(claim_rows(options.file), std::pair(0L, 0L));
}

// Whether they were accepted in the commit that claimed them, or before it.
TEST_F(Claim, OfOneCommitAreLostEachForItself) {
  for (const bool at_once : {false, true}) {
    std::vector<claimed_call> all;
    if (at_once) {
      in_one([](auto& s) {
        s.grant(4);
        for (int i = 0; i < 4; ++i) static_cast<void>(s.accept(call_of("Orders")));
        return true;
      });
      all = heard.claimed;
    } else {
      for (int i = 0; i < 4; ++i) accept(call_of("Orders"));
      all = claim(4);
    }
    ASSERT_EQ(all.size(), 4U);
    finish(all[0]);
    again(all[1], 1h);
    again(all[2], 0ms);
    EXPECT_EQ(claim_one().id, all[2].id);
    EXPECT_EQ(state(all[3].id), call_state::running);
    open();
    EXPECT_EQ(state(all[0].id), call_state::done);
    EXPECT_EQ(look(all[1].id).attempts, 1U);
    EXPECT_EQ(look(all[2].id).attempts, 2U);
    EXPECT_EQ(look(all[3].id).attempts, 1U);
    EXPECT_EQ(claim_rows(options.file), std::pair(0L, 0L));
    EXPECT_EQ(verified(), std::vector<std::string>());
    // What had ended its attempt does not count as one that may have run.
    now += 1h;
    for (const auto& each : claim(3)) {
      EXPECT_EQ(each.may_have_run, each.id != all[1].id);
      finish(each);
    }
    EXPECT_EQ(counts("Orders").running, 0U);
  }
}

TEST_F(Claim, OfADeadCallThatIsRetriedIsOver) {
  for (int i = 0; i < 2; ++i) accept(call_of("Orders"));
  const auto all = claim(2);
  finish(all[0], call_state::dead);
  in_one([&](auto& s) { return s.retry(all[0].id, false); });
  EXPECT_EQ(state(all[0].id), call_state::waiting);
  open();
  EXPECT_EQ(look(all[0].id).attempts, 0U);
  EXPECT_EQ(look(all[1].id).attempts, 1U);
}

TEST_F(Claim, RowsOfWhichFewAreOpenAreWrittenAnew) {
  std::vector<call_id> open_ids;
  for (int round = 0; round < 12; ++round) {
    in_one([](auto& s) {
      s.grant(1000);
      for (int i = 0; i < 1000; ++i) static_cast<void>(s.accept(call_of("Orders")));
      return true;
    });
    ASSERT_EQ(heard.claimed.size(), 1000U);
    open_ids.push_back(heard.claimed[0].id);
    in_one([all = heard.claimed](auto& s) {
      for (std::size_t i = 1; i < all.size(); ++i) {
        static_cast<void>(s.report(report_of(all[i], call_state::done)));
      }
      return true;
    });
  }
  const auto [rows, ids] = claim_rows(options.file);
  EXPECT_EQ(rows, 12);
  EXPECT_LT(ids, 6000);
  open();
  for (const call_id id : open_ids) EXPECT_EQ(look(id).attempts, 1U);
  EXPECT_EQ(counts("Orders").waiting, open_ids.size());
}

}  // namespace
}  // namespace understudy::store
