#include "app/admin/admin_databases.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <optional>
#include <string>
#include <utility>

#include "app/common/json_out.hpp"
#include "app/database/database_json.hpp"

namespace understudy::app {

namespace {

namespace json = boost::json;
using net::http_error;
using net::http_response;

constexpr std::array<std::string_view, 5> orders{"bootstrap", "adopt", "switchover", "takeover",
                                                 "maintenance"};

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
    if (std::ranges::find(orders, std::string_view(out.order)) == orders.end()) return std::nullopt;
  }
  return out.name.empty() ? std::nullopt : std::optional(out);
}

// What an order's body says; each may be left out.
struct wishes {
  std::optional<core::node_id> node;  // "primary" or "to"
  std::optional<bool> on;
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
    if (name == "primary" || name == "to") {
      const std::int64_t number = value.is_int64() ? value.get_int64() : 0;
      if (number < 1 || number > core::node_number_max) {
        out.wrong = fmt::format("\"{}\" is a node's number.", std::string_view(name));
      }
      out.node = core::node_id{static_cast<std::uint16_t>(number)};
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

// Nothing: what it needs is not there.
std::optional<databases::order_maker> order_of(const std::string& name, const wishes& wish) {
  if (name == "bootstrap" || (name == "adopt" && wish.node)) {
    return [node = wish.node, adopt = name == "adopt"](const database& of) {
      return founding(of, node, adopt);
    };
  }
  if (name == "switchover") {
    return [to = wish.node.value_or(core::node_id{})](const database&) -> core::order {
      return core::switchover_order{to};
    };
  }
  if (name == "takeover") {
    return [](const database&) -> core::order { return core::takeover_order{}; };
  }
  if (name == "maintenance" && wish.on) {
    return [on = *wish.on](const database&) -> core::order { return core::maintenance_order{on}; };
  }
  return std::nullopt;
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
  return read->order.empty() ? "GET, HEAD" : "POST";
}

boost::asio::awaitable<http_response> serve_databases(std::shared_ptr<databases> all,
                                                      event_log& events,
                                                      const net::http_request& request) {
  const auto path = read_path(request.path);
  if (!path) co_return http_error(404, "Write /databases/NAME, or that with an order.");
  if (path->order.empty()) co_return co_await tell_all(all, path->name);
  const wishes wish = read_wishes(request.body);
  if (!wish.wrong.empty()) co_return http_error(400, wish.wrong);
  auto order = order_of(path->order, wish);
  if (!order) {
    co_return http_error(400, path->order == "adopt"
                                  ? "adopt needs the node that has the data: {\"primary\":1}."
                                  : "maintenance needs {\"on\":true} or {\"on\":false}.");
  }
  const std::uint64_t after = events.last();
  const auto refused = co_await all->ask(path->name, std::move(*order));
  if (!refused) co_return http_error(404, "There is no database \"" + path->name + "\".");
  if (!refused->empty()) co_return http_error(409, *refused);
  co_return document(fmt::format("{{\"asked\":true,\"after\":{}}}", after), 202);
}

}  // namespace understudy::app
