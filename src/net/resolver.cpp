#include "net/resolver.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

/// Outlives the one who waits: a lookup cannot be cut short.
struct lookup {
  explicit lookup(const asio::any_io_executor& executor) : resolver(executor), timer(executor) {}
  tcp::resolver resolver;
  asio::steady_timer timer;
  bool done = false;
  resolved result;
};

}  // namespace

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
