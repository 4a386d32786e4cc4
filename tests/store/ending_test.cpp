// How calls end, what is final, and when they are forgotten.
#include "store/support/calls.hpp"

namespace understudy::store {
namespace {

using Ending = store_fixture;

TEST_F(Ending, IsToldWithItsPayloadAndWebhook) {
  new_call call = call_of("Orders");
  call.webhook = "http://w/";
  const call_id id = accept(call);
  attempt_report report = report_of(claim_one(), call_state::done, "{\"code\":7}");
  report.error = true;
  EXPECT_TRUE(this->report(report));
  ASSERT_EQ(heard.ended.size(), 1U);
  const call_ending& ended = heard.ended[0];
  EXPECT_EQ(ended.id, id);
  EXPECT_EQ(ended.state, call_state::done);
  EXPECT_TRUE(ended.error);
  EXPECT_EQ(ended.payload, "{\"code\":7}");
  EXPECT_EQ(ended.webhook, "http://w/");
  open();
  const call_view view = look(id);
  EXPECT_TRUE(view.error);
  EXPECT_EQ(view.payload, "{\"code\":7}");
  EXPECT_EQ(view.attempts, 1U);
  EXPECT_EQ(view.server, "a:1");
  EXPECT_EQ(view.finished, now);
}

TEST_F(Ending, OfAWaitingCallByItsDeadlineIsExpired) {
  new_call brief = call_of("Orders");
  brief.terms.deadline = now + 1s;
  const call_id id = accept(brief);
  EXPECT_EQ(calls->next(), brief.terms.deadline + 1ms);
  now = brief.terms.deadline;
  settle();
  EXPECT_EQ(state(id), call_state::waiting);
  now += 1ms;
  settle();
  ASSERT_EQ(heard.ended.size(), 1U);
  EXPECT_EQ(heard.ended[0].state, call_state::expired);
}

TEST_F(Ending, OfOneThatMayHaveRunIsNeverExpiredNorCancelled) {
  for (const bool cancelled : {false, true}) {
    new_call brief = call_of("Orders");
    brief.terms.deadline = now + 2s;
    const call_id id = accept(brief);
    again(claim_one(), 1s, true);
    if (cancelled) {
      EXPECT_EQ(in_one([&](auto& s) { return s.cancel(id); }), call_state::dead);
    } else {
      in_one([](auto& s) { return s.pause("Orders", true); });
      now += 3s;
      settle();
      in_one([](auto& s) { return s.pause("Orders", false); });
    }
    const call_view view = look(id);
    EXPECT_EQ(view.state, call_state::dead);
    EXPECT_EQ(view.reason, dead_reason::outcome_unknown);
    EXPECT_EQ(view.payload, "\"again\"");
    EXPECT_EQ(view.attempts, 1U);
  }
}

TEST_F(Ending, ByCancelOfAWaitingCall) {
  const call_id id = accept(call_of("Orders"));
  EXPECT_EQ(in_one([&](auto& s) { return s.cancel(id); }), call_state::cancelled);
  EXPECT_EQ(heard.ended.at(0).state, call_state::cancelled);
  EXPECT_TRUE(claim(1).empty());
  EXPECT_EQ(in_one([&](auto& s) { return s.cancel(id); }), call_state::cancelled);
  EXPECT_EQ(in_one([&](auto& s) { return s.cancel(call_id{99}); }), std::nullopt);
}

TEST_F(Ending, ByCancelOfARunningCallIsItsAnswerOrNoOtherAttempt) {
  const call_id answered = accept(call_of("Orders"));
  const claimed_call first = claim_one();
  EXPECT_EQ(in_one([&](auto& s) { return s.cancel(answered); }), call_state::running);
  EXPECT_TRUE(finish(first));
  EXPECT_EQ(state(answered), call_state::done);

  const call_id failed = accept(call_of("Orders"));
  const claimed_call second = claim_one();
  in_one([&](auto& s) { return s.cancel(failed); });
  EXPECT_TRUE(again(second, 1s));
  EXPECT_EQ(state(failed), call_state::cancelled);

  const call_id unknown = accept(call_of("Orders"));
  const claimed_call third = claim_one();
  in_one([&](auto& s) { return s.cancel(unknown); });
  EXPECT_TRUE(again(third, 1s, true));
  EXPECT_EQ(look(unknown).reason, dead_reason::outcome_unknown);

  const call_id lost = accept(call_of("Orders"));
  claim_one();
  in_one([&](auto& s) { return s.cancel(lost); });
  open();
  EXPECT_EQ(look(lost).reason, dead_reason::outcome_unknown);
}

TEST_F(Ending, DeadRestsUntilItIsRetried) {
  const call_id id = accept(with_key(call_of("Orders"), "k"));
  finish(claim_one(), call_state::dead);
  now += 48h;
  settle();
  EXPECT_EQ(state(id), call_state::dead);
  EXPECT_EQ(in_one([&](auto& s) { return s.retry(id, false); }), id);
  const call_view view = look(id);
  EXPECT_EQ(view.state, call_state::waiting);
  EXPECT_EQ(view.attempts, 0U);
  EXPECT_EQ(view.deadline, now + 24h) << "as long as it had";
  EXPECT_EQ(in_one([&](auto& s) { return s.retry(id, false); }), std::nullopt);
  EXPECT_TRUE(finish(claim_one()));
  EXPECT_EQ(state(id), call_state::done);
}

TEST_F(Ending, EachRetryHasAsMuchTimeAsTheFirst) {
  call_id id = accept(call_of("Orders"));
  for (const bool as_new : {false, false, true, false}) {
    finish(claim_one(), call_state::dead);
    now += 5h;
    id = in_one([&](auto& s) { return s.retry(id, as_new); }).value_or(call_id{});
    EXPECT_EQ(look(id).deadline, now + 24h);
  }
}

TEST_F(Ending, ARetryRemembersThatItMayHaveRun) {
  new_call call = call_of("Orders");
  call.terms.unknown = core::on_unknown::dead;
  const call_id id = accept(call);
  claim_one();
  open();
  in_one([&](auto& s) { return s.retry(id, false); });
  EXPECT_TRUE(claim_one().may_have_run);
}

TEST_F(Ending, ARetryAsNewTakesTheKeyAndAnotherId) {
  const new_call call = with_key(call_of("Orders"), "k");
  const call_id id = accept(call);
  finish(claim_one(), call_state::dead);
  const auto copy = in_one([&](auto& s) { return s.retry(id, true); });
  ASSERT_TRUE(copy);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(in_one([&](auto& s) { return s.accept(call); }).id, *copy);
    EXPECT_EQ(state(id), call_state::dead);
    open();
  }
  const claimed_call claimed = claim_one();
  EXPECT_EQ(claimed.id, *copy);
  EXPECT_EQ(claimed.params, call.params);
}

TEST_F(Ending, DeadIsCancelledOnlyWhereNothingMayHaveRun) {
  const call_id id = accept(call_of("Orders"));
  finish(claim_one(), call_state::dead);
  EXPECT_EQ(in_one([&](auto& s) { return s.cancel(id); }), call_state::cancelled);
  EXPECT_EQ(heard.ended.at(0).state, call_state::cancelled);
  const call_id unknown = accept(call_of("Orders"));
  attempt_report report = report_of(claim_one(), call_state::dead);
  report.may_have_run = true;
  this->report(report);
  EXPECT_EQ(in_one([&](auto& s) { return s.cancel(unknown); }), call_state::dead);
}

TEST_F(Ending, PurgeForgetsADeadOneAndItsKey) {
  const new_call call = with_key(call_of("Orders"), "k");
  const call_id id = accept(call);
  EXPECT_FALSE(in_one([&](auto& s) { return s.purge(id); }));
  finish(claim_one(), call_state::dead);
  EXPECT_TRUE(in_one([&](auto& s) { return s.purge(id); }));
  EXPECT_FALSE(store().look(id));
  EXPECT_EQ(in_one([&](auto& s) { return s.accept(call); }).what, acceptance::kind::accepted);
  EXPECT_EQ(counts("Orders").dead, 0U);
  EXPECT_EQ(counts("Orders").purged, 1U);
}

TEST_F(Ending, ResultAndKeyAreKeptFromTheEndOn) {
  const new_call call = with_key(call_of("Orders"), "k");
  const call_id id = accept(call);
  now += 20h;
  finish(claim_one());
  now += options.result_kept - 1ms;
  settle();
  EXPECT_EQ(in_one([&](auto& s) { return s.accept(call); }).what, acceptance::kind::repeated);
  EXPECT_EQ(calls->next(), now + 1ms);
  now += 1ms;
  settle();
  EXPECT_FALSE(store().look(id));
  EXPECT_EQ(in_one([&](auto& s) { return s.accept(call); }).what, acceptance::kind::accepted);
  EXPECT_EQ(counts("Orders").done, 1U) << "purged ones included";
}

TEST_F(Ending, KeysOfLiveAndDeadCallsNeverExpire) {
  new_call waits = with_key(call_of("Orders"), "waits");
  waits.terms.deadline = now + 24h * 365;
  const new_call dies = with_key(call_of("Orders"), "dies");
  accept(dies);
  finish(claim_one(), call_state::dead);
  accept(waits);
  now += 24h * 60;
  settle();
  for (const auto& call : {waits, dies}) {
    EXPECT_EQ(in_one([&](auto& s) { return s.accept(call); }).what, acceptance::kind::repeated);
  }
}

TEST_F(Ending, ForgettingComesInPieces) {
  constexpr std::size_t count = 2500;
  in_one([&](auto& s) {
    s.grant(count);
    for (std::size_t i = 0; i < count; ++i) static_cast<void>(s.accept(call_of("Orders")));
    return true;
  });
  in_one([&, all = heard.claimed](auto& s) {
    for (const auto& each : all) static_cast<void>(s.report(report_of(each, call_state::done)));
    return true;
  });
  now += options.result_kept;
  std::vector<std::size_t> left;
  sqlite::connection db(options.file, sqlite::access::read, "");
  sqlite::statement rows(db, "SELECT count(*) FROM call");
  for (int i = 0; i < 3; ++i) {
    settle();
    auto row = rows.query();
    if (row.next()) left.push_back(static_cast<std::size_t>(row.integer(0)));
  }
  EXPECT_EQ(left, (std::vector<std::size_t>{1500, 500, 0}));
}

TEST_F(Ending, OfACallThatServersNoLongerRememberIsDead) {
  new_call call = call_of("Orders");
  call.terms.deadline = now + 24h * 365;
  const call_id id = accept(call);
  now += options.age_max + 1ms;
  EXPECT_TRUE(claim(1).empty());
  EXPECT_EQ(look(id).reason, dead_reason::too_old);
  EXPECT_EQ(in_one([&](auto& s) { return s.retry(id, false); }), std::nullopt);
  EXPECT_TRUE(in_one([&](auto& s) { return s.retry(id, true); }));
  EXPECT_EQ(heard.claimed.size(), 1U);
}

TEST_F(Ending, CountsAgreeAndAnythingElseIsFound) {
  accept(call_of("Orders"));
  finish(claim_one());
  accept(call_of("Orders"));
  claim_one();
  accept(call_of("Orders"));
  EXPECT_EQ(verified(), std::vector<std::string>());
  for (const char* harm :
       {"UPDATE service SET waiting=waiting+1", "UPDATE service SET accepted=accepted+1",
        "DELETE FROM live", "DELETE FROM call", "UPDATE live SET flags=16", "DELETE FROM ended",
        "UPDATE live SET deadline=1", "DELETE FROM claim",
        "UPDATE claim SET ids=x'0100000000000000'"}) {
    calls.reset();
    {
      sqlite::connection db(options.file, sqlite::access::write, "");
      db.run("PRAGMA wal_checkpoint(TRUNCATE)");
      std::filesystem::copy_file(options.file, options.file + ".kept");
      db.run(harm);
      EXPECT_FALSE(sqlite::verify(db).empty()) << harm;
      db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    std::filesystem::rename(options.file + ".kept", options.file);
  }
  open();
}

}  // namespace
}  // namespace understudy::store
