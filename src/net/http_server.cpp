#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <stdexcept>
#include <unordered_map>

#include "net/address.hpp"
#include "net/http_connection.hpp"
#include "net/http_event_stream.hpp"
#include "net/listen.hpp"
#include "net/outbox.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// Connections over the limit are told so; of these, too, only so many at a time.
constexpr std::size_t refused_max = 64;
// An accept that fails (no file descriptor left) is tried again, but not in a busy loop.
constexpr std::chrono::milliseconds accept_pause{50};
// To copy a small body behind its head costs less than to have the kernel gather both.
constexpr std::size_t joined_bytes_max = 16384;
constexpr std::size_t kept_bytes = 4096;

struct session {
  std::unique_ptr<http_connection> connection;
  std::shared_ptr<http_event_stream> events;  // while it streams
};

// What the lanes of a server share.
struct shared_counts {
  std::atomic<std::size_t> open = 0;  // with those on their way to their lane
  std::atomic<std::size_t> refused = 0;
};

// A lane's part. Outlives the server's handle as long as a connection is open.
struct state {
  asio::any_io_executor executor;
  http_handler handler;
  http_limits limits;
  std::shared_ptr<shared_counts> counts;
  std::unordered_map<session*, std::shared_ptr<session>> sessions;
  bool stopping = false;
};
using state_ptr = std::shared_ptr<state>;

/// Writes a response, head and body. False: the connection is lost.
asio::awaitable<bool> write(http_connection& to, std::string_view head, std::string_view body) {
  if (!to.write_now(head, body)) co_await to.write_rest(head, body);
  co_return !to.lost();
}

/// The same, as the last thing that is said.
asio::awaitable<void> write_last(http_connection& to, const http_response& response) {
  std::string head;
  append_http_head(head, response, false);
  const bool written = co_await write(to, head, response.body);
  if (written) co_await to.linger();
}

asio::awaitable<void> stream_events(const state& server, session& self) {
  auto events = self.events;
  self.connection->watch_peer([events] { events->close(); });
  std::string bytes;
  while (co_await events->next(bytes, server.limits.event_heartbeat)) {
    if (bytes.empty()) bytes = ":\n\n";  // a comment: a dead peer is found by writing to it
    const bool written = co_await write(*self.connection, bytes, std::string_view());
    if (!written) break;
  }
}

/// After the last answer of a connection, which may be a stream.
asio::awaitable<void> end_last(state& server, session& self, http_response& response) {
  if (self.events) {
    if (server.stopping) self.events->close();
    if (!self.connection->lost()) co_await stream_events(server, self);
  }
  if (response.events) response.events->finished();
  if (!self.connection->lost()) co_await self.connection->linger();
}

/// Writes head and body into `out`, but a large body, which is returned.
std::string_view format(std::string& out, const http_response& response, bool bodyless,
                        bool keep_alive) {
  out.clear();
  append_http_head(out, response, keep_alive);
  if (bodyless) return {};
  if (response.body.size() > joined_bytes_max) return response.body;
  out += response.body;
  return {};
}

/// A connection that rests keeps little of what its last request took.
void give_back(std::string& text) {
  if (text.capacity() > kept_bytes) std::string().swap(text);  // to assign would keep the memory
}

asio::awaitable<void> serve(state_ptr server, std::shared_ptr<session> self, std::string peer) {
  auto& connection = *self->connection;
  auto& sends = outbox::of(server->executor);
  http_incoming incoming;
  std::string out;
  for (bool more = true; more;) {
    const auto how = co_await connection.read(incoming);
    if (how == http_read::closed) break;
    http_response response;
    if (how == http_read::refused) {
      response = http_error(incoming.refusal.status, incoming.refusal.sentence);
      co_await write_last(connection, response);
      break;
    }
    incoming.request.peer = peer;
    try {
      response = co_await server->handler(incoming.request);
    } catch (const std::exception& e) {
      response = http_error(500, std::string("The request failed inside the server: ") + e.what());
    }
    co_await sends.turn();
    const bool is_head = incoming.request.method == "HEAD";
    const bool bodyless = is_head || response.status == 204 || response.events;
    const bool keep_alive = incoming.keep_alive && !server->stopping && !response.events;
    const auto rest = format(out, response, bodyless, keep_alive);
    self->events = is_head ? nullptr : response.events;
    if (!connection.write_now(out, rest)) co_await connection.write_rest(out, rest);
    give_back(incoming.request.body);
    give_back(out);
    if (!keep_alive) co_await end_last(*server, *self, response);
    more = keep_alive && !connection.lost();
  }
  connection.close();
  server->sessions.erase(self.get());
  --server->counts->open;
}

asio::awaitable<void> refuse(state_ptr server, std::shared_ptr<session> self) {
  auto response = http_error(503, "Too many connections are open: retry later.");
  response.headers.emplace_back("Retry-After", "1");
  co_await write_last(*self->connection, response);
  self->connection->close();
  --server->counts->refused;
}

// On the lane's own thread.
void take(const state_ptr& server, tcp::socket socket, bool refused) {
  auto& count = refused ? server->counts->refused : server->counts->open;
  const auto peer = peer_of(socket);
  if (peer.empty() || server->stopping) {
    --count;
    return;
  }
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  auto self = std::make_shared<session>();
  self->connection = http_connection::make(std::move(socket), server->limits);
  if (refused) {
    asio::co_spawn(server->executor, refuse(server, std::move(self)), asio::detached);
  } else {
    server->sessions.emplace(self.get(), self);
    asio::co_spawn(server->executor, serve(server, std::move(self), peer), asio::detached);
  }
}

void hand_over(const state_ptr& lane, tcp::socket socket) {
  const bool refused = ++lane->counts->open > lane->limits.connections_max;
  if (refused) {
    --lane->counts->open;
    if (++lane->counts->refused > refused_max) {
      --lane->counts->refused;
      return;  // closed without a word
    }
  }
  asio::dispatch(lane->executor, [lane, refused, accepted = std::move(socket)]() mutable {
    take(lane, std::move(accepted), refused);
  });
}

asio::awaitable<void> accept_loop(std::shared_ptr<tcp::acceptor> acceptor,
                                  std::vector<state_ptr> lanes) {
  asio::steady_timer pause(acceptor->get_executor());
  for (std::size_t turn = 0; acceptor->is_open();) {
    const auto& lane = lanes[turn++ % lanes.size()];
    auto [error, socket] =
        co_await acceptor->async_accept(lane->executor, asio::as_tuple(asio::use_awaitable));
    if (!acceptor->is_open()) break;
    if (!error) {
      hand_over(lane, std::move(socket));
      continue;
    }
    pause.expires_after(accept_pause);
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

void end_resting(state& lane) {
  lane.stopping = true;
  for (const auto& [key, session] : lane.sessions) {
    if (session->events) session->events->close();
    if (session->connection->resting()) session->connection->close();
  }
}

class server_handle final : public http_server {
 public:
  server_handle(std::vector<http_lane> lanes, http_limits limits) {
    const auto counts = std::make_shared<shared_counts>();
    for (http_lane& lane : lanes) {
      lanes_.push_back(std::make_shared<state>(
          state{std::move(lane.executor), std::move(lane.handler), limits, counts, {}, false}));
    }
    acceptor_ = std::make_shared<tcp::acceptor>(lanes_.front()->executor);
  }

  ~server_handle() override {
    close_acceptor();
    for (const auto& lane : lanes_) {
      end_resting(*lane);
      for (const auto& [key, session] : lane->sessions) session->connection->close();
    }
  }

  void listen(const std::string& address) override {
    *acceptor_ = listen_on(acceptor_->get_executor(), address);
    address_ = format_endpoint(acceptor_->local_endpoint());
    asio::co_spawn(acceptor_->get_executor(), accept_loop(acceptor_, lanes_), asio::detached);
  }

  [[nodiscard]] std::string address() const override { return address_; }

  void stop() override {
    close_acceptor();
    end_resting(*lanes_.front());
    for (std::size_t i = 1; i < lanes_.size(); ++i) {
      asio::post(lanes_[i]->executor, [lane = lanes_[i]] { end_resting(*lane); });
    }
  }

  [[nodiscard]] std::size_t connections() const override { return lanes_.front()->counts->open; }

 private:
  void close_acceptor() {
    boost::system::error_code ignored;
    acceptor_->close(ignored);
  }

  std::vector<state_ptr> lanes_;
  std::shared_ptr<tcp::acceptor> acceptor_;
  std::string address_;
};

}  // namespace

std::unique_ptr<http_server> http_server::make(std::vector<http_lane> lanes, http_limits limits) {
  return std::make_unique<server_handle>(std::move(lanes), limits);
}

std::unique_ptr<http_server> http_server::make(asio::any_io_executor executor, http_limits limits,
                                               http_handler handler) {
  std::vector<http_lane> lanes;
  lanes.push_back({std::move(executor), std::move(handler)});
  return make(std::move(lanes), limits);
}

}  // namespace understudy::net
