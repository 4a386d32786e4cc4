// What is accepted, and what a repeated key means.
#include "store/support/calls.hpp"

namespace understudy::store {
namespace {

using Acceptance = store_fixture;

TEST_F(Acceptance, IsDurableAndKeepsEveryByte) {
  new_call call = with_key(call_of("Orders", "[\"a\\u0000b\", 1e400]"), "k");
  call.context = "{\"trace\" : 1}";
  call.terms.priority = 7;
  call.terms.attempts_max = 3;
  call.terms.mode = core::call_mode::queued;
  call.terms.unknown = core::on_unknown::dead;
  call.trace = "00-ab";
  call.scope = "shop";
  const call_id id = accept(call);
  open();
  EXPECT_EQ(look(id).scope, "shop");
  EXPECT_EQ(look(id).created, now);
  const claimed_call claim = claim_one();
  EXPECT_EQ(claim.id, id);
  EXPECT_EQ(claim.service, "Orders");
  EXPECT_EQ(claim.method, "Orders@place");
  EXPECT_EQ(claim.params, call.params);
  EXPECT_EQ(claim.context, call.context);
  EXPECT_EQ(claim.key, "k");
  EXPECT_EQ(claim.trace, "00-ab");
  EXPECT_EQ(claim.terms.priority, 7);
  EXPECT_EQ(claim.terms.attempts_max, 3);
  EXPECT_EQ(claim.terms.mode, core::call_mode::queued);
  EXPECT_EQ(claim.terms.unknown, core::on_unknown::dead);
  EXPECT_EQ(claim.terms.deadline, call.terms.deadline);
}

TEST_F(Acceptance, AndItsFirstClaimAreOneCommit) {
  claim(1);
  const auto commits = in_one([](auto& s) { return s.counts().commits; });
  const call_id id = accept(call_of("Orders"));
  ASSERT_EQ(heard.claimed.size(), 1U);
  EXPECT_EQ(heard.claimed[0].id, id);
  EXPECT_EQ(heard.claimed[0].attempts, 0U);
  EXPECT_EQ(in_one([](auto& s) { return s.counts().commits; }), commits + 2);
  // So a crash right after it knows of the attempt.
  open();
  EXPECT_EQ(look(id).attempts, 1U);
}

TEST_F(Acceptance, ClaimsAtOnceOnlyWhatMayBeTriedNow) {
  claim(10);
  in_one([](auto& s) { return s.pause("Paused", true); });
  in_one([](auto& s) { return s.hold("Held", true), true; });
  in_one([](auto& s) { return s.limit("Limited", 1), true; });
  accept(call_of("Paused"));
  EXPECT_TRUE(heard.claimed.empty());
  accept(call_of("Held"));
  EXPECT_TRUE(heard.claimed.empty());
  accept(call_of("Limited"));
  EXPECT_EQ(heard.claimed.size(), 1U);
  accept(call_of("Limited"));
  EXPECT_TRUE(heard.claimed.empty());
  new_call later = call_of("Orders");
  later.due = now + 1s;
  accept(later);
  EXPECT_TRUE(heard.claimed.empty());
  new_call first = call_of("Orders");
  first.order = "o";
  accept(first);
  EXPECT_EQ(heard.claimed.size(), 1U);
  accept(first);
  EXPECT_TRUE(heard.claimed.empty());
}

TEST_F(Acceptance, OfTheSameKeyAndContentIsRepeated) {
  const new_call call = with_key(call_of("Orders"), "k");
  const call_id id = accept(call);
  for (int i = 0; i < 2; ++i) {
    const acceptance again = in_one([&](auto& s) { return s.accept(call); });
    EXPECT_EQ(again.what, acceptance::kind::repeated);
    EXPECT_EQ(again.id, id);
    EXPECT_FALSE(again.ended);
    open();
  }
  finish(claim_one());
  for (int i = 0; i < 2; ++i) {
    const acceptance ended = in_one([&](auto& s) { return s.accept(call); });
    EXPECT_EQ(ended.what, acceptance::kind::repeated);
    ASSERT_TRUE(ended.ended);
    EXPECT_EQ(ended.ended->state, call_state::done);
    EXPECT_EQ(ended.ended->payload, "\"ok\"");
    open();
  }
  EXPECT_EQ(counts("Orders").accepted, 1U);
}

TEST_F(Acceptance, OfTheSameKeyTwiceInOneTransactionIsRepeated) {
  const new_call call = with_key(call_of("Orders"), "k");
  const auto both = in_one([&](auto& s) {
    auto first = s.accept(call);
    return std::pair(first, s.accept(call));
  });
  EXPECT_EQ(both.first.what, acceptance::kind::accepted);
  EXPECT_EQ(both.second.what, acceptance::kind::repeated);
  EXPECT_EQ(both.first.id, both.second.id);
}

TEST_F(Acceptance, OfAKeyWhoseCallWasForgottenInVainIsRepeated) {
  const new_call call = with_key(call_of("Orders"), "k");
  const call_id id = accept(call);
  finish(claim_one(), call_state::dead);
  store().begin(now);
  EXPECT_TRUE(store().purge(id));
  store().rollback();
  const acceptance again = in_one([&](auto& s) { return s.accept(call); });
  EXPECT_EQ(again.what, acceptance::kind::repeated);
  EXPECT_EQ(again.id, id);
}

TEST_F(Acceptance, OfTheSameKeyAndOtherContentIsAConflict) {
  const call_id id = accept(with_key(call_of("Orders", "[1]"), "k"));
  const auto other = with_key(call_of("Orders", "[2]"), "k");
  const acceptance conflict = in_one([&](auto& s) { return s.accept(other); });
  EXPECT_EQ(conflict.what, acceptance::kind::key_conflict);
  EXPECT_EQ(conflict.id, id);
  EXPECT_EQ(counts("Orders").accepted, 1U);
}

TEST_F(Acceptance, TellsKeysApartThatBeginAlike) {
  new_call one = with_key(call_of("Orders"), "one");
  new_call two = with_key(call_of("Orders"), "two");
  std::copy_n(one.key_print.begin(), 8, two.key_print.begin());
  const call_id first = accept(one);
  const call_id second = accept(two);
  EXPECT_NE(first, second);
  EXPECT_EQ(in_one([&](auto& s) { return s.accept(one); }).id, first);
  EXPECT_EQ(in_one([&](auto& s) { return s.accept(two); }).id, second);
}

TEST_F(Acceptance, WithoutAKeyIsNeverRepeated) {
  EXPECT_NE(accept(call_of("Orders")), accept(call_of("Orders")));
}

TEST_F(Acceptance, IsRefusedAtAQuotaButCompletionsGoOn) {
  options.rows_max = 2;
  claim(1);
  accept(call_of("Orders"));
  const claimed_call claim = heard.claimed.at(0);
  accept(call_of("Orders"));
  const acceptance refused = in_one([](auto& s) { return s.accept(call_of("Orders")); });
  EXPECT_EQ(refused.what, acceptance::kind::refused);
  EXPECT_NE(refused.reason.find("2 calls"), std::string::npos) << refused.reason;
  EXPECT_TRUE(finish(claim));
  now += options.result_kept + 1s;
  settle();
  EXPECT_EQ(in_one([](auto& s) { return s.accept(call_of("Orders")); }).what,
            acceptance::kind::accepted);
}

TEST_F(Acceptance, IsRefusedWhenTheFileIsAtItsLimit) {
  options.bytes_max = 64UL << 10U;
  EXPECT_NE(in_one([](auto& s) { return s.accept(call_of("Orders")); }).what,
            acceptance::kind::accepted);
}

TEST_F(Acceptance, IdsGrowThoughTheClockGoesBack) {
  call_id last{};
  for (int i = 0; i < 6; ++i) {
    const call_id id = accept(call_of("Orders"));
    EXPECT_GT(id, last);
    last = id;
    now -= 1h;
    if (i % 2 == 1) open();
  }
}

}  // namespace
}  // namespace understudy::store
