// The TOML file: everything it may say, and a sentence for everything it may not.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "app/config/config.hpp"

namespace understudy::app {
namespace {

using namespace std::chrono_literals;

gateway_config good(std::string_view toml) {
  config_result result = parse_config(toml);
  for (const auto& problem : result.problems) {
    ADD_FAILURE() << problem.line << ": " << problem.message;
  }
  return result.config.value_or(gateway_config{});
}

TEST(config_file, two_lines_are_enough_and_the_rest_are_defaults) {
  const gateway_config config = good("[pool.orders]\nservers = [\"127.0.0.1:9501\"]\n");
  EXPECT_EQ(config.listen, "127.0.0.1:9500");
  EXPECT_EQ(config.http, "127.0.0.1:9580");
  EXPECT_EQ(config.admin, "");
  EXPECT_EQ(config.deadline, 60s);
  ASSERT_EQ(config.pools.size(), 1U);
  EXPECT_EQ(config.pools[0].name, "orders");
  EXPECT_EQ(config.pools[0].options.name, "orders");
  ASSERT_EQ(config.pools[0].servers.size(), 1U);
  EXPECT_EQ(config.pools[0].servers[0].priority, 0U);
}

TEST(config_file, every_key_is_read) {
  const gateway_config config = good(R"(
[gateway]
listen = "0.0.0.0:1"
http = ""
admin = "127.0.0.1:3"
threads = 5
frame_bytes_max = "1MiB"
file_bytes_max = "2MiB"
received_bytes_max = "3MiB"
connections_max = 7
deadline = "9s"
drain_timeout = "3s"

[pool.orders]
servers = ["127.0.0.1:9501", {address = "db.internal:9502", weight = 2.5, priority = 3}]
backups = ["127.0.0.1:9503", {address = "127.0.0.1:9504", weight = 2}]
services = ["OrderInterface", "StockInterface"]
listen = "127.0.0.1:0"
idempotent = ["OrderInterface@get*"]
fault_codes = [10500, -7]
probe = "Health@ping"
probe_interval = "11ms"
probe_timeout = "12ms"
down_probe_interval = "13ms"
probes_down = 4
probes_up = 5
hold_down = "14ms"
hedge_after = "16ms"
ramp = "15ms"
failback = "manual"
attempts_max = 8
lost_max = 9
parked_max = 10
retry_ratio = 0.5
retry_tokens_max = 11
)");
  EXPECT_EQ(config.listen, "0.0.0.0:1");
  EXPECT_EQ(config.http, "");
  EXPECT_EQ(config.admin, "127.0.0.1:3");
  EXPECT_EQ(config.threads, 5U);
  EXPECT_EQ(config.limits.message_bytes_max, 1U << 20);
  EXPECT_EQ(config.limits.file_bytes_max, 2U << 20);
  EXPECT_EQ(config.received_bytes_max, 3U << 20);
  EXPECT_EQ(config.connections_max, 7U);
  EXPECT_EQ(config.deadline, 9s);
  EXPECT_EQ(config.drain_timeout, 3s);
  ASSERT_EQ(config.pools.size(), 1U);
  const pool_config& pool = config.pools[0];
  ASSERT_EQ(pool.servers.size(), 4U);
  EXPECT_EQ(pool.servers[1].address, "db.internal:9502");
  EXPECT_EQ(pool.servers[1].weight, 2.5);
  EXPECT_EQ(pool.servers[1].priority, 3U);
  EXPECT_EQ(pool.servers[2].priority, 1U);
  EXPECT_EQ(pool.servers[3].priority, 1U);
  EXPECT_EQ(pool.servers[3].weight, 2.0);
  EXPECT_EQ(pool.services, (std::vector<std::string>{"OrderInterface", "StockInterface"}));
  EXPECT_EQ(pool.listen, "127.0.0.1:0");
  EXPECT_EQ(pool.idempotent, std::vector<std::string>{"OrderInterface@get*"});
  EXPECT_EQ(pool.fault_codes, (std::vector<std::int64_t>{10500, -7}));
  EXPECT_EQ(pool.probe, "Health@ping");
  EXPECT_EQ(pool.options.probe_interval, 11ms);
  EXPECT_EQ(pool.options.probe_timeout, 12ms);
  EXPECT_EQ(pool.options.down_probe_interval, 13ms);
  EXPECT_EQ(pool.options.probes_down, 4U);
  EXPECT_EQ(pool.options.probes_up, 5U);
  EXPECT_EQ(pool.options.hold_down, 14ms);
  EXPECT_EQ(pool.options.hedge_after, 16ms);
  EXPECT_EQ(pool.options.ramp, 15ms);
  EXPECT_EQ(pool.options.failback, core::failback_policy::manual);
  EXPECT_EQ(pool.options.attempts_max, 8U);
  EXPECT_EQ(pool.options.lost_max, 9U);
  EXPECT_EQ(pool.options.parked_max, 10U);
  EXPECT_EQ(pool.options.retry_ratio, 0.5);
  EXPECT_EQ(pool.options.retry_tokens_max, 11.0);
}

TEST(config_file, pools_keep_the_order_of_the_file) {
  const gateway_config config = good("[pool.z]\nservers=[\"a:1\"]\n[pool.a]\nservers=[\"a:2\"]\n");
  ASSERT_EQ(config.pools.size(), 2U);
  EXPECT_EQ(config.pools[0].name, "z");
  EXPECT_EQ(config.pools[0].line, 1U);
  EXPECT_EQ(config.pools[1].line, 3U);
}

struct bad_file {
  const char* what;
  const char* toml;
  unsigned line;
  const char* says;
};

constexpr const char* pool = "[pool.p]\nservers = [\"a:1\"]\n";

class config_file_bad : public testing::TestWithParam<bad_file> {};

TEST_P(config_file_bad, is_refused_with_line_and_sentence) {
  // The case comes first, so that its line numbers count from 1; `pool` keeps the rest in order.
  const std::string toml = std::string(GetParam().toml) + "\n";
  const bool has_pool = toml.find("[pool") != std::string::npos;
  const config_result result = parse_config(has_pool ? toml : toml + pool);
  EXPECT_FALSE(result.config);
  ASSERT_EQ(result.problems.size(), 1U)
      << (result.problems.empty() ? "no problem was found" : result.problems.back().message);
  EXPECT_EQ(result.problems[0].line, GetParam().line);
  EXPECT_NE(result.problems[0].message.find(GetParam().says), std::string::npos)
      << result.problems[0].message;
}

const bad_file bad_files[] = {
    {"not_toml", "[gateway\n", 1, ""},
    {"unknown_section", "[gatway]\nlisten=\"a:1\"", 1, "did you mean \"gateway\""},
    {"strange_section", "[zebra]\n", 1, "no such section"},
    {"calls_without_store", "[calls]\nquota_rows = 5", 1, "a store is needed"},
    {"store_of_later", "[calls]\nstore = \"redis:x\"", 2, "is no store: write \"sqlite:FILE\""},
    {"limit_of_nothing", "[calls]\nstore = \"sqlite:c\"\nservice_running_max = {\"A@b\" = 1}", 3,
     "is no service"},
    {"limit_of_no_call", "[calls]\nstore = \"sqlite:c\"\nservice_running_max = {A = 0}", 3,
     "service_running_max.A: 0 is not between 1"},
    {"limit_without_pool", "[calls]\nstore = \"sqlite:c\"\nservice_running_max = {\"x/A\" = 1}", 0,
     "there is no pool x"},
    {"rules_as_a_table", "[rule]\nmatch = \"A@b\"", 1, "sections [[rule]] is needed"},
    {"rule_without_match", "[[rule]]\nmode = \"direct\"", 1, "match is needed"},
    {"rule_without_store", "[[rule]]\nmatch = \"A@b\"\nmode = \"durable\"", 1,
     "needs a section [calls]"},
    {"rule_with_a_useless_key", "[[rule]]\nmatch = \"A@b\"\nkey = \"params.0\"", 1,
     "key and order_by are for"},
    {"rule_with_a_bad_mode", "[[rule]]\nmatch = \"A@b\"\nmode = \"fast\"", 3, "is no mode"},
    {"rule_with_a_bad_path", "[[rule]]\nmatch = \"A@b\"\nkey = \"order_id\"", 3,
     "is no path into a call"},
    {"rule_with_a_bad_choice", "[[rule]]\nmatch = \"A@b\"\non_unknown = \"ignore\"", 3,
     "write \"retry\" or \"dead\""},
    {"rule_with_a_long_backoff", "[[rule]]\nmatch = \"A@b\"\nbackoff = \"2h\"", 1,
     "longer than backoff_max"},
    {"notify_of_later", "[[notify]]\nx=1", 1, "does not have it yet"},
    {"unknown_key", "[gateway]\nlisten = \"a:1\"\ndedline = \"1s\"", 3,
     "gateway.dedline: no such key; did you mean \"deadline\"?"},
    {"strange_key", "[gateway]\nxyzzyxyzzy = 1", 2, "no such key"},
    {"too_many_threads", "[gateway]\nthreads = 65", 2, "gateway.threads"},
    {"balance_unknown", "[pool.p]\nbalance = \"x\"", 2, "\"x\" is no policy"},
    {"balance_as_number", "[pool.p]\nbalance = 1", 2, "a policy in quotes"},
    {"balance_without_key", "[pool.p]\nbalance = \"consistent_hash\"", 2, "needs a key"},
    {"balance_with_a_useless_key",
     "[pool.p]\nbalance = {policy = \"round_robin\", key = \"/params/0\"}", 2, "of use with"},
    {"balance_with_a_bad_key",
     "[pool.p]\nbalance = {policy = \"consistent_hash\", key = \"params\"}", 2, "is no path"},
    {"unknown_pool_key", "[pool.p]\nserver = []", 2, "did you mean \"servers\"?"},
    {"duration_as_number", "[gateway]\ndeadline = 5", 2, "a duration in quotes"},
    {"duration_without_unit", "[gateway]\ndeadline = \"5\"", 2, "\"5\" is no duration"},
    {"duration_too_short", "[gateway]\ndeadline = \"0ms\"", 2, "not between 1ms and 24h"},
    {"probe_without_pause", "[pool.p]\nprobe_interval = \"0ms\"", 2, "not between 10ms and 1h"},
    {"size_with_decimal_unit", "[gateway]\nframe_bytes_max = \"8MB\"", 2, "\"8MB\" is no size"},
    {"size_too_large", "[gateway]\nframe_bytes_max = \"5GiB\"", 2, "not between 1KiB and 1GiB"},
    {"number_as_text", "[pool.p]\nprobes_up = \"2\"", 2, "a whole number is needed"},
    {"number_as_fraction", "[pool.p]\nprobes_up = 2.5", 2, "a whole number is needed"},
    {"number_too_small", "[pool.p]\nprobes_up = 0", 2, "0 is not between 1 and 100"},
    {"not_a_number", "[pool.p]\nretry_ratio = nan", 2, "not between"},
    {"listen_without_port", "[gateway]\nlisten = \"127.0.0.1\"", 2, "is no address"},
    {"server_without_port", "[pool.p]\nservers = [\"127.0.0.1\"]", 2, "is no server address"},
    {"server_on_port_0", "[pool.p]\nservers = [\"127.0.0.1:0\"]", 2, "is no server address"},
    {"server_without_address", "[pool.p]\nservers = [{weight = 1}]", 2, "is no server address"},
    {"server_with_unknown_key", "[pool.p]\nservers = [{address = \"a:1\", wieght = 1}]", 2,
     "did you mean \"weight\"?"},
    {"server_with_a_number_as_zone", "[pool.p]\nservers = [{address = \"a:1\", zone = 1}]", 2,
     "a name in quotes"},
    {"server_with_weight_0", "[pool.p]\nservers = [{address = \"a:1\", weight = 0}]", 2,
     "not between"},
    {"server_as_number", "[pool.p]\nservers = [1]", 2, "is needed here"},
    {"servers_as_text", "[pool.p]\nservers = \"a:1\"", 2, "an array of servers is needed"},
    {"server_twice", "[pool.p]\nservers = [\"a:1\"]\nbackups = [\"a:1\"]", 1, "is listed twice"},
    {"service_twice", "[pool.p]\nservices = [\"A\", \"A\"]", 1, "A is listed twice"},
    {"service_with_method", "[pool.p]\nservices = [\"A@b\"]", 2, "is no interface name"},
    {"pattern_without_method", "[pool.p]\nidempotent = [\"get*\"]", 2, "is no pattern"},
    {"probe_with_pattern", "[pool.p]\nprobe = \"A@*\"", 2, "is no method"},
    {"failback_unknown", "[pool.p]\nfailback = \"never\"", 2, "is not \"auto\", \"gradual\" or"},
    {"pool_without_name", "[pool]\nservers = [\"a:1\"]\n[pool.q]", 2, "a pool needs a name"},
    {"pool_with_a_strange_name", "[pool.\"a b\"]\nservers = [\"a:1\"]", 1, "letters, digits"},
    {"address_twice", "[gateway]\nlisten = \"a:1\"\nhttp = \"a:1\"", 0,
     "is the address of gateway.listen already"},
    {"service_in_two_pools",
     "[pool.p]\nservices = [\"A\"]\nservers = [\"a:1\"]\n[pool.q]\nservices = [\"A\"]\n", 4,
     "pool.q: the service A is in pool p already"},
    {"probe_of_two_pools_hides_their_services",
     "[pool.p]\nservices = [\"A\"]\n[pool.q]\nprobe = \"B@x\"\n", 3, "list its services"},
};

INSTANTIATE_TEST_SUITE_P(all, config_file_bad, testing::ValuesIn(bad_files),
                         [](const auto& test) { return std::string(test.param.what); });

TEST(config_file, every_problem_is_reported_in_the_order_of_the_file) {
  const config_result result = parse_config(
      "[gateway]\nlisten = 1\n[pool.p]\nservers = [\"x\"]\nramp = \"soon\"\nnope = 1\n");
  std::vector<unsigned> lines;
  for (const auto& problem : result.problems) lines.push_back(problem.line);
  EXPECT_EQ(lines, (std::vector<unsigned>{2, 4, 5, 6}));
}

TEST(config_file, nothing_to_serve_is_a_problem) {
  const config_result result = parse_config("");
  ASSERT_EQ(result.problems.size(), 1U);
  EXPECT_NE(result.problems[0].message.find("there is no pool"), std::string::npos);
}

TEST(config_file, pools_with_addresses_of_their_own_may_share_a_service) {
  const gateway_config config =
      good("[pool.p]\nservices=[\"A\"]\n[pool.q]\nservices=[\"A\"]\nlisten=\"127.0.0.1:0\"\n");
  EXPECT_EQ(config.pools.size(), 2U);
}

TEST(config_file, rules_and_the_store_of_calls) {
  const gateway_config config = good(
      "[calls]\nstore = \"sqlite:calls.db\"\nquota_rows = 7\n"
      "service_running_max = {A = 2, \"own/B\" = 3}\n[pool.own]\nlisten = \"127.0.0.1:0\"\n"
      "[[rule]]\nmatch = \"A@b\"\nmode = \"durable\"\nkey = \"context.a/b\"\n"
      "order_by = \"params.0\"\nretry_codes = [1, 2]\non_dead = \"block\"\n"
      "[[rule]]\nmatch = \"A@*\"\nwait = \"1s\"\n[pool.p]\nservers = [\"a:1\"]\n");
  EXPECT_EQ(config.calls.store, "calls.db");
  EXPECT_EQ(config.calls.quota_rows, 7U);
  EXPECT_EQ(config.calls.service_running_max,
            (std::map<std::string, unsigned>{{"A", 2}, {"own/B", 3}}));
  ASSERT_EQ(config.rules.size(), 2U);
  EXPECT_EQ(config.rules[0].mode, core::call_mode::durable);
  EXPECT_EQ(config.rules[0].key, "/context/a~1b");
  EXPECT_EQ(config.rules[0].order, "/params/0");
  EXPECT_EQ(config.rules[0].retry.retry_codes, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(config.rules[0].dead, core::on_dead::block);
  EXPECT_EQ(config.rules[1].mode, core::call_mode::direct);
  EXPECT_EQ(config.rules[1].wait, std::chrono::seconds(1));
}

TEST(config_file, a_file_that_is_not_there_is_a_problem) {
  const config_result result = load_config("/nowhere/gateway.toml");
  EXPECT_FALSE(result.config);
  ASSERT_EQ(result.problems.size(), 1U);
  EXPECT_NE(result.problems[0].message.find("No such file"), std::string::npos);
}

// docs/CONFIG.md names exactly the accepted keys: the rows of its tables begin with one each.
TEST(config_file, the_documentation_names_exactly_the_accepted_keys) {
  std::ifstream in("docs/CONFIG.md");
  ASSERT_TRUE(in) << "run from the top of the source tree";
  std::multiset<std::string> documented;
  std::string section;
  for (std::string line; std::getline(in, line);) {
    if (line == "## [gateway]") section = "gateway.";
    if (line == "## [pool.NAME]") section = "pool.";
    if (line == "## [calls]") section = "calls.";
    if (line == "## [[rule]]") section = "rule.";
    if (line == "### Servers") section = "pool.servers.";
    if (line == "## [database.NAME]") section = "database.";
    if (line == "### Nodes") section = "database.nodes.";
    if (line == "## [coordination]") section = "coordination.";
    if (line == "## [node]") section = "node.";
    if (line.rfind("| `", 0) != 0) continue;
    documented.insert(section + line.substr(3, line.find('`', 3) - 3));
    EXPECT_EQ(std::ranges::count(line, '|'), 5) << "key, type, default, reason: " << line;
  }
  const std::vector<std::string> keys = config_keys();
  EXPECT_EQ(documented, std::multiset<std::string>(keys.begin(), keys.end()));
}

}  // namespace
}  // namespace understudy::app
