#include "net/frame_server.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "net/address.hpp"
#include "net/listen.hpp"
#include "net/server_connection.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;

constexpr auto awaited = asio::as_tuple(asio::use_awaitable);

constexpr milliseconds accept_pause{100};  // out of descriptors: do not burn a core
constexpr std::size_t refused_max = 256;   // told so at the same time; beyond: only closed

using lanes = std::vector<std::shared_ptr<server_lane>>;

// On the lane's own thread.
asio::awaitable<void> take_over_tls(std::shared_ptr<server_lane> lane, tcp::socket socket) {
  std::string peer = peer_of(socket);
  auto plain = co_await tls_acceptor::accept(lane->shared()->options.tls, std::move(socket));
  if (plain) lane->take(std::move(*plain), std::move(peer));
}

// Runs on the first lane's thread; ends when the acceptor is closed.
asio::awaitable<void> accept_connections(std::shared_ptr<tcp::acceptor> acceptor, lanes targets) {
  asio::steady_timer pause(acceptor->get_executor());
  for (std::size_t turn = 0; acceptor->is_open();) {
    const auto lane = targets[turn++ % targets.size()];
    auto [failed, socket] = co_await acceptor->async_accept(lane->context(), awaited);
    if (!failed && lane->shared()->options.tls) {
      asio::co_spawn(lane->context(), take_over_tls(lane, std::move(socket)), asio::detached);
    } else if (!failed) {
      lane->take(std::move(socket));
    } else if (failed != asio::error::connection_aborted && acceptor->is_open()) {
      pause.expires_after(accept_pause);
      (void)co_await pause.async_wait(awaited);
    }
  }
}

class listening_server : public frame_server {
 public:
  listening_server(std::vector<frame_lane> served, frame_server_options options)
      : shared_(std::make_shared<server_shared>()) {
    shared_->options = options;
    for (frame_lane& lane : served) {
      lanes_.push_back(
          std::make_shared<server_lane>(*lane.context, shared_, std::move(lane.make_handler)));
      asio::co_spawn(*lane.context, server_lane::keep_time(lanes_.back()), asio::detached);
    }
  }

  ~listening_server() override { listening_server::stop(); }

  void listen(const std::string& address) override {
    auto& context = lanes_.front()->context();
    auto acceptor = std::make_shared<tcp::acceptor>(
        listen_on(context.get_executor(), address, shared_->options.share_port));
    addresses_.push_back(format_endpoint(acceptor->local_endpoint()));
    acceptors_.push_back(acceptor);
    asio::co_spawn(context, accept_connections(std::move(acceptor), lanes_), asio::detached);
  }

  [[nodiscard]] std::vector<std::string> addresses() const override { return addresses_; }

  void drain() override {
    close_acceptors();
    for (const auto& lane : lanes_) asio::post(lane->context(), [lane] { lane->drain(); });
  }

  void stop() override {
    close_acceptors();
    for (const auto& lane : lanes_) asio::post(lane->context(), [lane] { lane->stop(); });
  }

  [[nodiscard]] std::size_t connections() const override {
    const auto& tls = shared_->options.tls;
    const std::size_t open = shared_->connections;
    return tls ? std::max(open, tls->carried()) : open;
  }

 private:
  void close_acceptors() {
    for (const auto& weak : acceptors_) {
      const auto acceptor = weak.lock();
      if (!acceptor) continue;
      asio::post(acceptor->get_executor(), [acceptor] {
        boost::system::error_code ignored;
        acceptor->close(ignored);
      });
    }
  }

  std::shared_ptr<server_shared> shared_;
  lanes lanes_;
  std::vector<std::weak_ptr<tcp::acceptor>> acceptors_;  // owned by their loops
  std::vector<std::string> addresses_;
};

}  // namespace

server_lane::server_lane(asio::io_context& context, std::shared_ptr<server_shared> shared,
                         frame_handler_factory make_handler)
    : context_(context), shared_(std::move(shared)), make_handler_(std::move(make_handler)) {
  const auto& options = shared_->options;
  const auto shortest =
      std::min({options.idle_timeout, options.frame_timeout, options.write_timeout});
  tick_ = std::clamp(shortest / 8, milliseconds{5}, milliseconds{250});
}

void server_lane::take(tcp::socket socket, std::string peer) {
  const bool refused = ++shared_->connections > shared_->options.connections_max;
  if (refused) {
    --shared_->connections;
    if (++shared_->refused > refused_max) {
      --shared_->refused;
      return;
    }
  }
  asio::post(context_, [self = shared_from_this(), refused, accepted = std::move(socket),
                        of = std::move(peer)]() mutable {
    self->start(std::move(accepted), refused, std::move(of));
  });
}

void server_lane::start(tcp::socket socket, bool refused, std::string peer) {
  if (stopped_ || draining_) {
    --(refused ? shared_->refused : shared_->connections);
    return;
  }
  auto connection = std::make_shared<server_connection>(std::move(socket), shared_from_this(),
                                                        refused, std::move(peer));
  // What a handler throws in spite of its contract (out of memory) costs its connection.
  asio::co_spawn(context_, server_connection::serve(std::move(connection)), asio::detached);
}

void server_lane::drain() {
  draining_ = true;
  for (auto* connection : connections_) connection->drain();
}

void server_lane::stop() {
  stopped_ = true;
  for (auto* connection : connections_) connection->close();
}

asio::awaitable<void> server_lane::keep_time(std::shared_ptr<server_lane> self) {
  asio::steady_timer timer(self->context_);
  self->now_ = clock::now();  // the server may have been made long before it runs
  while (!self->stopped_) {
    timer.expires_after(self->tick_);
    (void)co_await timer.async_wait(awaited);
    self->now_ = clock::now();
    for (auto* connection : self->connections_) connection->check(self->now_);
  }
}

std::unique_ptr<frame_server> frame_server::make(std::vector<frame_lane> lanes,
                                                 frame_server_options options) {
  return std::make_unique<listening_server>(std::move(lanes), options);
}

std::unique_ptr<frame_server> frame_server::make(const std::vector<asio::io_context*>& contexts,
                                                 frame_server_options options,
                                                 const frame_handler_factory& make_handler) {
  std::vector<frame_lane> lanes;
  for (asio::io_context* context : contexts) lanes.push_back({context, make_handler});
  return make(std::move(lanes), options);
}

}  // namespace understudy::net
