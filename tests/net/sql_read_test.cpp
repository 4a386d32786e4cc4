// The endpoint for reading: which replica a client gets, and how it leaves one that is removed.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "net/sql_proxy.hpp"
#include "net/sql_proxy_fixture.hpp"

namespace understudy::test {
namespace {

using report = net::sql_status_report;

net::sql_proxy_options for_reading() {
  net::sql_proxy_options out;
  out.name = "read";
  out.cut_removed = false;
  out.refuse_kill = false;
  return out;
}

TEST(SqlRead, GoWhereTheFewestAre) {
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

TEST(SqlRead, GoByWeight) {
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

TEST(SqlRead, TakeTurns) {
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

TEST(SqlRead, PassOverAServerThatIsGone) {
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

TEST(SqlRead, OfARemovedServerEndWhenTheyRest) {
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

TEST(SqlRead, OfARemovedServerDoNotStayForEver) {
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
