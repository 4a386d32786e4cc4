// kill -9 of MariaDB at any instant: what was acknowledged is there, and once.
#include <map>
#include <random>
#include <thread>

#include "once/mariadb_ledger.hpp"
#include "support/mariadb_server.hpp"

namespace understudy::test {
namespace {

using namespace std::chrono_literals;

constexpr int callers = 4;

/// Calls in order, as a gateway does: each again until it is acknowledged. What was told.
std::map<std::string, std::int64_t> call_on_and_on(once_mariadb& database, int caller,
                                                   const std::atomic<bool>& over) {
  std::map<std::string, std::int64_t> told;
  for (std::int64_t call = 0; !over; ++call) {
    const std::string ticket = "c-" + std::to_string(caller) + "-" + std::to_string(call);
    std::int64_t attempt = 0;
    std::int64_t reply = 0;
    while (code_of([&] { reply = add(database, ticket, 100 * call + ++attempt); }) != 0) {
    }
    told[ticket] = reply;
  }
  return told;
}

TEST(OnceMariadbDeath, OfTheServerAtAnyInstant) {
  constexpr int deaths = 10;
  mariadb_server server;
  auto options = at_port(server.port());
  options.call_max = 2s;
  once_mariadb database(options);
  database.create_tables({effects_table});
  std::atomic<bool> over = false;
  std::map<std::string, std::int64_t> told[callers];
  std::vector<std::thread> threads;
  for (int i = 0; i < callers; ++i)
    threads.emplace_back([&, i] { told[i] = call_on_and_on(database, i, over); });
  std::minstd_rand dice(std::random_device{}());
  for (int i = 0; i < deaths; ++i) {
    const auto before = database.counts().commits;
    while (database.counts().commits < before + 5) std::this_thread::sleep_for(1ms);
    std::this_thread::sleep_for(std::chrono::microseconds(dice() % 50000));
    server.kill();
    server.start_again();
  }
  over = true;
  for (auto& thread : threads) thread.join();

  sql_client watch(server.port());
  std::size_t calls = 0;
  for (const auto& each : told) {
    for (const auto& [ticket, reply] : each) {
      ++calls;
      ASSERT_EQ(effects(watch, ticket), 1) << ticket;
      ASSERT_EQ(add(database, ticket, -1), reply) << ticket;
    }
  }
  EXPECT_GE(calls, 5u * deaths);
  EXPECT_EQ(watch.ask("SELECT COUNT(*) FROM effects"), std::to_string(2 * calls));
  EXPECT_EQ(watch.ask("SELECT COUNT(*) FROM understudy_once WHERE reply IS NOT NULL"),
            std::to_string(calls));
}

}  // namespace
}  // namespace understudy::test
