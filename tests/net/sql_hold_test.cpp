// A switchover: what an endpoint does from hold() to release() or lead_to().
#include <gtest/gtest.h>

#include "net/sql_proxy.hpp"
#include "net/sql_proxy_fixture.hpp"

namespace understudy::test {
namespace {

using net::sql_hold;
using report = net::sql_status_report;

constexpr unsigned idle = status::autocommit;
constexpr unsigned busy = status::autocommit | status::in_transaction;

TEST(SqlHold, EndsWhatRestsAndLetsNewOnesWait) {
  sql_listener one;
  sql_listener two;
  sql_endpoint endpoint(with_grace(60s));
  endpoint.lead_to({&one}, 1);
  auto rests = endpoint.session(one);
  const auto how = endpoint.hold().get();
  EXPECT_TRUE(how.closed);
  EXPECT_EQ(how.cut, 0u);
  EXPECT_EQ(endpoint.status().hold, sql_hold::closed);
  EXPECT_EQ(endpoint.status().ended, 1u);
  expect_farewell(rests.client);
  auto client = sql_end::to(endpoint.port());
  EXPECT_TRUE(client.quiet());
  EXPECT_FALSE(one.waiting());
  endpoint.lead_to({&two}, 2);
  auto server = two.accept();
  server.send(greeting());
  client.expect(greeting());
  EXPECT_EQ(endpoint.status().hold, sql_hold::none);
}

TEST(SqlHold, WaitsForAnOpenTransaction) {
  sql_listener one;
  sql_endpoint endpoint(with_grace(60s));
  endpoint.lead_to({&one}, 1);
  auto pair = endpoint.session(one);
  pair.ask(query("BEGIN"));
  pair.answer(ok(busy));
  auto held = endpoint.hold();
  pair.ask(query("INSERT"));
  pair.answer(ok(busy));
  EXPECT_EQ(endpoint.status().hold, sql_hold::closing);
  pair.ask(query("COMMIT"));
  pair.answer(ok(idle));
  EXPECT_TRUE(held.get().closed);
  expect_farewell(pair.client);
}

TEST(SqlHold, ForwardsNothingNew) {
  sql_listener one;
  sql_endpoint endpoint(with_grace(60s));
  endpoint.lead_to({&one}, 1);
  auto pair = endpoint.session(one);
  pair.ask(query("SELECT"));
  auto held = endpoint.hold();
  pair.client.send(query("INSERT"));
  EXPECT_TRUE(pair.server.quiet());
  pair.answer(ok(idle));
  expect_farewell(pair.client);
  EXPECT_EQ(pair.server.rest(), "");
  EXPECT_EQ(held.get().cut, 0u);
}

TEST(SqlHold, CutsWhenTheGraceIsOver) {
  sql_listener one;
  sql_endpoint endpoint(with_grace(20ms));
  endpoint.lead_to({&one}, 1);
  auto open = endpoint.session(one);
  open.ask(query("BEGIN"));
  open.answer(ok(busy));
  auto working = endpoint.session(one);
  working.ask(query("UPDATE"));
  const auto how = endpoint.hold().get();
  EXPECT_TRUE(how.closed);
  EXPECT_EQ(how.cut, 2u);
  expect_farewell(open.client);
  EXPECT_EQ(working.client.rest(), "");
}

TEST(SqlHold, LetsLoginsEnd) {
  sql_listener one;
  sql_endpoint endpoint(with_grace(60s));
  endpoint.lead_to({&one}, 1);
  sql_pair pair{sql_end::to(endpoint.port()), one.accept()};
  pair.answer(greeting());
  auto held = endpoint.hold();
  pair.ask(login());
  pair.answer(ok(idle, 2));
  expect_farewell(pair.client);
  EXPECT_TRUE(held.get().closed);
}

TEST(SqlHold, ReleaseLeavesTransactionsWhereTheyAre) {
  sql_listener one;
  sql_endpoint endpoint(with_grace(60s));
  endpoint.lead_to({&one}, 1);
  auto pair = endpoint.session(one);
  pair.ask(query("BEGIN"));
  pair.answer(ok(busy));
  auto held = endpoint.hold();
  auto waits = sql_end::to(endpoint.port());
  EXPECT_TRUE(endpoint.eventually([](const report& now) { return now.waiting == 1; }));
  endpoint.release();
  EXPECT_FALSE(held.get().closed);
  (void)one.accept();
  pair.ask(query("COMMIT"));
  pair.answer(ok(idle));
  pair.ask(query("SELECT"));
  pair.answer(ok(idle));
}

TEST(SqlHold, EndsByItself) {
  auto options = with_grace(10ms);
  options.hold_max = 40ms;
  sql_listener one;
  sql_endpoint endpoint(options);
  endpoint.lead_to({&one}, 1);
  EXPECT_TRUE(endpoint.hold().get().closed);
  auto client = sql_end::to(endpoint.port());
  auto server = one.accept();
  server.send(greeting());
  client.expect(greeting());
  EXPECT_EQ(endpoint.status().hold, sql_hold::none);
}

TEST(SqlHold, ASecondOneIsToldToo) {
  sql_endpoint endpoint(with_grace(60s));
  EXPECT_TRUE(endpoint.hold().get().closed);
  EXPECT_TRUE(endpoint.hold().get().closed);
}

TEST(SqlHold, CutsUnreadableConnections) {
  sql_listener one;
  sql_endpoint endpoint(with_grace(20ms));
  endpoint.lead_to({&one}, 1);
  sql_pair pair{sql_end::to(endpoint.port()), one.accept()};
  pair.answer(greeting());
  pair.ask(tls_request());
  pair.ask("\x16\x03\x01 anything");
  pair.answer("\x16\x03\x03 anything");
  EXPECT_EQ(endpoint.status().unreadable, 1u);
  EXPECT_EQ(endpoint.hold().get().cut, 1u);
  EXPECT_EQ(pair.client.rest(), "");
}

TEST(SqlHold, EndsWithANewTarget) {
  sql_listener one;
  sql_listener two;
  sql_endpoint endpoint(with_grace(60s));
  endpoint.lead_to({&one}, 1);
  auto pair = endpoint.session(one);
  pair.ask(query("BEGIN"));
  pair.answer(ok(busy));
  auto held = endpoint.hold();
  EXPECT_TRUE(endpoint.lead_to({&two}, 2));
  EXPECT_FALSE(held.get().closed);
  expect_farewell(pair.client);
  (void)endpoint.session(two);
}

TEST(SqlHold, AnOlderEpochDoesNotEndIt) {
  sql_listener one;
  sql_endpoint endpoint(with_grace(60s));
  endpoint.lead_to({&one}, 2);
  EXPECT_TRUE(endpoint.hold().get().closed);
  EXPECT_FALSE(endpoint.lead_to({&one}, 1));
  EXPECT_EQ(endpoint.status().hold, sql_hold::closed);
}

TEST(SqlHold, LetsClientsThatWereNotGreetedWait) {
  sql_listener one;
  sql_listener two;
  sql_endpoint endpoint(with_grace(60s));
  endpoint.lead_to({&one}, 1);
  auto client = sql_end::to(endpoint.port());
  auto silent = one.accept();
  EXPECT_TRUE(endpoint.hold().get().closed);
  EXPECT_EQ(silent.rest(), "");
  EXPECT_TRUE(client.quiet());
  endpoint.lead_to({&two}, 2);
  auto server = two.accept();
  server.send(greeting());
  client.expect(greeting());
}

}  // namespace
}  // namespace understudy::test
