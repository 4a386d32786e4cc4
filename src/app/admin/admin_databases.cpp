#include "app/admin/admin_databases.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <optional>
#include <string>
#include <utility>

#include "app/admin/admin_database_jobs.hpp"
#include "app/common/json_out.hpp"
#include "app/database/database_json.hpp"

namespace understudy::app {

namespace {

namespace json = boost::json;
using net::http_error;
using net::http_response;

constexpr std::array<std::string_view, 9> orders{"bootstrap", "adopt",       "switchover",
                                                 "takeover",  "maintenance", "rejoin",
                                                 "clone",     "add-node",    "remove-node"};

constexpr std::string_view verify_name = "verify";
constexpr std::string_view job_name = "job";
constexpr std::string_view rotation_name = "rotate-password";

struct database_path {
  std::string name;   // empty: all
  std::string order;  // empty: none
};

std::optional<database_path> read_path(std::string_view path) {
  path.remove_prefix(databases_path.size());
  if (path.empty()) return database_path{};
  path.remove_prefix(1);
  const auto slash = path.find('/');
  database_path out;
  out.name = path.substr(0, slash);
  if (slash != std::string_view::npos) {
    out.order = path.substr(slash + 1);
    const std::string_view order = out.order;
    const bool known = std::ranges::find(orders, order) != orders.end();
    const bool works = order == verify_name || order == job_name || order == rotation_name;
    if (!known && !works) return std::nullopt;
  }
  return out.name.empty() ? std::nullopt : std::optional(out);
}

// What an order's body says; each may be left out.
struct wishes {
  std::optional<core::node_id> node;  // "primary", "to" or "node"
  core::node_id donor{};
  std::optional<bool> on;
  std::string file;
  bool finish = false;
  std::string wrong;
};

wishes read_wishes(const std::string& body) {
  wishes out;
  if (body.empty()) return out;
  boost::system::error_code broken;
  const json::value read = json::parse(body, broken);
  if (broken || !read.is_object()) {
    out.wrong = "The body is a JSON object, such as {\"to\":2}.";
    return out;
  }
  for (const auto& [name, value] : read.get_object()) {
    if (name == "primary" || name == "to" || name == "node" || name == "donor") {
      const std::int64_t number = value.is_int64() ? value.get_int64() : 0;
      if (number < 1 || number > core::node_number_max) {
        out.wrong = fmt::format("\"{}\" is a node's number.", std::string_view(name));
      }
      const core::node_id node{static_cast<std::uint16_t>(number)};
      if (name == "donor") {
        out.donor = node;
      } else {
        out.node = node;
      }
    } else if (name == "file" && value.is_string() && value.get_string().starts_with('/')) {
      out.file = value.get_string();
    } else if (name == "finish" && value.is_bool()) {
      out.finish = value.get_bool();
    } else if (name == "on" && value.is_bool()) {
      out.on = value.get_bool();
    } else {
      out.wrong = fmt::format("\"{}\" is not known here.", std::string_view(name));
    }
  }
  return out;
}

http_response document(std::string body, int status = 200) {
  http_response response;
  response.status = status;
  response.body = std::move(body) + "\n";
  return response;
}

// The first of the nodes is the first primary where none is named.
core::order founding(const database& of, std::optional<core::node_id> primary, bool adopt) {
  core::bootstrap_order order;
  order.nodes = of.entries();
  order.primary = primary.value_or(order.nodes.front().id);
  order.adopt = adopt;
  return order;
}

core::add_node_order addition(const database& of, core::node_id node) {
  for (core::node_entry& each : of.entries()) {
    if (each.id == node) return {each};
  }
  return {};
}

// Nothing: what it needs is not there.
std::optional<databases::order_maker> order_of(const std::string& name, const wishes& wish) {
  using maker = databases::order_maker;
  if (name == "bootstrap") {
    return maker([node = wish.node](const database& of) { return founding(of, node, false); });
  }
  const auto as_is = [](core::order what) {
    return maker([what](const database&) { return what; });
  };
  if (name == "switchover") {
    return as_is(core::switchover_order{wish.node.value_or(core::node_id{})});
  }
  if (name == "takeover") return as_is(core::takeover_order{});
  if (name == "maintenance") {
    return wish.on ? std::optional(as_is(core::maintenance_order{*wish.on})) : std::nullopt;
  }
  if (!wish.node) return std::nullopt;
  const core::node_id node = *wish.node;
  if (name == "adopt") {
    return maker([node](const database& of) { return founding(of, node, true); });
  }
  if (name == "add-node") return maker([node](const database& of) { return addition(of, node); });
  if (name == "remove-node") return as_is(core::remove_node_order{node});
  if (name == "rejoin") return as_is(core::rejoin_order{node});
  return as_is(core::clone_order{node, wish.donor});
}

boost::asio::awaitable<http_response> tell_all(std::shared_ptr<databases> all, std::string name) {
  const auto known = co_await all->status();
  std::string body;
  if (name.empty()) {
    {
      json_array list(body);
      for (const database_status& each : known) append_json(list.element(), each);
    }
    co_return document(std::move(body));
  }
  const auto found = std::ranges::find(known, name, &database_status::name);
  if (found == known.end()) co_return http_error(404, "There is no database \"" + name + "\".");
  append_json(body, *found);
  co_return document(std::move(body));
}

}  // namespace

std::string_view database_methods(std::string_view path) {
  const auto read = read_path(path);
  if (!read) return {};
  if (read->order == job_name) return "GET, HEAD, DELETE";
  return read->order.empty() ? "GET, HEAD" : "POST";
}

boost::asio::awaitable<http_response> serve_databases(std::shared_ptr<databases> all,
                                                      event_log& events,
                                                      const net::http_request& request) {
  const auto path = read_path(request.path);
  if (!path) co_return http_error(404, "Write /databases/NAME, or that with an order.");
  if (path->order.empty()) co_return co_await tell_all(all, path->name);
  if (path->order == job_name) {
    co_return co_await serve_job(all, path->name, request.method == "DELETE");
  }
  const wishes wish = read_wishes(request.body);
  if (!wish.wrong.empty()) co_return http_error(400, wish.wrong);
  if (path->order == rotation_name) {
    if (wish.file.empty() != wish.finish) {
      co_return http_error(400, "It needs {\"file\":\"/PATH\"} or {\"finish\":true}.");
    }
    co_return co_await start_rotation(all, path->name, wish.file);
  }
  if (path->order == verify_name) co_return co_await start_verify(all, path->name);
  auto order = order_of(path->order, wish);
  if (!order) {
    co_return http_error(400, path->order == "maintenance"
                                  ? "maintenance needs {\"on\":true} or {\"on\":false}."
                                  : "It needs a node: {\"node\":1}.");
  }
  const std::uint64_t after = events.last();
  if (path->order == "adopt") {
    const http_response fit = co_await check_adoption(all, path->name, *wish.node);
    if (fit.status != 200) co_return fit;
  }
  const auto refused = co_await all->ask(path->name, std::move(*order));
  if (!refused) co_return http_error(404, "There is no database \"" + path->name + "\".");
  if (!refused->empty()) co_return http_error(409, *refused);
  co_return document(fmt::format("{{\"asked\":true,\"after\":{}}}", after), 202);
}

}  // namespace understudy::app
