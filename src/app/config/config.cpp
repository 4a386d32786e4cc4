#include "app/config/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "app/config/config_balance.hpp"
#include "app/config/config_calls.hpp"
#include "app/config/config_database.hpp"
#include "app/config/config_reader.hpp"
#include "app/config/config_values.hpp"
#include "app/config/read_file.hpp"
#include "net/address.hpp"
#include "wire/method_name.hpp"

namespace understudy::app {

namespace {

using namespace std::chrono_literals;
using names = std::span<const std::string_view>;
using reader = toml_reader;

constexpr std::size_t kib = 1024;
constexpr std::size_t mib = kib * kib;
constexpr std::size_t gib = mib * kib;
constexpr std::size_t config_bytes_max = 8 * mib;  // far above any real one

constexpr std::array<std::string_view, 7> sections{"gateway",  "pool",         "calls", "rule",
                                                   "database", "coordination", "node"};
constexpr std::array<std::string_view, 1> absent_sections{"notify"};

constexpr std::array<reader::key<core::server_options>, 4> server_keys{{
    {"address",
     [](reader& value, core::server_options& server) {
       if (const auto* text = value.as<std::string>("an address in quotes")) server.address = *text;
     }},
    {"priority",
     [](reader& value, core::server_options& server) { value.integer(server.priority, 0, 100); }},
    {"weight",
     [](reader& value, core::server_options& server) { value.number(server.weight, 0.001, 1000); }},
    {"zone",
     [](reader& value, core::server_options& server) {
       if (const auto* name = value.as<std::string>("a name in quotes")) server.zone = *name;
     }},
}};

void read_server(reader& value, pool_config& pool, unsigned priority) {
  core::server_options server;
  server.priority = priority;
  if (const auto* text = std::get_if<std::string>(&value.node().value)) {
    server.address = *text;
  } else if (const auto* table = value.as<toml_table>("\"HOST:PORT\" or {address = \"...\"}")) {
    value.table<core::server_options>(*table, server_keys, {}, server);
  } else {
    return;
  }
  if (!net::split_server_address(server.address)) {
    value.problem(fmt::format("\"{}\" is no server address: write {}", server.address,
                              net::server_address_form));
  }
  pool.servers.push_back(std::move(server));
}

void read_services(reader& value, pool_config& pool) {
  value.array("an array of interface names, such as [\"OrderInterface\"],", [&](reader& element) {
    const auto* name = element.as<std::string>("an interface name in quotes");
    if (name == nullptr) return;
    if (name->empty() || name->find('@') != std::string::npos) {
      element.problem(fmt::format("\"{}\" is no interface name", *name));
    }
    pool.services.push_back(*name);
  });
}

void read_idempotent(reader& value, pool_config& pool) {
  value.array("an array of patterns, such as [\"OrderInterface@get*\"],", [&](reader& element) {
    const auto* pattern = element.as<std::string>("a pattern in quotes");
    if (pattern == nullptr) return;
    if (!wire::method_pattern_valid(*pattern)) {
      element.problem(fmt::format(
          "\"{}\" is no pattern: write Interface@method, with * for any characters", *pattern));
    }
    pool.idempotent.push_back(*pattern);
  });
}

void read_probe(reader& value, pool_config& pool) {
  const auto* method = value.as<std::string>("a method in quotes, such as \"Health@ping\",");
  if (method == nullptr) return;
  if (*method == "@action_interface") return;
  if (!wire::method_pattern_valid(*method) || method->find_first_of("*?") != std::string::npos) {
    value.problem(fmt::format("\"{}\" is no method: write Interface@method", *method));
  }
  pool.probe = *method;
}

constexpr std::array<reader::key<pool_config>, 26> pool_keys{{
    {"servers",
     [](reader& value, pool_config& pool) {
       value.array("an array of servers", [&](reader& element) { read_server(element, pool, 0); });
     }},
    {"backups",
     [](reader& value, pool_config& pool) {
       value.array("an array of servers", [&](reader& element) { read_server(element, pool, 1); });
     }},
    {"services", read_services},
    {"listen", [](reader& value, pool_config& pool) { value.listen_address(pool.listen); }},
    {"idempotent", read_idempotent},
    {"fault_codes",
     [](reader& value, pool_config& pool) {
       value.array("an array of error codes, such as [10500, 10501],", [&](reader& element) {
         std::int64_t code = 0;
         element.integer(code, INT64_MIN, INT64_MAX);
         pool.fault_codes.push_back(code);
       });
     }},
    {"probe", read_probe},
    {"probe_interval",
     [](reader& value, pool_config& pool) {
       value.duration(pool.options.probe_interval, 10ms, 1h);
     }},
    {"probe_timeout",
     [](reader& value, pool_config& pool) {
       value.duration(pool.options.probe_timeout, 10ms, 1min);
     }},
    {"down_probe_interval",
     [](reader& value, pool_config& pool) {
       value.duration(pool.options.down_probe_interval, 10ms, 1h);
     }},
    {"probes_down",
     [](reader& value, pool_config& pool) { value.integer(pool.options.probes_down, 1, 100); }},
    {"probes_up",
     [](reader& value, pool_config& pool) { value.integer(pool.options.probes_up, 1, 100); }},
    {"hold_down",
     [](reader& value, pool_config& pool) { value.duration(pool.options.hold_down, 0ms, 24h); }},
    {"hedge_after",
     [](reader& value, pool_config& pool) { value.duration(pool.options.hedge_after, 0ms, 1h); }},
    {"ramp", [](reader& value, pool_config& pool) { value.duration(pool.options.ramp, 0ms, 24h); }},
    {"failback", read_failback},
    {"gradual",
     [](reader& value, pool_config& pool) { value.duration(pool.options.gradual, 0ms, 24h); }},
    {"balance", read_balance},
    {"concurrency_max",
     [](reader& value, pool_config& pool) {
       int most = 0;
       value.integer(most, 1, 100000);
       pool.options.limits.most = most;
     }},
    {"multiplex",
     [](reader& value, pool_config& pool) {
       if (const auto* wanted = value.as<bool>("true or false")) pool.multiplex = *wanted;
     }},
    {"queue_max",
     [](reader& value, pool_config& pool) {
       value.integer(pool.options.pending.calls_max, 0, 100000);
     }},
    {"attempts_max",
     [](reader& value, pool_config& pool) { value.integer(pool.options.attempts_max, 1, 20); }},
    {"lost_max",
     [](reader& value, pool_config& pool) { value.integer(pool.options.lost_max, 1, 20); }},
    {"parked_max",
     [](reader& value, pool_config& pool) { value.integer(pool.options.parked_max, 0, 100000); }},
    {"retry_ratio",
     [](reader& value, pool_config& pool) { value.number(pool.options.retry_ratio, 0, 10); }},
    {"retry_tokens_max",
     [](reader& value, pool_config& pool) {
       value.number(pool.options.retry_tokens_max, 0, 1'000'000);
     }},
}};

constexpr std::array<reader::key<gateway_config>, 13> gateway_keys{{
    {"listen", [](reader& value, gateway_config& config) { value.listen_address(config.listen); }},
    {"http", [](reader& value, gateway_config& config) { value.listen_address(config.http); }},
    {"admin", [](reader& value, gateway_config& config) { value.listen_address(config.admin); }},
    {"threads",
     [](reader& value, gateway_config& config) {
       value.integer(config.threads, 0, gateway_config::threads_max);
     }},
    {"zone",
     [](reader& value, gateway_config& config) {
       if (const auto* name = value.as<std::string>("a name in quotes")) config.zone = *name;
     }},
    {"frame_bytes_max",
     [](reader& value, gateway_config& config) {
       value.size(config.limits.message_bytes_max, kib, gib);
     }},
    {"file_bytes_max",
     [](reader& value, gateway_config& config) {
       value.size(config.limits.file_bytes_max, kib, gib);
     }},
    {"received_bytes_max",
     [](reader& value, gateway_config& config) {
       value.size(config.received_bytes_max, kib, 1024 * gib);
     }},
    {"connections_max",
     [](reader& value, gateway_config& config) {
       value.integer(config.connections_max, 1, 1'000'000);
     }},
    {"deadline",
     [](reader& value, gateway_config& config) { value.duration(config.deadline, 1ms, 24h); }},
    {"wait", [](reader& value, gateway_config& config) { value.duration(config.wait, 0ms, 24h); }},
    {"caller_timeout",
     [](reader& value, gateway_config& config) {
       value.duration(config.caller_timeout, 0ms, 24h);
     }},
    {"drain_timeout",
     [](reader& value, gateway_config& config) { value.duration(config.drain_timeout, 0ms, 1h); }},
}};

void read_pools(reader& section, gateway_config& config, std::vector<config_problem>& problems) {
  const auto* pools = section.as<toml_table>("a section [pool.NAME]");
  if (pools == nullptr) return;
  for (const toml_member& member : *pools) {
    reader pool_reader(member.value, "pool." + member.key, problems);
    const auto* table = std::get_if<toml_table>(&member.value.value);
    if (table == nullptr) {
      pool_reader.problem("a pool needs a name: write the section [pool.NAME]");
      continue;
    }
    pool_config pool;
    pool.name = pool.options.name = member.key;
    pool.line = member.value.line;
    if (!name_valid(member.key)) {
      pool_reader.problem(
          "a pool's name has letters, digits, \"-\" and \"_\" only (it is part "
          "of addresses and labels), 64 at most");
    }
    pool_reader.table<pool_config>(*table, pool_keys, {}, pool);
    config.pools.push_back(std::move(pool));
  }
}

void read_section(const toml_member& member, gateway_config& config,
                  std::vector<config_problem>& problems) {
  reader section(member.value, member.key, problems);
  if (member.key == "gateway") {
    if (const auto* table = section.as<toml_table>("a section [gateway]")) {
      section.table<gateway_config>(*table, gateway_keys, {}, config);
    }
  } else if (member.key == "pool") {
    read_pools(section, config, problems);
  } else if (member.key == "calls") {
    read_calls(section, config);
  } else if (member.key == "rule") {
    read_rules(section, config);
  } else if (member.key == "database") {
    read_databases(section, config, problems);
  } else if (member.key == "coordination") {
    read_coordination(section, config);
  } else if (member.key == "node") {
    read_node(section, config);
  } else if (std::ranges::find(absent_sections, std::string_view(member.key)) !=
             absent_sections.end()) {
    section.problem("this version does not have it yet");
  } else if (const auto near = nearest(member.key, sections); !near.empty()) {
    section.problem(fmt::format("no such section; did you mean \"{}\"?", near));
  } else {
    section.problem(
        "no such section: there are [gateway], [pool.NAME], [calls], [[rule]], [database.NAME], "
        "[coordination] and [node]");
  }
}

}  // namespace

bool name_valid(std::string_view name) {
  constexpr std::string_view allowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  return !name.empty() && name.size() <= 64 &&
         name.find_first_not_of(allowed) == std::string_view::npos;
}

config_result parse_config(std::string_view toml) {
  config_result result;
  const auto parsed = parse_toml(toml);
  if (const auto* error = std::get_if<toml_error>(&parsed)) {
    result.problems.push_back({error->line, error->message});
    return result;
  }
  gateway_config config;
  for (const toml_member& member : std::get<toml_table>(parsed)) {
    read_section(member, config, result.problems);
  }
  std::ranges::move(check_config(config), std::back_inserter(result.problems));
  std::ranges::stable_sort(result.problems, {}, &config_problem::line);
  if (result.problems.empty()) result.config = std::move(config);
  return result;
}

config_result load_config(const std::string& file) {
  const auto text = read_file(file, config_bytes_max);
  if (text) {
    config_result read = parse_config(*text);
    // A path in a file is one from where the file is.
    if (read.config) {
      const auto folder = std::filesystem::path(file).parent_path();
      for (auto* path : {&read.config->calls.store, &read.config->calls.webhook_secret_file}) {
        if (!path->empty()) *path = (folder / *path).string();
      }
      place_database_files(*read.config, folder);
    }
    return read;
  }
  config_result result;
  result.problems.push_back({0, "it can not be read: " + text.error().message()});
  return result;
}

std::vector<std::string> config_keys() {
  std::vector<std::string> keys;
  for (const auto& key : gateway_keys) keys.push_back(fmt::format("gateway.{}", key.name));
  for (const auto& key : pool_keys) keys.push_back(fmt::format("pool.{}", key.name));
  for (const auto& key : server_keys) keys.push_back(fmt::format("pool.servers.{}", key.name));
  append_calls_keys(keys);
  append_database_keys(keys);
  return keys;
}

}  // namespace understudy::app
