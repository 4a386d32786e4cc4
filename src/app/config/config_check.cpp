#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "app/config/config.hpp"
#include "app/config/config_calls.hpp"
#include "app/config/config_database.hpp"
#include "net/address.hpp"

namespace understudy::app {

namespace {

// Remembers who uses a name first; a second user is a problem.
class claims {
 public:
  /// The first user's words, or nothing if `user` is the first.
  std::optional<std::string> claim(const std::string& name, std::string user) {
    const auto [at, first] = users_.emplace(name, std::move(user));
    return first ? std::nullopt : std::optional(at->second);
  }

 private:
  std::map<std::string, std::string> users_;
};

bool any_port(const std::string& address) {
  return address.ends_with(":0");
}

void check_addresses(const gateway_config& config, std::vector<config_problem>& problems) {
  claims addresses;
  const auto claim = [&](const std::string& address, const std::string& user, unsigned line) {
    if (address.empty() || any_port(address)) return;
    if (const auto first = addresses.claim(address, user)) {
      problems.push_back(
          {line, fmt::format("{} = \"{}\" is the address of {} already", user, address, *first)});
    }
  };
  claim(config.listen, "gateway.listen", 0);
  claim(config.http, "gateway.http", 0);
  claim(config.admin, "gateway.admin", 0);
  for (const pool_config& pool : config.pools) {
    claim(pool.listen, fmt::format("pool.{}.listen", pool.name), pool.line);
  }
  for (const database_config& each : config.databases) {
    claim(each.write, fmt::format("database.{}.write", each.name), each.line);
    claim(each.read, fmt::format("database.{}.read", each.name), each.line);
  }
}

void check_pool(const pool_config& pool, claims& services, std::vector<config_problem>& problems) {
  claims servers;
  for (const core::server_options& server : pool.servers) {
    if (servers.claim(server.address, "")) {
      problems.push_back({pool.line, fmt::format("pool.{}: the server {} is listed twice",
                                                 pool.name, server.address)});
    }
  }
  // A pool with an address of its own is not on the shared one, where each service has one pool.
  const std::string scope = pool.listen.empty() ? "" : pool.name;
  for (const std::string& service : pool.services) {
    if (const auto first = services.claim(scope + "/" + service, pool.name)) {
      problems.push_back(
          {pool.line,
           *first == pool.name
               ? fmt::format("pool.{}: the service {} is listed twice", pool.name, service)
               : fmt::format("pool.{}: the service {} is in pool {} already; give one "
                             "of the two a listen address of its own",
                             pool.name, service, *first)});
    }
  }
}

bool all_speak_http(const pool_config& pool) {
  const auto speaks_http = [](const core::server_options& server) {
    const auto address = net::split_server_address(server.address);
    return address && !address->http_target.empty();
  };
  return !pool.servers.empty() && std::ranges::all_of(pool.servers, speaks_http);
}

}  // namespace

std::vector<config_problem> check_config(const gateway_config& config) {
  std::vector<config_problem> problems;
  if (config.pools.empty() && config.databases.empty()) {
    problems.push_back({0, "there is no pool: add a section [pool.NAME] with servers"});
  }
  check_addresses(config, problems);
  claims services;
  std::size_t shared = 0;
  for (const pool_config& pool : config.pools) shared += pool.listen.empty() ? 1 : 0;
  for (const pool_config& pool : config.pools) {
    check_pool(pool, services, problems);
    if (shared > 1 && pool.listen.empty() && pool.services.empty() && all_speak_http(pool)) {
      problems.push_back(
          {pool.line, fmt::format("pool.{}: list its services; servers that speak HTTP do not "
                                  "tell them as a rule",
                                  pool.name)});
    }
    if (shared > 1 && pool.listen.empty() && !pool.probe.empty() && pool.services.empty()) {
      problems.push_back(
          {pool.line, fmt::format("pool.{}: list its services; they can only be learned where "
                                  "the probe is @action_interface",
                                  pool.name)});
    }
  }
  check_calls(config, problems);
  check_databases(config, problems);
  return problems;
}

}  // namespace understudy::app
