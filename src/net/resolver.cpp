#include "net/resolver.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <memory>
#include <utility>

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

std::optional<std::uint16_t> port_number(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

/// Outlives the one who waits: a lookup cannot be cut short.
struct lookup {
  explicit lookup(const asio::any_io_executor& executor) : resolver(executor), timer(executor) {}
  tcp::resolver resolver;
  asio::steady_timer timer;
  bool done = false;
  resolved result;
};

}  // namespace

std::optional<host_port> split_address(std::string_view address) {
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos || !port_number(address.substr(colon + 1))) {
    return std::nullopt;
  }
  auto host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (host.empty()) return std::nullopt;
  return host_port{std::string(host), std::string(address.substr(colon + 1))};
}

std::optional<tcp::endpoint> numeric_endpoint(const host_port& address) {
  boost::system::error_code ec;
  const auto ip = asio::ip::make_address(address.host, ec);
  const auto port = port_number(address.port);
  if (ec || !port) return std::nullopt;
  return tcp::endpoint(ip, *port);
}

std::string format_endpoint(const tcp::endpoint& endpoint) {
  const auto ip = endpoint.address().to_string();
  const auto port = std::to_string(endpoint.port());
  return endpoint.address().is_v6() ? "[" + ip + "]:" + port : ip + ":" + port;
}

asio::awaitable<resolved> resolve(asio::any_io_executor executor, host_port address,
                                  core::time_point deadline) {
  const auto state = std::make_shared<lookup>(executor);
  state->resolver.async_resolve(
      address.host, address.port,
      [state](boost::system::error_code ec, const tcp::resolver::results_type& found) {
        state->result.error = ec;
        for (const auto& entry : found) {
          state->result.endpoints.push_back(entry.endpoint());
        }
        state->done = true;
        state->timer.cancel();
      });
  state->timer.expires_at(deadline);
  co_await state->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (!state->done) {
    // One that has not begun yet is not begun: while the resolver hangs they would pile up.
    state->resolver.cancel();
    resolved late;
    late.error = asio::error::timed_out;
    co_return late;
  }
  auto& endpoints = state->result.endpoints;
  std::sort(endpoints.begin(), endpoints.end());
  endpoints.erase(std::unique(endpoints.begin(), endpoints.end()), endpoints.end());
  co_return std::move(state->result);
}

}  // namespace understudy::net
