#include "app/admin/status_json.hpp"

#include <algorithm>

#include "app/common/json_out.hpp"
#include "app/gateway/server_state.hpp"

namespace understudy::app {
namespace {

std::int64_t unix_ms(core::time_point at) {
  const auto ago = core::time_point::clock::now() - at;
  const auto then = std::chrono::system_clock::now().time_since_epoch() - ago;
  return std::chrono::duration_cast<std::chrono::milliseconds>(then).count();
}

void append_server(std::string& out, const server_view& server) {
  json_object object(out);
  object.text("address", server.options.address);
  object.text("state", name_of(server.state));
  object.number("priority", server.options.priority);
  object.number("weight", server.options.weight);
  object.number("in_flight", server.in_flight);
  object.number("limit", server.limit);
  object.number("attempts", server.attempts);
  object.number("failures", server.failures);
  object.number("share", server.share);
  object.number("since_ms", unix_ms(server.since));
  if (std::ranges::count(server.lanes, 0U) == std::ssize(server.lanes)) return;
  json_object lanes(object.key("lanes"));
  for (std::size_t i = 0; i < server.lanes.size(); ++i) {
    if (server.lanes.at(i) > 0) lanes.number(server_states.at(i), server.lanes.at(i));
  }
}

bool takes_calls(core::server_state state) {
  return state != core::server_state::down && state != core::server_state::drained;
}

void append_pool(std::string& out, const pool_status& pool) {
  json_object object(out);
  object.text("name", pool.name);
  object.text("listen", pool.listen);
  {
    json_array services(object.key("services"));
    for (const auto& service : pool.services) services.text(service);
  }
  object.number("parked", pool.parked);
  object.number("queued", pool.queued);
  json_array servers(object.key("servers"));
  for (const auto& server : pool.servers) append_server(servers.element(), server);
}

}  // namespace

std::string to_json(const gateway_status& status) {
  std::string out;
  {
    json_object object(out);
    object.text("version", status.version);
    object.number("uptime_ms", status.uptime.count());
    object.raw("draining", status.draining ? "true" : "false");
    {
      json_array listeners(object.key("listeners"));
      for (const auto& one : status.listeners) {
        json_object listener(listeners.element());
        listener.text("name", one.name);
        listener.text("address", one.address);
        listener.number("connections", one.connections);
      }
    }
    {
      json_array pools(object.key("pools"));
      for (const auto& pool : status.pools) append_pool(pools.element(), pool);
    }
    json_array events(object.key("events"));
    for (const auto& e : status.events) events.element() += to_json(e);
  }
  return out + '\n';
}

bool usable(const pool_status& pool) {
  return std::ranges::any_of(pool.servers, [](const server_view& server) {
    if (takes_calls(server.state)) return true;
    for (std::size_t i = 0; i < server.lanes.size(); ++i) {
      if (server.lanes.at(i) > 0 && takes_calls(static_cast<core::server_state>(i))) return true;
    }
    return false;
  });
}

}  // namespace understudy::app
