#include "net/tls_handshake.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>

namespace understudy::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using step = tls_session::step;

asio::awaitable<error_code> shake_hands(tcp::socket& socket, tls_session& session,
                                        core::time_point deadline) {
  asio::steady_timer limit(socket.get_executor(), deadline);
  // The timer's handler may run after it was cancelled, and the socket's owner may be gone then.
  const auto watched = std::make_shared<tcp::socket*>(&socket);
  const auto late = std::make_shared<bool>(false);
  limit.async_wait([watched, late](error_code ec) {
    if (ec || *watched == nullptr) return;
    *late = true;
    error_code ignored;
    (*watched)->cancel(ignored);
  });
  step now = session.handshake();
  while (!*late && (now == step::wants_read || now == step::wants_write)) {
    const auto what = now == step::wants_read ? tcp::socket::wait_read : tcp::socket::wait_write;
    const auto [failed] = co_await socket.async_wait(what, asio::as_tuple(asio::use_awaitable));
    if (failed) break;
    now = session.handshake();
  }
  *watched = nullptr;
  if (*late) co_return asio::error::timed_out;
  co_return now == step::done ? error_code() : error_code(asio::error::connection_aborted);
}

}  // namespace understudy::net
