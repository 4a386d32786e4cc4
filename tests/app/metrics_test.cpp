#include "app/admin/metrics.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "app/fake_router.hpp"
#include "understudy/error.hpp"

namespace understudy::test {
namespace {

using core::server_state;

// The value of one series as written, or "" where it is not.
std::string value_of(const std::string& text, const std::string& series) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(series + ' ')) return line.substr(series.size() + 1);
  }
  return {};
}

app::call_report report(std::string_view pool, std::optional<std::int64_t> code, bool own) {
  app::call_report out;
  out.pool = pool;
  out.method = "A@b";
  out.error_code = code;
  out.own = own;
  out.attempts = 2;
  out.took = std::chrono::milliseconds{30};
  return out;
}

TEST(metrics, count_calls_by_outcome) {
  app::call_counts counts;
  counts.add(report("orders", std::nullopt, false));
  counts.add(report("orders", std::nullopt, false));
  counts.add(report("orders", 0, false));                // think-swoole's code for most exceptions
  counts.add(report("orders", code::no_server, false));  // a service's own: an error like others
  counts.add(report("orders", code::no_server, true));
  counts.add(report("orders", code::outcome_unknown, true));
  counts.add(report("orders", -1, true));
  counts.add(report("", code::method_not_found, true));
  const auto text = app::metrics().text(counts, {}, {});
  const auto calls = [&](const std::string& labels) {
    return value_of(text, "understudy_calls_total{" + labels + '}');
  };
  EXPECT_EQ(calls(R"(outcome="result",pool="orders")"), "2") << text;
  EXPECT_EQ(calls(R"(outcome="error",pool="orders")"), "2");
  EXPECT_EQ(calls(R"(outcome="no_server",pool="orders")"), "1");
  EXPECT_EQ(calls(R"(outcome="outcome_unknown",pool="orders")"), "1");
  EXPECT_EQ(calls(R"(outcome="other",pool="orders")"), "1");
  EXPECT_EQ(calls(R"(outcome="method_not_found",pool="")"), "1");
  EXPECT_EQ(value_of(text, R"(understudy_attempts_total{pool="orders"})"), "14");
  EXPECT_EQ(value_of(text, R"(understudy_call_seconds_count{pool="orders"})"), "7");
  EXPECT_EQ(value_of(text, R"(understudy_call_seconds_bucket{pool="orders",le="0.025"})"), "0");
  EXPECT_EQ(value_of(text, R"(understudy_call_seconds_bucket{pool="orders",le="0.05"})"), "7");
}

TEST(metrics, add_up_what_lanes_counted) {
  app::call_counts one;
  one.add(report("orders", std::nullopt, false));
  one.add(report("orders", 0, false));
  app::call_counts other;
  other.add(report("orders", std::nullopt, false));
  other.add(report("more", std::nullopt, false));
  app::call_counts sum;
  sum.add(one);
  sum.add(other);
  const auto text = app::metrics().text(sum, {}, {});
  EXPECT_EQ(value_of(text, R"(understudy_calls_total{outcome="result",pool="orders"})"), "2");
  EXPECT_EQ(value_of(text, R"(understudy_calls_total{outcome="error",pool="orders"})"), "1");
  EXPECT_EQ(value_of(text, R"(understudy_calls_total{outcome="result",pool="more"})"), "1");
  EXPECT_EQ(value_of(text, R"(understudy_attempts_total{pool="orders"})"), "6");
  EXPECT_EQ(value_of(text, R"(understudy_call_seconds_bucket{pool="orders",le="0.025"})"), "0");
  EXPECT_EQ(value_of(text, R"(understudy_call_seconds_bucket{pool="orders",le="+Inf"})"), "3");
}

TEST(metrics, put_nothing_into_labels_that_a_caller_chose) {
  app::call_counts counts;
  auto one = report("orders", std::nullopt, false);
  counts.add(one);
  const auto before = app::metrics().text(counts, {}, {});
  for (int i = 0; i < 100; ++i) {
    const auto method = "A@m" + std::to_string(i);
    one.method = method;
    counts.add(one);
  }
  const auto lines = [](const std::string& text) { return std::ranges::count(text, '\n'); };
  EXPECT_EQ(lines(app::metrics().text(counts, {}, {})), lines(before));
}

TEST(metrics, show_pools_as_they_are_now) {
  app::metrics metrics;
  auto pool = fake_router::pool("orders", {server_state::up, server_state::up, server_state::down});
  pool.parked = 3;
  pool.servers[0].in_flight = 4;
  pool.servers[0].attempts = 1000;
  pool.servers[0].failures = 5;
  const auto text = metrics.text({}, {pool}, {});
  EXPECT_EQ(value_of(text, R"(understudy_servers{pool="orders",state="up"})"), "2") << text;
  EXPECT_EQ(value_of(text, R"(understudy_servers{pool="orders",state="down"})"), "1");
  EXPECT_EQ(value_of(text, R"(understudy_servers{pool="orders",state="drained"})"), "0");
  EXPECT_EQ(value_of(text, R"(understudy_parked_calls{pool="orders"})"), "3");
  const std::string first = R"({pool="orders",server="127.0.0.1:9501"})";
  EXPECT_EQ(value_of(text, "understudy_server_in_flight" + first), "4");
  EXPECT_EQ(value_of(text, "understudy_server_attempts_total" + first), "1000");
  EXPECT_EQ(value_of(text, "understudy_server_failures_total" + first), "5");
  EXPECT_EQ(metrics.text({}, {}, {}).find("127.0.0.1:9501"), std::string::npos);
}

TEST(metrics, count_events_and_connections) {
  app::metrics metrics;
  app::event e;
  e.record.kind = "server_down";
  metrics.event(e);
  metrics.event(e);
  const auto text = metrics.text({}, {}, {{"rpc", "127.0.0.1:9500", 5}});
  EXPECT_EQ(value_of(text, R"(understudy_events_total{kind="server_down"})"), "2") << text;
  EXPECT_EQ(value_of(text, R"(understudy_connections{listener="rpc"})"), "5");
}

}  // namespace
}  // namespace understudy::test
