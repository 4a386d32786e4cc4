#include "app/config/config_calls.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "app/calls/stored_place.hpp"
#include "net/address.hpp"
#include "wire/json_pointer.hpp"
#include "wire/method_name.hpp"

namespace understudy::app {

namespace {

using namespace std::chrono_literals;
using reader = toml_reader;

constexpr std::string_view engine = "sqlite:";
constexpr auto month = std::chrono::hours(24 * 30);  // servers remember no longer what has run

void read_store(reader& value, calls_config& calls) {
  const auto* text = value.as<std::string>("\"sqlite:FILE\"");
  if (text == nullptr) return;
  if (!text->starts_with(engine) || text->size() == engine.size()) {
    value.problem(fmt::format("\"{}\" is no store: write \"sqlite:FILE\"", *text));
    return;
  }
  calls.store = text->substr(engine.size());
}

constexpr int running_most = 100000;

// {OrderInterface = 2}: the names are the services' own, or POOL/SERVICE.
void read_service_limits(reader& value, calls_config& calls) {
  const auto* table = value.as<toml_table>("a table, such as {OrderInterface = 2},");
  if (table == nullptr) return;
  for (const toml_member& member : *table) {
    const place at = place_of(member.key);
    if (at.service.empty() || member.key.find('@') != std::string::npos) {
      value.problem(
          fmt::format("\"{}\" is no service: write OrderInterface, or in quotes "
                      "\"POOL/OrderInterface\" for a pool with an address of its own",
                      member.key));
    }
    value.member(member, [&](reader& limit) {
      limit.integer(calls.service_running_max[member.key], 1, running_most);
    });
  }
}

constexpr std::array<reader::key<calls_config>, 9> calls_keys{{
    {"store", read_store},
    {"quota_rows",
     [](reader& value, calls_config& calls) {
       value.integer(calls.quota_rows, 1, std::numeric_limits<std::int64_t>::max());
     }},
    {"quota_bytes",
     [](reader& value, calls_config& calls) {
       std::size_t bytes = calls.quota_bytes;
       value.size(bytes, std::size_t{1} << 20, std::size_t{1} << 50);
       calls.quota_bytes = bytes;
     }},
    {"result_kept",
     [](reader& value, calls_config& calls) { value.duration(calls.result_kept, 0ms, month); }},
    {"deadline",
     [](reader& value, calls_config& calls) { value.duration(calls.deadline, 1ms, month); }},
    {"attempts_max",
     [](reader& value, calls_config& calls) { value.integer(calls.attempts_max, 1, 10000); }},
    {"running_max",
     [](reader& value, calls_config& calls) { value.integer(calls.running_max, 1, running_most); }},
    {"service_running_max", read_service_limits},
    {"webhook_secret_file",
     [](reader& value, calls_config& calls) {
       if (const auto* file = value.as<std::string>("a file's name in quotes")) {
         calls.webhook_secret_file = *file;
       }
     }},
}};

// `params.0` and `context.order_id`, as a JSON pointer.
void read_path(reader& value, std::string& into) {
  const auto* text = value.as<std::string>("a path in quotes, such as \"context.order_id\",");
  if (text == nullptr) return;
  if (!text->starts_with("params.") && !text->starts_with("context.")) {
    value.problem(
        fmt::format("\"{}\" is no path into a call: write \"params.0\", "
                    "\"params.name\" or \"context.name\"",
                    *text));
    return;
  }
  into = "/";
  for (const char c : *text) {
    if (c == '.') {
      into += '/';
    } else if (c == '~') {
      into += "~0";
    } else if (c == '/') {
      into += "~1";
    } else {
      into += c;
    }
  }
}

void read_codes(reader& value, std::vector<std::int64_t>& into) {
  value.array("an array of error codes, such as [10500, 10501],", [&](reader& element) {
    std::int64_t code = 0;
    element.integer(code, std::numeric_limits<std::int64_t>::min(),
                    std::numeric_limits<std::int64_t>::max());
    into.push_back(code);
  });
}

// One of two words.
template <typename Choice>
void read_choice(reader& value, Choice& into, std::string_view first, Choice if_first,
                 std::string_view second, Choice if_second) {
  const auto* text = value.as<std::string>(fmt::format("\"{}\" or \"{}\"", first, second));
  if (text == nullptr) return;
  if (*text == first) {
    into = if_first;
  } else if (*text == second) {
    into = if_second;
  } else {
    value.problem(fmt::format("\"{}\" is unknown: write \"{}\" or \"{}\"", *text, first, second));
  }
}

void read_webhook(reader& value, call_rule& rule) {
  const auto* url = value.as<std::string>("an address in quotes");
  if (url == nullptr) return;
  const auto address = net::split_server_address(*url);
  if (!address || address->http_target.empty()) {
    value.problem(fmt::format("\"{}\" is no webhook: write http://HOST:PORT/PATH", *url));
  }
  rule.webhook = *url;
}

void read_match(reader& value, call_rule& rule) {
  const auto* pattern = value.as<std::string>("a pattern in quotes");
  if (pattern == nullptr) return;
  if (!wire::method_pattern_valid(*pattern)) {
    value.problem(fmt::format(
        "\"{}\" is no pattern: write Interface@method, with * for any characters", *pattern));
  }
  rule.match = *pattern;
}

void read_mode(reader& value, call_rule& rule) {
  const auto* text = value.as<std::string>("\"direct\", \"durable\" or \"queued\"");
  if (text == nullptr) return;
  for (const auto mode :
       {core::call_mode::direct, core::call_mode::durable, core::call_mode::queued}) {
    if (core::to_string(mode) != *text) continue;
    rule.mode = mode;
    return;
  }
  value.problem(fmt::format("\"{}\" is no mode: write direct, durable or queued", *text));
}

constexpr std::array<reader::key<call_rule>, 16> rule_keys{{
    {"match", read_match},
    {"mode", read_mode},
    {"key", [](reader& value, call_rule& rule) { read_path(value, rule.key); }},
    {"key_missing",
     [](reader& value, call_rule& rule) {
       read_choice(value, rule.key_missing, "refuse", false, "allow", true);
     }},
    {"order_by", [](reader& value, call_rule& rule) { read_path(value, rule.order); }},
    {"wait",
     [](reader& value, call_rule& rule) {
       std::chrono::milliseconds wait{};
       value.duration(wait, 0ms, 24h);
       rule.wait = wait;
     }},
    {"deadline",
     [](reader& value, call_rule& rule) {
       std::chrono::milliseconds deadline{};
       value.duration(deadline, 1ms, month);
       rule.deadline = deadline;
     }},
    {"attempts_max",
     [](reader& value, call_rule& rule) {
       unsigned most = 0;
       value.integer(most, 1, 10000);
       rule.attempts_max = most;
     }},
    {"backoff",
     [](reader& value, call_rule& rule) { value.duration(rule.retry.backoff_min, 1ms, 24h); }},
    {"backoff_max",
     [](reader& value, call_rule& rule) { value.duration(rule.retry.backoff_max, 1ms, 24h); }},
    {"retry_codes",
     [](reader& value, call_rule& rule) { read_codes(value, rule.retry.retry_codes); }},
    {"final_codes",
     [](reader& value, call_rule& rule) { read_codes(value, rule.retry.final_codes); }},
    {"on_unknown",
     [](reader& value, call_rule& rule) {
       read_choice(value, rule.unknown, "retry", core::on_unknown::retry, "dead",
                   core::on_unknown::dead);
     }},
    {"once",
     [](reader& value, call_rule& rule) {
       if (const auto* once = value.as<bool>("true or false")) rule.once = *once;
     }},
    {"webhook", read_webhook},
    {"on_dead",
     [](reader& value, call_rule& rule) {
       read_choice(value, rule.dead, "skip", core::on_dead::skip, "block", core::on_dead::block);
     }},
}};

}  // namespace

void read_calls(toml_reader& section, gateway_config& config) {
  const auto* table = section.as<toml_table>("a section [calls]");
  if (table == nullptr) return;
  section.table<calls_config>(*table, calls_keys, {}, config.calls);
  const bool given = std::ranges::find(*table, "store", &toml_member::key) != table->end();
  if (!given) {
    section.problem("a store is needed: store = \"sqlite:calls.db\"");
  }
}

void read_rules(toml_reader& section, gateway_config& config) {
  section.array("sections [[rule]]", [&](toml_reader& element) {
    const auto* table = element.as<toml_table>("a section [[rule]]");
    if (table == nullptr) return;
    call_rule rule;
    rule.line = element.node().line;
    element.table<call_rule>(*table, rule_keys, {}, rule);
    if (rule.match.empty()) {
      element.problem("match is needed: match = \"OrderInterface@place\"");
    }
    if (rule.retry.backoff_min > rule.retry.backoff_max) {
      element.problem("backoff is longer than backoff_max");
    }
    config.rules.push_back(std::move(rule));
  });
}

void check_calls(const gateway_config& config, std::vector<config_problem>& problems) {
  for (const auto& [service, most] : config.calls.service_running_max) {
    const std::string_view pool = place_of(service).only;
    const auto found = std::ranges::find_if(config.pools, [&](const pool_config& each) {
      return each.name == pool && !each.listen.empty();
    });
    if (pool.empty() || found != config.pools.end()) continue;
    problems.push_back({0, fmt::format("calls.service_running_max: {}: there is no pool {} with an "
                                       "address of its own",
                                       service, pool)});
  }
  for (const call_rule& rule : config.rules) {
    if (rule.mode == core::call_mode::direct) {
      if (!rule.key.empty() || !rule.order.empty()) {
        problems.push_back({rule.line, fmt::format("rule {}: key and order_by are for the modes "
                                                   "durable and queued",
                                                   rule.match)});
      }
    } else if (config.calls.store.empty()) {
      problems.push_back({rule.line, fmt::format("rule {}: the mode {} needs a section [calls] "
                                                 "with a store",
                                                 rule.match, core::to_string(rule.mode))});
    }
  }
}

void append_calls_keys(std::vector<std::string>& keys) {
  for (const auto& key : calls_keys) keys.push_back(fmt::format("calls.{}", key.name));
  for (const auto& key : rule_keys) keys.push_back(fmt::format("rule.{}", key.name));
}

}  // namespace understudy::app
