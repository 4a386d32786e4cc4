#include "app/admin/lane_status.hpp"

#include <algorithm>
#include <utility>

namespace understudy::app {
namespace {

using core::server_state;

// From best to worst. What an operator did is no disagreement, and outranks what was found out.
int badness(server_state state) {
  switch (state) {
    case server_state::up:
      return 0;
    case server_state::returning:
      return 1;
    case server_state::suspect:
      return 2;
    case server_state::down:
      return 3;
    case server_state::drained:
      return 4;
  }
  return 0;
}

void see(server_view& server, server_state state) {
  ++server.lanes.at(static_cast<std::size_t>(state));
}

void add(server_view& to, const server_view& from) {
  see(to, from.state);
  if (badness(from.state) > badness(to.state)) {
    to.state = from.state;
    to.since = from.since;
  }
  to.share = std::min(to.share, from.share);
  to.in_flight += from.in_flight;
  to.attempts += from.attempts;
  to.failures += from.failures;
  to.limit += from.limit;
  for (const std::string& method : from.methods_away) {
    if (std::ranges::find(to.methods_away, method) == to.methods_away.end()) {
      to.methods_away.push_back(method);
    }
  }
}

void add(pool_status& to, pool_status from) {
  to.parked += from.parked;
  to.queued += from.queued;
  for (std::string& service : from.services) {
    if (std::ranges::find(to.services, service) == to.services.end()) {
      to.services.push_back(std::move(service));
    }
  }
  for (server_view& server : from.servers) {
    const auto same = std::ranges::find_if(to.servers, [&](const server_view& one) {
      return one.options.address == server.options.address;
    });
    if (same != to.servers.end()) {
      add(*same, server);
    } else {
      see(server, server.state);
      to.servers.push_back(std::move(server));
    }
  }
}

}  // namespace

std::vector<pool_status> add_up(std::vector<std::vector<pool_status>> lanes) {
  std::vector<pool_status> all = std::move(lanes.front());
  if (lanes.size() == 1) return all;
  for (pool_status& pool : all) {
    for (server_view& server : pool.servers) see(server, server.state);
  }
  for (std::size_t i = 1; i < lanes.size(); ++i) {
    for (pool_status& pool : lanes[i]) {
      const auto same = std::ranges::find(all, pool.name, &pool_status::name);
      if (same != all.end()) add(*same, std::move(pool));
    }
  }
  for (pool_status& pool : all) {
    for (server_view& server : pool.servers) {
      const auto here = server.lanes.at(static_cast<std::size_t>(server.state));
      if (here == lanes.size()) server.lanes = {};
    }
  }
  return all;
}

}  // namespace understudy::app
