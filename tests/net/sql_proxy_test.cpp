// The endpoint between a client and servers that are the test itself: every step has one order.
#include "net/sql_proxy.hpp"

#include <gtest/gtest.h>

#include "net/sql_proxy_fixture.hpp"

namespace understudy::test {
namespace {

using report = net::sql_status_report;

constexpr unsigned busy = status::autocommit | status::in_transaction;
constexpr unsigned too_many = 1040;
constexpr unsigned shutdown = 1053;

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

TEST(SqlProxy, AGoodbyeIsNotAnswered) {
  sql_listener one;
  sql_endpoint endpoint;
  endpoint.lead_to({&one}, 1);
  auto pair = endpoint.session(one);
  pair.ask(command('\x01'));
  { const sql_end gone = std::move(pair.server); }
  EXPECT_EQ(pair.client.rest(), "");
}

/// What a client gets of an answer that ends after so many bytes.
std::string answer_up_to(std::size_t bytes, bool by_takeover, const std::string& answer) {
  sql_listener one;
  sql_listener two;
  sql_endpoint endpoint;
  endpoint.lead_to({&one}, 1);
  auto pair = endpoint.session(one);
  pair.ask(query("SELECT"));
  pair.answer(answer.substr(0, bytes));
  if (by_takeover) {
    endpoint.lead_to({&two}, 2);
  } else {
    const sql_end gone = std::move(pair.server);
  }
  return pair.client.rest();
}

TEST(SqlProxy, AddsNothingToHalfAnAnswer) {
  const std::string answer = packet(1, "\x01") + column() + eof() + row() + eof();
  for (const bool by_takeover : {false, true}) {
    for (std::size_t bytes = 0; bytes < answer.size(); ++bytes) {
      ASSERT_EQ(answer_up_to(bytes, by_takeover, answer), "") << bytes;
    }
    EXPECT_EQ(error_code_of(answer_up_to(answer.size(), by_takeover, answer)), 1927u);
  }
}

TEST(SqlProxy, RefusesTlsWhereItIsToldTo) {
  net::sql_proxy_options options;
  options.allow_unreadable = false;
  sql_listener one;
  sql_endpoint endpoint(options);
  endpoint.lead_to({&one}, 1);
  sql_pair pair{sql_end::to(endpoint.port()), one.accept()};
  pair.answer(greeting());
  pair.client.send(tls_request());
  const std::string said = pair.client.rest();
  EXPECT_EQ(error_code_of(said), 1235u);
  EXPECT_EQ(said[3], 2);
  EXPECT_EQ(pair.server.rest(), "");
}

}  // namespace
}  // namespace understudy::test
