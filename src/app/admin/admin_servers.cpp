#include "app/admin/admin_servers.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <variant>

#include "net/address.hpp"
#include "wire/json_text.hpp"

namespace understudy::app {
namespace {

using net::http_error;
using net::http_response;

struct server_path {
  std::string_view pool;
  std::string_view address;
  std::string_view action;  // "", "drain", "resume"
};

std::optional<server_path> read_path(std::string_view path) {
  path.remove_prefix(servers_path.size());
  server_path out;
  const auto slash = std::min(path.find('/'), path.size());
  out.pool = path.substr(0, slash);
  path.remove_prefix(std::min(slash + 1, path.size()));
  out.address = path;
  for (const std::string_view action : {"drain", "resume"}) {
    const auto bytes = action.size() + 1;
    if (path.size() <= bytes || !path.ends_with(action) || path[path.size() - bytes] != '/')
      continue;
    out.address = path.substr(0, path.size() - bytes);
    out.action = action;
  }
  // An address with a "/" is a URL; it may well be percent-encoded.
  const bool is_url = out.address.find('/') != std::string_view::npos;
  if (out.pool.empty() || out.address.empty()) return std::nullopt;
  if (is_url && !net::split_server_address(out.address)) return std::nullopt;
  return out;
}

struct registration {
  core::server_options server;
  std::chrono::milliseconds ttl{30000};
};

// A whole number that a member of type `Whole` can hold.
template <typename Whole>
std::optional<Whole> whole(std::string_view raw) {
  const auto number = wire::decode_int(raw);
  if (!number || !std::in_range<Whole>(*number)) return std::nullopt;
  return static_cast<Whole>(*number);
}

std::optional<double> real(std::string_view raw) {
  double out = 0;
  const auto* end = raw.data() + raw.size();
  const auto read = std::from_chars(raw.data(), end, out);
  if (wire::kind_of(raw) != wire::json_kind::number || read.ec != std::errc() || read.ptr != end) {
    return std::nullopt;
  }
  return out;
}

// Takes one member into `into`; a sentence where it cannot.
std::optional<std::string> take(const wire::json_member& member, registration& into) {
  if (wire::key_is(member, "priority")) {
    const auto value = whole<unsigned>(member.value);
    if (!value) return "priority is a whole number, 0 for the primary.";
    into.server.priority = *value;
  } else if (wire::key_is(member, "weight")) {
    const auto value = real(member.value);
    if (!value) return "weight is a number.";
    into.server.weight = *value;
  } else if (wire::key_is(member, "ttl_ms")) {
    const auto value = whole<std::uint32_t>(member.value);
    if (!value) return "ttl_ms is a whole number of milliseconds.";
    into.ttl = std::chrono::milliseconds(*value);
  } else if (wire::key_is(member, "zone")) {
    return "zone has no meaning yet: leave it out.";
  } else {
    return "\"" + wire::key_text(member) +
           "\" is unknown: a server has priority, weight and "
           "ttl_ms.";
  }
  return std::nullopt;
}

std::variant<registration, std::string> read_registration(std::string_view address,
                                                          std::string_view body) {
  registration out;
  out.server.address = address;
  if (body.empty()) return out;
  wire::member_reader reader(body);
  std::optional<std::string> wrong;
  for (wire::json_member member; reader.next(member);) {
    if (!wrong) wrong = take(member, out);
  }
  if (!reader.valid() || wire::kind_of(body) != wire::json_kind::object) {
    return "The body is a JSON object: {\"priority\":1,\"weight\":1,\"ttl_ms\":30000}.";
  }
  if (wrong) return *std::move(wrong);
  return out;
}

}  // namespace

std::string_view server_methods(std::string_view path) {
  const auto read = read_path(path);
  if (!read) return {};
  return read->action.empty() ? "PUT, DELETE" : "POST";
}

boost::asio::awaitable<http_response> change_server(administration& gateway,
                                                    const net::http_request& request) {
  const auto path = read_path(request.path);
  if (!path)
    co_return http_error(404, "Write /servers/POOL/HOST:PORT, or that with /drain, /resume.");
  const auto pools = co_await gateway.status();
  if (std::ranges::none_of(pools, [&](const auto& one) { return one.name == path->pool; })) {
    co_return http_error(404, "There is no pool \"" + std::string(path->pool) + "\".");
  }
  const std::string pool(path->pool);
  const std::string address(path->address);
  router::refusal refused;
  if (request.method == "PUT") {
    const auto read = read_registration(path->address, request.body);
    if (const auto* wrong = std::get_if<std::string>(&read)) co_return http_error(400, *wrong);
    const auto& given = std::get<registration>(read);
    refused = co_await gateway.put_server(pool, given.server, given.ttl);
  } else if (request.method == "DELETE") {
    refused = co_await gateway.remove_server(pool, address);
  } else if (path->action == "drain") {
    refused = co_await gateway.drain(pool, address);
  } else {
    refused = co_await gateway.resume(pool, address);
  }
  if (refused) co_return http_error(refused->unknown ? 404 : 409, refused->sentence);
  http_response response;
  response.body = "{\"done\":true}\n";
  co_return response;
}

}  // namespace understudy::app
