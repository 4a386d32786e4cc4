#include "app/admin/admin.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "app/admin/admin_databases.hpp"
#include "app/admin/admin_events.hpp"
#include "app/admin/admin_servers.hpp"
#include "app/admin/already.hpp"
#include "app/calls/ask_store.hpp"
#include "app/calls/http_calls.hpp"
#include "app/gateway/http_rpc.hpp"

namespace understudy::app {
namespace {

namespace asio = boost::asio;
using net::http_error;
using net::http_request;
using net::http_response;

constexpr std::size_t recent_events = 20;

struct site {
  admin_parts parts;
  http_side side;
  event_subscribers subscribers;
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();

  site(admin_parts given, http_side which)
      : parts(std::move(given)), side(which), subscribers(parts.events) {}

  [[nodiscard]] bool draining() const { return parts.draining && parts.draining(); }
};

enum class endpoint : std::uint8_t {
  none,
  root,
  alive,
  ready,
  rpc,
  status,
  metrics,
  events,
  server,
  calls,
  databases
};

struct path_entry {
  std::string_view path;
  endpoint where;
  std::string_view methods;  // as the Allow header lists them
};

constexpr std::array paths{
    path_entry{"/", endpoint::root, "GET, HEAD"},
    path_entry{"/healthz", endpoint::alive, "GET, HEAD"},
    path_entry{"/readyz", endpoint::ready, "GET, HEAD"},
    path_entry{"/rpc", endpoint::rpc, "POST"},
    path_entry{"/status.json", endpoint::status, "GET, HEAD"},
    path_entry{"/metrics", endpoint::metrics, "GET, HEAD"},
    path_entry{"/events", endpoint::events, "GET, HEAD"},
};

path_entry find_path(std::string_view path) {
  for (const auto& one : paths) {
    if (one.path == path) return one;
  }
  if (path == calls_path || path.starts_with(std::string(calls_path) + "/")) {
    const auto methods = calls_methods(path);
    return {path, methods.empty() ? endpoint::none : endpoint::calls, methods};
  }
  if (path == databases_path || path.starts_with(std::string(databases_path) + "/")) {
    const auto methods = database_methods(path);
    return {path, methods.empty() ? endpoint::none : endpoint::databases, methods};
  }
  if (path.starts_with(servers_path)) return {path, endpoint::server, server_methods(path)};
  return {path, endpoint::none, {}};
}

bool served(endpoint where, http_side side) {
  switch (where) {
    case endpoint::root:
    case endpoint::alive:
    case endpoint::ready:
      return true;
    case endpoint::rpc:
      return side != http_side::admin;
    case endpoint::calls:
      return true;  // but see served_here()
    default:
      return side != http_side::calls;
  }
}

// Of the calls' paths callers have some, operators all.
bool served_here(endpoint where, const http_request& request, http_side side) {
  if (where != endpoint::calls) return served(where, side);
  return side != http_side::calls || !calls_administrative(request.path, request.method);
}

bool allows(std::string_view methods, std::string_view method) {
  for (std::size_t begin = 0; begin < methods.size();) {
    const auto end = std::min(methods.find(", ", begin), methods.size());
    if (methods.substr(begin, end - begin) == method) return true;
    begin = end + 2;
  }
  return false;
}

// A page of another site can make a browser send a POST without asking us first, with any body of
// the simple content types or none: browsers say where it comes from, other callers do not.
bool cross_site(const http_request& request) {
  if (request.method == "GET" || request.method == "HEAD") return false;
  const auto fetch_site = request.header("sec-fetch-site");
  if (!fetch_site.empty()) return fetch_site != "same-origin" && fetch_site != "none";
  auto origin = request.header("origin");
  if (origin.empty()) return false;
  const auto scheme = origin.find("://");
  return scheme == std::string_view::npos || origin.substr(scheme + 3) != request.header("host");
}

asio::awaitable<http_response> ready(const site& here) {
  if (here.draining()) co_return http_error(503, "The gateway is draining.");
  const auto pools = co_await here.parts.gateway.status();
  // Without pools it is there for its databases alone.
  const bool only_databases = pools.empty() && here.parts.databases;
  if (!only_databases && std::ranges::none_of(pools, usable)) {
    co_return http_error(503, "No pool has a usable server.");
  }
  http_response response;
  response.body = "{\"ready\":true}\n";
  co_return response;
}

http_response root(const site& here) {
  http_response response;
  response.content_type = "text/plain; charset=utf-8";
  response.body = "Understudy " + here.parts.version + ":";
  for (const auto& one : paths) {
    if (one.where != endpoint::root && served(one.where, here.side)) {
      response.body += ' ' + std::string(one.path);
    }
  }
  if (here.parts.desk) response.body += " /calls";
  if (here.parts.databases && served(endpoint::databases, here.side)) {
    response.body += " /databases";
  }
  if (served(endpoint::server, here.side)) response.body += " /servers/POOL/HOST:PORT";
  response.body += '\n';
  return response;
}

asio::awaitable<http_response> status(const site& here) {
  gateway_status now;
  now.version = here.parts.version;
  now.uptime = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - here.started);
  now.draining = here.draining();
  if (here.parts.listeners) now.listeners = here.parts.listeners();
  now.pools = co_await here.parts.gateway.status();
  for (auto& pool : now.pools) {
    // The configured port may be 0.
    const auto own =
        std::ranges::find(now.listeners, pool_listener_name(pool.name), &listener_status::name);
    if (own != now.listeners.end()) pool.listen = own->address;
  }
  now.events = here.parts.events.since(0);
  if (now.events.size() > recent_events) {
    now.events.erase(now.events.begin(), now.events.end() - recent_events);
  }
  http_response response;
  response.body = to_json(now);
  co_return response;
}

asio::awaitable<http_response> metrics_text(const site& here) {
  const auto counts = co_await here.parts.gateway.counts();
  const auto pools = co_await here.parts.gateway.status();
  std::vector<listener_status> listeners;
  if (here.parts.listeners) listeners = here.parts.listeners();
  http_response response;
  response.content_type = metrics_content_type;
  std::optional<store::store_counts> stored;
  if (const auto desk = here.parts.desk; desk && desk->store()) {
    const auto ask = [&](auto answered) { desk->store()->counts(std::move(answered)); };
    stored = co_await ask_store<store::store_counts>(desk->home(), ask);
  }
  response.body = here.parts.metrics.text(counts, pools, listeners, stored);
  co_return response;
}

http_response alive() {
  http_response response;
  response.body = "{\"alive\":true}\n";
  return response;
}

asio::awaitable<http_response> handle_at_home(std::shared_ptr<site> here, endpoint where,
                                              const http_request& request) {
  switch (where) {
    case endpoint::ready:
      co_return co_await ready(*here);
    case endpoint::status:
      co_return co_await status(*here);
    case endpoint::metrics:
      co_return co_await metrics_text(*here);
    case endpoint::calls:
      if (!here->parts.desk) {
        co_return http_error(403, "No call store is configured: add a section [calls].");
      }
      co_return co_await serve_calls(here->parts.desk, request);
    case endpoint::databases:
      if (!here->parts.databases) {
        co_return http_error(403, "No database is configured: add a section [database.NAME].");
      }
      co_return co_await serve_databases(here->parts.databases, here->parts.events, request);
    default:
      co_return co_await change_server(here->parts.gateway, request);
  }
}

asio::awaitable<http_response> answer_events(std::shared_ptr<site> here,
                                             const http_request& request) {
  co_return here->subscribers.answer(request, co_await asio::this_coro::executor);
}

/// Home may be another thread.
asio::awaitable<http_response> go_home(std::shared_ptr<site> here, endpoint where,
                                       const http_request& request) {
  auto work = handle_at_home(here, where, request);
  co_return co_await asio::co_spawn(here->parts.home, std::move(work), asio::use_awaitable);
}

asio::awaitable<http_response> handle(const std::shared_ptr<site>& here, router& routes,
                                      const http_request& request) {
  const auto found = find_path(request.path);
  if (found.where == endpoint::none || !served_here(found.where, request, here->side)) {
    return already(
        http_error(404, found.where == endpoint::none
                            ? "There is nothing at this path: GET / lists what is here."
                            : "This path is served by another address of this gateway."));
  }
  if (!found.methods.empty() && !allows(found.methods, request.method)) {
    auto response = http_error(405, "This path takes " + std::string(found.methods) + " only.");
    response.headers.emplace_back("Allow", found.methods);
    return already(std::move(response));
  }
  if (cross_site(request)) {
    return already(http_error(403, "Pages of other sites may not do this."));
  }
  switch (found.where) {
    case endpoint::rpc:
      return serve_rpc(routes, request);
    case endpoint::root:
      return already(root(*here));
    case endpoint::alive:
      return already(alive());
    case endpoint::events:
      return answer_events(here, request);
    default:
      return go_home(here, found.where, request);
  }
}

}  // namespace

http_handlers make_http_handlers(admin_parts parts, http_side side) {
  return [here = std::make_shared<site>(std::move(parts), side)](router& routes) {
    return [here, &routes](const http_request& request) { return handle(here, routes, request); };
  };
}

}  // namespace understudy::app
