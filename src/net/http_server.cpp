#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <stdexcept>
#include <unordered_map>

#include "net/address.hpp"
#include "net/http_connection.hpp"
#include "net/http_event_stream.hpp"
#include "net/listen.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// Connections over the limit are told so; of these, too, only so many at a time.
constexpr std::size_t refused_max = 64;
// An accept that fails (no file descriptor left) is tried again, but not in a busy loop.
constexpr std::chrono::milliseconds accept_pause{50};

struct session {
  std::unique_ptr<http_connection> connection;
  std::shared_ptr<http_event_stream> events;  // while it streams
};

// Outlives the server's handle as long as a connection is open.
struct state {
  asio::any_io_executor executor;
  http_limits limits;
  http_handler handler;
  tcp::acceptor acceptor;
  std::string address;
  std::unordered_map<session*, std::shared_ptr<session>> sessions;
  std::atomic<std::size_t> open = 0;
  std::size_t refused = 0;
  bool stopping = false;

  state(asio::any_io_executor on, http_limits limited, http_handler handled)
      : executor(on), limits(limited), handler(std::move(handled)), acceptor(on) {}
};
using state_ptr = std::shared_ptr<state>;

asio::awaitable<http_response> answer(const state& server, http_request request) {
  try {
    co_return co_await server.handler(std::move(request));
  } catch (const std::exception& e) {
    co_return http_error(500, std::string("The request failed inside the server: ") + e.what());
  }
}

asio::awaitable<void> stream_events(const state& server, session& self) {
  auto events = self.events;
  self.connection->watch_peer([events] { events->close(); });
  std::string bytes;
  while (co_await events->next(bytes, server.limits.event_heartbeat)) {
    if (bytes.empty()) bytes = ":\n\n";  // a comment: a dead peer is found by writing to it
    const bool written = co_await self.connection->write(bytes, std::string_view());
    if (!written) break;
  }
}

asio::awaitable<bool> serve_one(state& server, session& self, const std::string& peer) {
  auto read = co_await self.connection->read();
  if (std::holds_alternative<http_closed>(read)) co_return false;
  if (const auto* refusal = std::get_if<http_refusal>(&read)) {
    const auto response = http_error(refusal->status, refusal->sentence);
    const auto head = format_http_head(response, false);
    const bool written = co_await self.connection->write(head, response.body);
    if (written) co_await self.connection->linger();
    co_return false;
  }
  auto& incoming = std::get<http_incoming>(read);
  incoming.request.peer = peer;
  const bool is_head = incoming.request.method == "HEAD";
  auto response = co_await answer(server, std::move(incoming.request));
  self.events = is_head ? nullptr : response.events;
  const bool keep_alive = incoming.keep_alive && !server.stopping && !response.events;
  const auto head = format_http_head(response, keep_alive);
  const bool bodyless = is_head || response.status == 204;
  bool written = co_await self.connection->write(
      head, bodyless ? std::string_view() : std::string_view(response.body));
  if (self.events) {
    if (server.stopping) self.events->close();
    if (written) co_await stream_events(server, self);
  }
  if (response.events) response.events->finished();
  if (written && !keep_alive) co_await self.connection->linger();
  co_return written&& keep_alive;
}

asio::awaitable<void> serve(state_ptr server, std::shared_ptr<session> self, std::string peer) {
  bool more = true;
  while (more) more = co_await serve_one(*server, *self, peer);
  self->connection->close();
  server->sessions.erase(self.get());
  server->open = server->sessions.size();
}

asio::awaitable<void> refuse(state_ptr server, std::shared_ptr<session> self) {
  auto response = http_error(503, "Too many connections are open: retry later.");
  response.headers.emplace_back("Retry-After", "1");
  const auto head = format_http_head(response, false);
  const bool written = co_await self->connection->write(head, response.body);
  if (written) co_await self->connection->linger();
  self->connection->close();
  --server->refused;
}

void take(const state_ptr& server, tcp::socket socket) {
  const auto peer = peer_of(socket);
  if (peer.empty()) return;
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  auto self = std::make_shared<session>();
  self->connection = http_connection::make(std::move(socket), server->limits);
  if (server->sessions.size() < server->limits.connections_max) {
    server->sessions.emplace(self.get(), self);
    server->open = server->sessions.size();
    asio::co_spawn(server->executor, serve(server, std::move(self), peer), asio::detached);
  } else if (server->refused < refused_max) {
    ++server->refused;
    asio::co_spawn(server->executor, refuse(server, std::move(self)), asio::detached);
  }  // else: closed without a word
}

asio::awaitable<void> accept_loop(state_ptr server) {
  asio::steady_timer pause(server->executor);
  while (server->acceptor.is_open()) {
    auto [error, socket] =
        co_await server->acceptor.async_accept(asio::as_tuple(asio::use_awaitable));
    if (!server->acceptor.is_open()) break;
    if (!error) {
      take(server, std::move(socket));
      continue;
    }
    pause.expires_after(accept_pause);
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

class server_handle final : public http_server {
 public:
  explicit server_handle(state_ptr state) : state_(std::move(state)) {}

  ~server_handle() override {
    stop();
    for (const auto& [key, session] : state_->sessions) session->connection->close();
  }

  void listen(const std::string& address) override {
    state_->acceptor = listen_on(state_->executor, address);
    state_->address = format_endpoint(state_->acceptor.local_endpoint());
    asio::co_spawn(state_->executor, accept_loop(state_), asio::detached);
  }

  [[nodiscard]] std::string address() const override { return state_->address; }

  void stop() override {
    state_->stopping = true;
    boost::system::error_code ignored;
    state_->acceptor.close(ignored);
    for (const auto& [key, session] : state_->sessions) {
      if (session->events) session->events->close();
      if (session->connection->resting()) session->connection->close();
    }
  }

  [[nodiscard]] std::size_t connections() const override { return state_->open; }

 private:
  state_ptr state_;
};

}  // namespace

std::unique_ptr<http_server> http_server::make(asio::any_io_executor executor, http_limits limits,
                                               http_handler handler) {
  return std::make_unique<server_handle>(
      std::make_shared<state>(std::move(executor), limits, std::move(handler)));
}

}  // namespace understudy::net
