// The thread that owns a node's session.
#include <gtest/gtest.h>

#include <future>

#include "db/node_link.hpp"
#include "db/support/cluster.hpp"

namespace understudy::db {
namespace {

node_report answer_of(const std::function<bool(node_link::answer)>& ask) {
  std::promise<node_report> told;
  auto answer = told.get_future();
  EXPECT_TRUE(ask([&](node_report report) { told.set_value(std::move(report)); }));
  return answer.get();
}

node_report look(node_link& link) {
  return answer_of([&](auto done) { return link.look(20s, std::move(done)); });
}

node_report carry_out(node_link& link, core::step what, std::uint64_t gen,
                      core::duration time = 20s) {
  return answer_of([&](auto done) {
    return link.carry_out(std::move(what), core::generation{gen}, time, std::move(done));
  });
}

TEST(Link, LooksAndDoesSteps) {
  cluster one(1);
  node_link link(one.all(), id_of(1));
  EXPECT_FALSE(look(link).seen.value().mine);
  const node_report held = carry_out(link, core::hold{}, 3);
  EXPECT_EQ(held.end, core::step_end::done) << held.why;
  EXPECT_TRUE(held.seen.value().mine);
  EXPECT_EQ(carry_out(link, core::close{}, 2).end, core::step_end::refused);
  const node_report checked =
      answer_of([&](auto done) { return link.check(20s, std::move(done)); });
  EXPECT_TRUE(checked.seen.value().mine);
  EXPECT_TRUE(checked.unsafe.empty());
}

TEST(Link, ConnectsAgainAndHasLostTheFence) {
  cluster one(1);
  node_link link(one.all(), id_of(1));
  ASSERT_EQ(carry_out(link, core::hold{}, 3).end, core::step_end::done);
  one.server(1).kill();
  EXPECT_FALSE(look(link).seen);
  EXPECT_EQ(look(link).absence, core::absence::refused);
  one.start(1);
  const node_report back = look(link);
  ASSERT_TRUE(back.seen) << back.why;
  EXPECT_FALSE(back.seen->mine);
  EXPECT_EQ(back.seen->told, core::generation{3});
}

TEST(Link, TakesOneRequestAtATimeAndStopsWhileTheServerIsFrozen) {
  cluster one(1);
  auto link = std::make_unique<node_link>(one.all(), id_of(1));
  ASSERT_TRUE(look(*link).seen);
  one.freeze(1);
  bool answered = false;
  ASSERT_TRUE(link->look(600s, [&](const node_report&) { answered = true; }));
  EXPECT_TRUE(link->busy());
  EXPECT_FALSE(link->look(1s, [&](const node_report&) { answered = true; }));
  link->stop();
  EXPECT_FALSE(link->look(1s, [&](const node_report&) { answered = true; }));
  link.reset();
  EXPECT_FALSE(answered);
}

TEST(Link, AFrozenServerIsSilentInTime) {
  cluster one(1);
  node_link link(one.all(), id_of(1));
  ASSERT_EQ(carry_out(link, core::hold{}, 3).end, core::step_end::done);
  one.freeze(1);
  const node_report report = carry_out(link, core::close{}, 3, 100ms);
  EXPECT_EQ(report.end, core::step_end::unknown);
  EXPECT_EQ(report.absence, core::absence::silent);
  one.thaw(1);
  EXPECT_TRUE(look(link).seen);
}

TEST(Link, TellsAtOnceThatTheServerIsGone) {
  cluster one(1);
  std::promise<void> gone;
  node_link link(one.all(), id_of(1), [&] { gone.set_value(); });
  ASSERT_TRUE(look(link).seen);
  auto told = gone.get_future();
  EXPECT_EQ(told.wait_for(0s), std::future_status::timeout);
  one.server(1).kill();
  ASSERT_EQ(told.wait_for(20s), std::future_status::ready);
  EXPECT_EQ(look(link).absence, core::absence::refused);
}

TEST(Link, AnAnswerMayAskForTheNext) {
  cluster one(1);
  node_link link(one.all(), id_of(1));
  std::promise<unsigned> done;
  unsigned looks = 0;
  std::function<void(node_report)> again = [&](const node_report& report) {
    EXPECT_TRUE(report.seen);
    if (++looks == 3) return done.set_value(looks);
    EXPECT_TRUE(link.look(20s, again));
  };
  ASSERT_TRUE(link.look(20s, again));
  EXPECT_EQ(done.get_future().get(), 3u);
  link.stop();
}

}  // namespace
}  // namespace understudy::db
