#include "app/config/config_balance.hpp"

#include <fmt/format.h>

#include <array>

#include "wire/json_pointer.hpp"

namespace understudy::app {
namespace {

constexpr std::array policies{core::balance_policy::peak_ewma, core::balance_policy::round_robin,
                              core::balance_policy::least_request,
                              core::balance_policy::consistent_hash};

void read_policy(toml_reader& value, pool_config& pool) {
  const auto* text = value.as<std::string>("the name of a policy in quotes");
  if (text == nullptr) return;
  for (const auto policy : policies) {
    if (core::to_string(policy) != *text) continue;
    pool.options.balance.policy = policy;
    return;
  }
  value.problem(
      fmt::format("\"{}\" is no policy: write peak_ewma, round_robin, least_request or "
                  "consistent_hash",
                  *text));
}

void read_key(toml_reader& value, pool_config& pool) {
  const auto* text = value.as<std::string>("a path in quotes, such as \"/params/0\",");
  if (text == nullptr) return;
  if (text->empty() || !wire::json_pointer_valid(*text)) {
    value.problem(
        fmt::format("\"{}\" is no path into a call: write it as \"/params/0\" or "
                    "\"/context/tenant\" (RFC 6901)",
                    *text));
  }
  pool.balance_key = *text;
}

constexpr std::array<toml_reader::key<pool_config>, 2> keys{
    {{"policy", read_policy}, {"key", read_key}}};

}  // namespace

void read_balance(toml_reader& value, pool_config& pool) {
  if (std::holds_alternative<std::string>(value.node().value)) {
    read_policy(value, pool);
  } else if (const auto* table = value.as<toml_table>(
                 "a policy in quotes, or {policy = \"consistent_hash\", key = \"/params/0\"},")) {
    value.table<pool_config>(*table, keys, {}, pool);
  } else {
    return;
  }
  const bool by_key = pool.options.balance.policy == core::balance_policy::consistent_hash;
  if (by_key && pool.balance_key.empty()) {
    value.problem(
        "consistent_hash needs a key: {policy = \"consistent_hash\", key = \"/params/0\"}");
  } else if (!by_key && !pool.balance_key.empty()) {
    value.problem("a key is of use with the policy consistent_hash only");
  }
}

void read_failback(toml_reader& value, pool_config& pool) {
  const auto* text = value.as<std::string>("\"auto\", \"gradual\" or \"manual\"");
  if (text == nullptr) return;
  if (*text == "auto") {
    pool.options.failback = core::failback_policy::automatic;
  } else if (*text == "gradual") {
    pool.options.failback = core::failback_policy::gradual;
  } else if (*text == "manual") {
    pool.options.failback = core::failback_policy::manual;
  } else {
    value.problem(fmt::format("\"{}\" is not \"auto\", \"gradual\" or \"manual\"", *text));
  }
}

}  // namespace understudy::app
