// Who is let in by an agent.
#include "agent/proof.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>

#include "agent/words.hpp"

namespace understudy::agent {
namespace {

using verdict = door::verdict;

const std::string secret = "sixteen letters!";
constexpr core::node_id node{3};

sealed call(const door& to, std::uint64_t number, const std::string& caller = "me") {
  sealed out;
  out.nonce = to.nonce();
  out.caller = caller;
  out.number = number;
  out.body = R"({"x":1})";
  out.proof = prove_call(secret, node, "look", out);
  return out;
}

TEST(Door, LetsACallInOnce) {
  door to(secret, node);
  EXPECT_EQ(to.check("look", call(to, 1)), verdict::good);
  EXPECT_EQ(to.check("look", call(to, 1)), verdict::repeated);
  EXPECT_EQ(to.check("look", call(to, 2)), verdict::good);
  EXPECT_EQ(to.check("look", call(to, 1)), verdict::repeated);
  EXPECT_EQ(to.check("look", call(to, 1, "another")), verdict::good);
  EXPECT_EQ(to.check("look", call(to, 0, "a third")), verdict::repeated);
}

TEST(Door, HearsTheSecretOfBeforeAndAnswersUnderIt) {
  const std::string next = "another sixteen letters";
  door to(next, node, secret);
  const sealed before = call(to, 1);
  EXPECT_EQ(to.check("look", before), verdict::good);
  EXPECT_EQ(to.answer(before, "x"), prove_answer(secret, before, "x"));
  sealed now = call(to, 2);
  now.proof = prove_call(next, node, "look", now);
  EXPECT_EQ(to.check("look", now), verdict::good);
  EXPECT_EQ(to.answer(now, "x"), prove_answer(next, now, "x"));
  sealed neither = call(to, 3);
  neither.proof = prove_call("a third of sixteen letters", node, "look", neither);
  EXPECT_EQ(to.check("look", neither), verdict::wrong);
  // Without one of before nothing is good but the one of now, and no empty one either.
  door alone(next, node);
  EXPECT_EQ(alone.check("look", call(alone, 1)), verdict::wrong);
  sealed empty = call(alone, 1);
  empty.proof = prove_call("", node, "look", empty);
  EXPECT_EQ(alone.check("look", empty), verdict::wrong);
}

TEST(Door, CallsMayOvertakeEachOtherALittle) {
  door to(secret, node);
  EXPECT_EQ(to.check("look", call(to, 100)), verdict::good);
  for (std::uint64_t number = 36; number < 100; ++number) {
    EXPECT_EQ(to.check("look", call(to, number)), verdict::good) << number;
    EXPECT_EQ(to.check("look", call(to, number)), verdict::repeated) << number;
  }
  EXPECT_EQ(to.check("look", call(to, 35)), verdict::repeated);  // nobody knows any more
  EXPECT_EQ(to.check("look", call(to, 163)), verdict::good);
  for (std::uint64_t number = 99; number <= 100; ++number) {
    EXPECT_EQ(to.check("look", call(to, number)), verdict::repeated) << number;
  }
  EXPECT_EQ(to.check("look", call(to, 101)), verdict::good);
  EXPECT_EQ(to.check("look", call(to, 1000)), verdict::good);
  EXPECT_EQ(to.check("look", call(to, 999)), verdict::good);
  EXPECT_EQ(to.check("look", call(to, 163)), verdict::repeated);
}

TEST(Door, KnowsEachNumberOnceHoweverTheyCome) {
  door to(secret, node);
  std::uint64_t state = 1;
  std::set<std::uint64_t> taken;
  for (int i = 0; i < 20'000; ++i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    const std::uint64_t number = 1 + static_cast<std::uint64_t>(i) / 20 + (state >> 33U) % 80;
    const verdict how = to.check("look", call(to, number));
    if (how == verdict::good) {
      EXPECT_TRUE(taken.insert(number).second) << number;
    } else {
      EXPECT_EQ(how, verdict::repeated);
      // Taken, or too far behind.
      EXPECT_TRUE(taken.contains(number) || number + 64 < *taken.rbegin()) << number;
    }
  }
}

TEST(Door, RefusesWhatIsNotProven) {
  door to(secret, node);
  sealed other = call(to, 1);
  EXPECT_EQ(to.check("begin", other), verdict::wrong);
  other.body += ' ';
  EXPECT_EQ(to.check("look", other), verdict::wrong);
  other = call(to, 1);
  other.number = 2;
  EXPECT_EQ(to.check("look", other), verdict::wrong);
  other = call(to, 1);
  other.proof = "";
  EXPECT_EQ(to.check("look", other), verdict::wrong);
  other.proof = prove_call("another sixteen letters", node, "look", other);
  EXPECT_EQ(to.check("look", other), verdict::wrong);
  other.proof = prove_call(secret, core::node_id{4}, "look", other);
  EXPECT_EQ(to.check("look", other), verdict::wrong);
  // Where a part ends matters.
  sealed one = call(to, 1, "ab");
  one.nonce = to.nonce();
  sealed two = one;
  two.caller = "a";
  two.body = "b" + one.body;
  EXPECT_EQ(to.check("look", two), verdict::wrong);
  EXPECT_EQ(to.check("look", one), verdict::good);  // none of that has used it up
}

TEST(Door, AnotherLifeOfTheAgentKnowsNoneOfTheCalls) {
  const door before(secret, node);
  door after(secret, node);
  EXPECT_NE(before.nonce(), after.nonce());
  EXPECT_EQ(after.check("look", call(before, 1)), verdict::stale);
}

TEST(Door, ForgetsNoCallerWithoutForgettingAll) {
  door to(secret, node);
  const sealed first = call(to, 1, "the first");
  EXPECT_EQ(to.check("look", first), verdict::good);
  verdict how = verdict::good;
  int more = 0;
  for (; how == verdict::good && more < 1000; ++more) {
    how = to.check("look", call(to, 1, std::to_string(more)));
  }
  EXPECT_EQ(how, verdict::stale);
  EXPECT_EQ(more, 256);
  EXPECT_EQ(to.check("look", first), verdict::stale);
  EXPECT_EQ(to.check("look", call(to, 1, "the first")), verdict::good);
}

TEST(Door, AnAnswerBelongsToItsCall) {
  door to(secret, node);
  const sealed one = call(to, 1);
  const sealed two = call(to, 2);
  EXPECT_EQ(to.answer(one, "x"), prove_answer(secret, one, "x"));
  EXPECT_NE(to.answer(one, "x"), prove_answer(secret, two, "x"));
  EXPECT_NE(to.answer(one, "x"), prove_answer(secret, one, "y"));
  EXPECT_NE(to.answer(one, "x"), prove_answer("another sixteen letters", one, "x"));
}

TEST(Door, WantsASecretThatIsOne) {
  EXPECT_THROW(door("short", node), std::runtime_error);
}

TEST(Words, SayEachStepOfAnAgentAndNoOther) {
  const core::generation gen{7};
  const std::initializer_list<core::step> all{
      core::kill_server{},
      core::start_server{core::start_role::primary},
      core::start_server{core::start_role::replica},
      core::clone{core::node_id{4}},
      core::repair{core::node_id{5}},
      core::salvage{},
  };
  for (const core::step& each : all) {
    const begin_words said = words_of(each, gen);
    EXPECT_EQ(said.gen, 7u);
    const auto got = step_of(from_json_text<begin_words>(to_json_text(said)));
    ASSERT_TRUE(got) << said.step;
    EXPECT_EQ(got->index(), each.index());
    EXPECT_EQ(to_json_text(words_of(*got, gen)), to_json_text(said));
  }
  EXPECT_FALSE(step_of(words_of(core::hold{}, gen)));
  begin_words odd = words_of(core::start_server{}, gen);
  odd.role = "";
  EXPECT_FALSE(step_of(odd));
  odd = words_of(core::clone{core::node_id{4}}, gen);
  odd.node = 1000;
  EXPECT_FALSE(step_of(odd));
}

}  // namespace
}  // namespace understudy::agent
