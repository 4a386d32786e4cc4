// The endpoint between a client and servers that are the test itself: every step has one order.
#include "net/sql_proxy.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "net/sql_proxy_fixture.hpp"

namespace understudy::test {
namespace {

using net::sql_gate;
using report = net::sql_status_report;

constexpr unsigned idle = status::autocommit;
constexpr unsigned busy = status::autocommit | status::in_transaction;
constexpr unsigned killed = 1927;
constexpr unsigned too_many = 1040;
constexpr unsigned shutdown = 1053;

net::sql_proxy_options with_grace(std::chrono::milliseconds grace) {
  net::sql_proxy_options out;
  out.grace = grace;
  out.hold_max = 60s;
  return out;
}

/// The client is told that its statement was not executed, and then the end.
void expect_farewell(sql_end& client) {
  const std::string said = client.rest();
  ASSERT_EQ(error_code_of(said), killed) << said;
  EXPECT_NE(said.find("#08S01This was not executed"), std::string::npos) << said;
  EXPECT_EQ(said.size(), 4u + net::sql_packet_length(said));
  EXPECT_EQ(said[3], 1) << "it must look like the answer to a statement";
}

TEST(SqlProxy, PassesAllBytes) {
  sql_listener one;
  sql_endpoint endpoint;
  endpoint.lead_to({&one}, 1);
  auto pair = endpoint.session(one);
  pair.ask(query("SELECT"));
  pair.answer(packet(1, "\x01") + column() + eof() + row() + eof());
  EXPECT_EQ(endpoint.status().open, 1u);
  EXPECT_EQ(endpoint.status().in_transaction, 0u);
  pair.ask(query("BEGIN"));
  pair.answer(ok(busy));
  EXPECT_EQ(endpoint.status().in_transaction, 1u);
}

TEST(SqlProxy, StreamsWhatIsLargerThanItsBuffers) {
  sql_listener one;
  sql_endpoint endpoint;
  endpoint.lead_to({&one}, 1);
  auto pair = endpoint.session(one);
  const std::string large(3 << 20, 'x');
  std::thread sends([&] { pair.client.send(query(large)); });
  pair.server.expect(query(large));
  sends.join();
  sends = std::thread([&] { pair.server.send(packet(1, "\x01") + column() + eof() + row(large)); });
  pair.client.expect(packet(1, "\x01") + column() + eof() + row(large));
  sends.join();
  pair.answer(eof());
}

TEST(SqlProxy, TakesNoMoreThanItCanPass) {
  sql_listener one;
  sql_endpoint endpoint;
  endpoint.lead_to({&one}, 1);
  auto pair = endpoint.session(one);
  pair.client.send(little(0xfffffe, 3) + "\0\x03"s);
  const std::string piece(1 << 20, 'x');
  std::size_t taken = 0;
  int refusals = 0;
  // Nobody reads: what the kernels' buffers hold is all that goes.
  while (refusals < 20 && taken < (15U << 20)) {
    const std::size_t more = pair.client.send_some(piece);
    taken += more;
    refusals = more == 0 ? refusals + 1 : 0;
    if (more == 0) std::this_thread::sleep_for(5ms);
  }
  EXPECT_EQ(refusals, 20);
}

TEST(SqlProxy, LeadsNobodyBack) {
  sql_listener one;
  sql_listener two;
  sql_endpoint endpoint;
  EXPECT_TRUE(endpoint.lead_to({&two}, 5));
  EXPECT_FALSE(endpoint.lead_to({&one}, 4));
  (void)endpoint.session(two);
  EXPECT_EQ(endpoint.status().stamp, 5u);
}

TEST(SqlProxy, TakeoverEndsConnectionsThatRest) {
  sql_listener one;
  sql_listener two;
  sql_endpoint endpoint;
  endpoint.lead_to({&one}, 1);
  auto rests = endpoint.session(one);
  auto in_transaction = endpoint.session(one);
  in_transaction.ask(query("BEGIN"));
  in_transaction.answer(ok(busy));
  endpoint.lead_to({&two}, 2);
  expect_farewell(rests.client);
  EXPECT_EQ(rests.server.rest(), "");
  expect_farewell(in_transaction.client);
  EXPECT_EQ(in_transaction.server.rest(), "");
  EXPECT_EQ(endpoint.status().ended, 1u);
  EXPECT_EQ(endpoint.status().cut, 1u);
  (void)endpoint.session(two);
}

TEST(SqlProxy, TakeoverCutsWhatIsUnderWay) {
  sql_listener one;
  sql_listener two;
  sql_endpoint endpoint;
  endpoint.lead_to({&one}, 1);
  auto asked = endpoint.session(one);
  asked.ask(query("INSERT"));
  auto half = endpoint.session(one);
  half.ask(query("SELECT"));
  half.answer(packet(1, "\x01") + column() + eof() + row());
  endpoint.lead_to({&two}, 2);
  EXPECT_EQ(asked.client.rest(), "") << "nobody knows whether it was executed";
  EXPECT_EQ(half.client.rest(), "");
  EXPECT_EQ(endpoint.status().cut, 2u);
}

TEST(SqlProxy, TakeoverToTheSameServerChangesNothing) {
  sql_listener one;
  sql_endpoint endpoint;
  endpoint.lead_to({&one}, 1);
  auto pair = endpoint.session(one);
  endpoint.lead_to({&one}, 2);
  pair.ask(query("SELECT"));
  pair.answer(ok());
}

TEST(SqlProxy, MovesClientsThatWereNotGreeted) {
  sql_listener frozen;
  sql_listener two;
  sql_endpoint endpoint;
  endpoint.lead_to({&frozen}, 1);
  auto client = sql_end::to(endpoint.port());
  const auto silent = frozen.accept();
  endpoint.lead_to({&two}, 2);
  auto server = two.accept();
  server.send(greeting());
  client.expect(greeting());
}

TEST(SqlProxy, TriesAgainWhereAServerDoesNotAnswer) {
  net::sql_proxy_options options;
  options.connect_max = 20ms;
  sql_listener frozen;
  sql_endpoint endpoint(options);
  endpoint.lead_to({&frozen}, 1);
  auto client = sql_end::to(endpoint.port());
  (void)frozen.accept();
  auto again = frozen.accept();
  again.send(greeting());
  client.expect(greeting());
}

TEST(SqlProxy, StopAllLeadsNowhere) {
  sql_listener one;
  sql_endpoint endpoint;
  endpoint.lead_to({&one}, 1);
  auto pair = endpoint.session(one);
  endpoint.with([](net::sql_proxy& proxy) { proxy.stop_all(); });
  expect_farewell(pair.client);
  auto waits = sql_end::to(endpoint.port());
  EXPECT_TRUE(waits.quiet());
  endpoint.lead_to({&one}, 1);
  (void)one.accept();
}

TEST(SqlProxy, ClientsWaitForATarget) {
  sql_listener one;
  sql_endpoint endpoint;
  auto client = sql_end::to(endpoint.port());
  EXPECT_TRUE(client.quiet());
  EXPECT_TRUE(endpoint.eventually([](const report& now) { return now.waiting == 1; }));
  endpoint.lead_to({&one}, 1);
  auto server = one.accept();
  server.send(greeting());
  client.expect(greeting());
}

TEST(SqlProxy, ClientsDoNotWaitForEver) {
  net::sql_proxy_options options;
  options.wait_max = 20ms;
  sql_endpoint endpoint(options);
  auto client = sql_end::to(endpoint.port());
  const std::string said = client.rest();
  EXPECT_EQ(error_code_of(said), shutdown);
  EXPECT_EQ(said[3], 0) << "in the greeting's place";
  EXPECT_NE(said.find("No server is there for a \"write\" connection"), std::string::npos);
  EXPECT_EQ(endpoint.status().refused, 1u);
}

TEST(SqlProxy, OnlySoManyWait) {
  net::sql_proxy_options options;
  options.waiting_max = 2;
  sql_endpoint endpoint(options);
  auto one = sql_end::to(endpoint.port());
  auto two = sql_end::to(endpoint.port());
  EXPECT_TRUE(endpoint.eventually([](const report& now) { return now.waiting == 2; }));
  EXPECT_EQ(error_code_of(sql_end::to(endpoint.port()).rest()), too_many);
  EXPECT_TRUE(one.quiet());
}

TEST(SqlProxy, OnlySoManyConnect) {
  net::sql_proxy_options options;
  options.connections_max = 1;
  sql_listener one;
  sql_endpoint endpoint(options);
  endpoint.lead_to({&one}, 1);
  {
    auto pair = endpoint.session(one);
    EXPECT_EQ(error_code_of(sql_end::to(endpoint.port()).rest()), too_many);
  }
  EXPECT_TRUE(endpoint.eventually([](const report& now) { return now.open == 0; }));
  (void)endpoint.session(one);
}

TEST(SqlProxy, ForgetsClientsThatGoWhileTheyWait) {
  sql_endpoint endpoint;
  {
    auto client = sql_end::to(endpoint.port());
    EXPECT_TRUE(endpoint.eventually([](const report& now) { return now.waiting == 1; }));
  }
  EXPECT_TRUE(endpoint.eventually([](const report& now) { return now.waiting == 0; }));
}

TEST(SqlProxy, HoldEndsWhatRestsAndLetsNewOnesWait) {
  sql_listener one;
  sql_listener two;
  sql_endpoint endpoint(with_grace(60s));
  endpoint.lead_to({&one}, 1);
  auto rests = endpoint.session(one);
  const auto how = endpoint.hold().get();
  EXPECT_TRUE(how.closed);
  EXPECT_EQ(how.cut, 0u);
  EXPECT_EQ(endpoint.status().gate, sql_gate::closed);
  EXPECT_EQ(endpoint.status().ended, 1u);
  expect_farewell(rests.client);
  auto client = sql_end::to(endpoint.port());
  EXPECT_TRUE(client.quiet());
  EXPECT_FALSE(one.waiting());
  endpoint.lead_to({&two}, 2);
  auto server = two.accept();
  server.send(greeting());
  client.expect(greeting());
  EXPECT_EQ(endpoint.status().gate, sql_gate::open);
}

TEST(SqlProxy, HoldWaitsForAnOpenTransaction) {
  sql_listener one;
  sql_endpoint endpoint(with_grace(60s));
  endpoint.lead_to({&one}, 1);
  auto pair = endpoint.session(one);
  pair.ask(query("BEGIN"));
  pair.answer(ok(busy));
  auto held = endpoint.hold();
  pair.ask(query("INSERT"));
  pair.answer(ok(busy));
  EXPECT_EQ(endpoint.status().gate, sql_gate::closing);
  pair.ask(query("COMMIT"));
  pair.answer(ok(idle));
  EXPECT_TRUE(held.get().closed);
  expect_farewell(pair.client);
}

TEST(SqlProxy, HoldForwardsNothingNew) {
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

TEST(SqlProxy, HoldCutsWhenTheGraceIsOver) {
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

TEST(SqlProxy, HoldLetsLoginsEnd) {
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

TEST(SqlProxy, ReleaseLeavesTransactionsWhereTheyAre) {
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

TEST(SqlProxy, HoldEndsByItself) {
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
  EXPECT_EQ(endpoint.status().gate, sql_gate::open);
}

TEST(SqlProxy, ASecondHoldIsToldToo) {
  sql_endpoint endpoint(with_grace(60s));
  EXPECT_TRUE(endpoint.hold().get().closed);
  EXPECT_TRUE(endpoint.hold().get().closed);
}

TEST(SqlProxy, RefusesKillAndGoesOn) {
  sql_listener one;
  sql_endpoint endpoint;
  endpoint.lead_to({&one}, 1);
  auto pair = endpoint.session(one);
  pair.client.send(query("KILL QUERY 7"));
  const std::string head = pair.client.read(4);
  EXPECT_EQ(error_code_of(head + pair.client.read(net::sql_packet_length(head))), 1095u);
  pair.ask(query("SELECT"));
  pair.answer(ok());
  EXPECT_EQ(endpoint.status().statements_refused, 1u);
}

TEST(SqlProxy, EndsWhereKillComesLate) {
  sql_listener one;
  sql_endpoint endpoint;
  endpoint.lead_to({&one}, 1);
  auto pair = endpoint.session(one);
  const std::string all = query("SELECT '" + std::string(100000, 'x') + "'; KILL 7 ");
  pair.client.send(all);
  EXPECT_LT(pair.server.rest().size(), all.size()) << "the server must not have all of it";
  EXPECT_EQ(error_code_of(pair.client.rest()), 1095u);
}

TEST(SqlProxy, TellsAClientWhoseServerHasGone) {
  sql_listener one;
  sql_endpoint endpoint;
  endpoint.lead_to({&one}, 1);
  auto pair = endpoint.session(one);
  { const sql_end gone = std::move(pair.server); }
  expect_farewell(pair.client);
}

TEST(SqlProxy, CutsUnreadableConnectionsInAHold) {
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

net::sql_proxy_options for_reading() {
  net::sql_proxy_options out;
  out.name = "read";
  out.cut_removed = false;
  out.refuse_kill = false;
  return out;
}

TEST(SqlProxy, ReadersGoWhereTheFewestAre) {
  sql_listener one;
  sql_listener two;
  sql_endpoint endpoint(for_reading());
  endpoint.lead_to({&one, &two}, 1);
  std::vector<sql_end> clients;
  std::vector<sql_end> servers;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(sql_end::to(endpoint.port()));
    clients.push_back(sql_end::to(endpoint.port()));
    servers.push_back(one.accept());
    servers.push_back(two.accept());
  }
  for (const auto& target : endpoint.status().targets) EXPECT_EQ(target.connections, 3u);
}

TEST(SqlProxy, ReadersGoByWeight) {
  sql_listener one;
  sql_listener two;
  sql_endpoint endpoint(for_reading());
  endpoint.with([&](net::sql_proxy& proxy) {
    return proxy.lead_to({{one.address(), 3}, {two.address(), 1}}, 1);
  });
  std::vector<sql_end> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(sql_end::to(endpoint.port()));
  EXPECT_TRUE(endpoint.eventually([&](const report& now) {
    std::size_t of_one = 0;
    std::size_t of_two = 0;
    for (const auto& target : now.targets) {
      (target.address == one.address() ? of_one : of_two) = target.connections;
    }
    return of_one == 6 && of_two == 2;
  }));
}

TEST(SqlProxy, ReadersTakeTurns) {
  sql_listener one;
  sql_listener two;
  sql_endpoint endpoint(for_reading());
  endpoint.lead_to({&one, &two}, 1);
  std::vector<const sql_listener*> went;
  for (int i = 0; i < 4; ++i) {
    auto client = sql_end::to(endpoint.port());
    sql_listener& at = one.waiting() ? one : two;
    const auto server = at.accept();
    went.push_back(&at);
    { const sql_end gone = std::move(client); }
    EXPECT_TRUE(endpoint.eventually([](const report& now) { return now.waiting == 0; }));
  }
  EXPECT_EQ(std::count(went.begin(), went.end(), &one), 2);
}

TEST(SqlProxy, AGoodbyeIsNotAnswered) {
  sql_listener one;
  sql_endpoint endpoint;
  endpoint.lead_to({&one}, 1);
  auto pair = endpoint.session(one);
  pair.ask(command('\x01'));
  { const sql_end gone = std::move(pair.server); }
  EXPECT_EQ(pair.client.rest(), "");
}

TEST(SqlProxy, ReadersPassOverAServerThatIsGone) {
  auto gone = std::make_unique<sql_listener>();
  const std::string address = gone->address();
  gone.reset();
  sql_listener two;
  sql_endpoint endpoint(for_reading());
  endpoint.with([&](net::sql_proxy& proxy) {
    return proxy.lead_to({{address, 1}, {two.address(), 1}}, 1);
  });
  (void)endpoint.session(two);
}

TEST(SqlProxy, ReadersOfARemovedServerEndWhenTheyRest) {
  sql_listener one;
  sql_listener two;
  sql_endpoint endpoint(for_reading());
  endpoint.lead_to({&one}, 1);
  auto rests = endpoint.session(one);
  auto works = endpoint.session(one);
  works.ask(query("SELECT"));
  endpoint.lead_to({&two}, 2);
  expect_farewell(rests.client);
  works.answer(packet(1, "\x01") + column() + eof() + row() + eof());
  expect_farewell(works.client);
  EXPECT_EQ(endpoint.status().cut, 0u);
}

TEST(SqlProxy, ReadersOfARemovedServerDoNotStayForEver) {
  auto options = for_reading();
  options.drain_max = 20ms;
  sql_listener one;
  sql_endpoint endpoint(options);
  endpoint.lead_to({&one}, 1);
  auto works = endpoint.session(one);
  works.ask(query("SELECT"));
  endpoint.lead_to({}, 1);
  EXPECT_EQ(works.client.rest(), "");
  EXPECT_EQ(endpoint.status().cut, 1u);
}

}  // namespace
}  // namespace understudy::test
