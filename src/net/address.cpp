#include "net/address.hpp"

#include <algorithm>
#include <charconv>

namespace understudy::net {
namespace {

using boost::asio::ip::tcp;

constexpr std::string_view http_scheme = "http://";
constexpr std::size_t http_target_bytes_max = 1024;

std::optional<std::uint16_t> port_number(std::string_view text) {
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || stop != end) return std::nullopt;
  return port;
}

}  // namespace

std::optional<host_port> split_address(std::string_view address, port_rule port) {
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const auto number = port_number(address.substr(colon + 1));
  if (!number || (*number == 0 && port == port_rule::given)) return std::nullopt;
  auto host = address.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.find_first_of("/@[] \t\r\n") != std::string_view::npos) return std::nullopt;
  if (!bracketed && host.find(':') != std::string_view::npos) return std::nullopt;
  return host_port{std::string(host), std::string(address.substr(colon + 1))};
}

std::optional<server_address> split_server_address(std::string_view address) {
  server_address out;
  if (address.starts_with(http_scheme)) {
    address.remove_prefix(http_scheme.size());
    const auto end = std::min(address.find('/'), address.size());
    const auto target = address.substr(end);
    const bool encoded = std::all_of(target.begin(), target.end(),
                                     [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
    if (!encoded || target.size() > http_target_bytes_max) return std::nullopt;
    out.http_target = target.empty() ? "/" : target;
    address = address.substr(0, end);
  }
  auto at = split_address(address);
  if (!at) return std::nullopt;
  out.at = *std::move(at);
  return out;
}

std::string format_server_address(const server_address& of, const tcp::endpoint& endpoint) {
  const auto at = format_endpoint(endpoint);
  return of.http_target.empty() ? at : std::string(http_scheme) + at + of.http_target;
}

std::optional<tcp::endpoint> numeric_endpoint(const host_port& address) {
  boost::system::error_code error;
  const auto ip = boost::asio::ip::make_address(address.host, error);
  const auto port = port_number(address.port);
  if (error || !port) return std::nullopt;
  return tcp::endpoint(ip, *port);
}

std::string format_endpoint(const tcp::endpoint& endpoint) {
  const auto ip = endpoint.address().to_string();
  const auto port = std::to_string(endpoint.port());
  return endpoint.address().is_v6() ? "[" + ip + "]:" + port : ip + ":" + port;
}

std::string peer_of(const tcp::socket& socket) {
  boost::system::error_code failed;
  const auto peer = socket.remote_endpoint(failed);
  return failed ? std::string() : format_endpoint(peer);
}

}  // namespace understudy::net
