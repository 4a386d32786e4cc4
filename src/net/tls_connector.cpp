#include "net/tls_connector.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "net/tls_handshake.hpp"
#include "net/tls_relay.hpp"

namespace understudy::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

asio::awaitable<error_code> connect_plain(tcp::socket& socket, tcp::endpoint server,
                                          core::time_point deadline) {
  asio::steady_timer limit(socket.get_executor(), deadline);
  const auto watched = std::make_shared<tcp::socket*>(&socket);
  const auto late = std::make_shared<bool>(false);
  limit.async_wait([watched, late](error_code ec) {
    if (ec || *watched == nullptr) return;
    *late = true;
    error_code ignored;
    (*watched)->close(ignored);
  });
  auto [failed] = co_await socket.async_connect(server, asio::as_tuple(asio::use_awaitable));
  *watched = nullptr;
  if (*late) co_return asio::error::timed_out;
  if (!failed) socket.non_blocking(true, failed);
  if (!failed) socket.set_option(tcp::no_delay(true), failed);
  co_return failed;
}

}  // namespace

tls_connector::tls_connector(const tls_options& options)
    : options_(options), context_(make_connecting_context(options_)) {}

void tls_connector::reload() {
  auto next = make_connecting_context(options_);
  const std::lock_guard lock(mutex_);
  context_ = std::move(next);
}

tls_context tls_connector::context() const {
  const std::lock_guard lock(mutex_);
  return context_;
}

asio::awaitable<tls_connector::connected> tls_connector::connect(tcp::endpoint server,
                                                                 std::string host,
                                                                 core::time_point deadline,
                                                                 tcp::socket& plain) const {
  connected out;
  tcp::socket wire(plain.get_executor());
  out.error = co_await connect_plain(wire, server, deadline);
  if (out.error) co_return out;
  const std::string& name = options_.server_name;
  auto session =
      tls_session::connecting(context(), wire.native_handle(), name.empty() ? host : name);
  out.error = co_await shake_hands(wire, session, deadline);
  if (out.error) {
    out.why =
        out.error == asio::error::timed_out ? "no end of the handshake in time" : session.why();
    co_return out;
  }
  auto made = relay_tls(std::move(wire), std::move(session), [] {});
  if (made) {
    plain = std::move(*made);
  } else {
    out.error = asio::error::no_descriptors;
  }
  co_return out;
}

}  // namespace understudy::net
