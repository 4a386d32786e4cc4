#include "agent/copy_giver.hpp"

#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "agent/copy_format.hpp"
#include "db/tool.hpp"
#include "net/address.hpp"
#include "net/listen.hpp"
#include "wire/utf8.hpp"

namespace understudy::agent {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using stream = asio::local::stream_protocol::socket;

namespace {

constexpr auto awaited = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds ticket_valid{10};
constexpr std::chrono::seconds request_max{5};
/// A receiver's disk may stand still for a while.
constexpr std::chrono::minutes stall_max{5};
constexpr unsigned peers_max = 8;
constexpr std::chrono::milliseconds accept_pause{100};
constexpr std::size_t sentence_bytes_max = 2000;

/// However it ends, the next one may come.
class over {
 public:
  over(std::mutex& mutex, bool& giving) : mutex_(mutex), giving_(giving) {}
  ~over() {
    const std::lock_guard lock(mutex_);
    giving_ = false;
  }
  over(const over&) = delete;
  over& operator=(const over&) = delete;

 private:
  std::mutex& mutex_;
  bool& giving_;
};

core::time_point now() {
  return std::chrono::steady_clock::now();
}

}  // namespace

/// One copy under way: a thread writes it to one end of a pair, and it leaves from the other.
struct copy_giver::gift {
  gift(tcp::socket to, redeemed with, asio::io_context& on)
      : peer(std::move(to)), claim(std::move(with)), from(on), timer(on) {}
  ~gift() {
    if (sender.joinable()) sender.join();
  }

  /// Closes both ends that are ours: the sender then ends, too.
  void end() {
    stop.stop();
    error_code ignored;
    peer.close(ignored);
    from.close(ignored);
    timer.cancel();
  }
  /// It is over where the next thing takes longer.
  static void limit(const std::shared_ptr<gift>& self, core::duration time) {
    self->timer.expires_after(time);
    self->timer.async_wait([weak = std::weak_ptr(self)](error_code ec) {
      const auto alive = weak.lock();
      if (!ec && alive) alive->end();
    });
  }
  static asio::awaitable<bool> write(std::shared_ptr<gift> self, char kind, std::string_view what) {
    limit(self, stall_max);
    const std::string head = copy_head(kind, what.size());
    const std::array<asio::const_buffer, 2> all{asio::buffer(head), asio::buffer(what)};
    const auto [failed, size] = co_await asio::async_write(self->peer, all, awaited);
    self->timer.cancel();
    co_return !failed;
  }

  tcp::socket peer;
  const redeemed claim;
  stream from;
  asio::steady_timer timer;
  db::interrupt stop;
  db::connected_pair pair;
  std::string failure;  ///< the sender's, once it has ended
  std::thread sender;
};

copy_giver::copy_giver(giver_options options, db::copy_source& of)
    : options_(std::move(options)),
      of_(of),
      acceptor_(net::listen_on(io_.get_executor(), options_.listen)) {
  asio::co_spawn(io_, accept(this), asio::detached);
  thread_ = std::thread([this] { io_.run(); });
}

copy_giver::~copy_giver() {
  asio::post(io_, [this] {
    error_code ignored;
    acceptor_.close(ignored);
    if (const auto running = now_.lock()) running->end();
    io_.stop();
  });
  thread_.join();
}

std::string copy_giver::address() const {
  return net::format_endpoint(acceptor_.local_endpoint());
}

copy_said copy_giver::promise() {
  const std::lock_guard lock(mutex_);
  copy_said out;
  if (giving_ || (!ticket_.empty() && now() < valid_until_)) {
    out.why = "it gives a copy to another node already: one at a time";
    return out;
  }
  ticket_ = random_text(ticket_bytes / 2);
  valid_until_ = now() + ticket_valid;
  out.ticket = ticket_;
  out.port = acceptor_.local_endpoint().port();
  return out;
}

std::optional<copy_giver::redeemed> copy_giver::redeem(std::string_view request) {
  const std::lock_guard lock(mutex_);
  if (ticket_.empty() || now() >= valid_until_) return std::nullopt;
  for (const std::string& each : {options_.secret, options_.secret_before}) {
    if (each.empty() || !same(request, copy_request(each, options_.node, ticket_))) continue;
    giving_ = true;
    return redeemed{std::exchange(ticket_, {}), each};
  }
  return std::nullopt;
}

asio::awaitable<void> copy_giver::accept(copy_giver* self) {
  asio::steady_timer pause(self->io_);
  while (self->acceptor_.is_open()) {
    auto [failed, peer] = co_await self->acceptor_.async_accept(awaited);
    if (!failed && self->peers_ < peers_max) {
      asio::co_spawn(self->io_, serve(self, std::move(peer)), asio::detached);
    } else if (failed) {
      pause.expires_after(accept_pause);
      co_await pause.async_wait(awaited);
    }
  }
}

asio::awaitable<void> copy_giver::serve(copy_giver* self, tcp::socket peer) {
  ++self->peers_;
  std::optional<tcp::socket> plain;
  if (self->options_.tls) {
    plain = co_await net::tls_acceptor::accept(self->options_.tls, std::move(peer));
  } else {
    plain = std::move(peer);
  }
  std::optional<redeemed> ticket;
  if (plain) {
    std::string request(copy_request_bytes, '\0');
    const auto asks = std::make_shared<gift>(std::move(*plain), redeemed(), self->io_);
    gift::limit(asks, request_max);
    const auto [failed, size] =
        co_await asio::async_read(asks->peer, asio::buffer(request), awaited);
    asks->timer.cancel();
    if (!failed) ticket = self->redeem(request);
    plain = std::move(asks->peer);
  }
  if (ticket) {
    const auto made = std::make_shared<gift>(std::move(*plain), std::move(*ticket), self->io_);
    self->now_ = made;
    const over at_last(self->mutex_, self->giving_);
    co_await give(self, made);
  }
  --self->peers_;
}

asio::awaitable<void> copy_giver::give(copy_giver* self, std::shared_ptr<gift> what) {
  error_code failed;
  const int in = what->pair.good() ? ::dup(what->pair.in()) : -1;
  if (in >= 0) what->from.assign(asio::local::stream_protocol(), in, failed);
  if (in < 0 || failed) co_return;
  what->pair.close_in();
  what->sender = std::thread([of = &self->of_, to = what.get()] {
    to->failure = of->send(to->pair.out(), &to->stop);
    to->pair.close_out();
  });
  copy_proof proof(what->claim.secret, self->options_.node, what->claim.ticket);
  std::array<char, copy_block_max> bytes;
  asio::steady_timer tick(self->io_);
  bool whole = true;
  for (;;) {
    tick.expires_after(copy_tick);
    tick.async_wait([weak = std::weak_ptr(what)](error_code ec) {
      const auto alive = weak.lock();
      error_code ignored;
      if (!ec && alive) alive->from.cancel(ignored);
    });
    const auto [ended, size] = co_await what->from.async_read_some(asio::buffer(bytes), awaited);
    tick.cancel();
    if (ended == asio::error::operation_aborted && what->from.is_open()) {
      whole = co_await gift::write(what, 't', std::string_view());
      if (!whole) break;
      continue;
    }
    if (ended) break;
    const std::string_view part(bytes.data(), size);
    proof.add(part);
    whole = co_await gift::write(what, 'd', part);
    if (!whole) break;
  }
  whole = whole && what->peer.is_open() && what->from.is_open();
  if (!whole) what->stop.stop();
  error_code ignored;
  what->from.close(ignored);  // who still writes to it ends
  what->sender.join();
  if (!whole) co_return;
  const std::string& why = what->failure;
  const std::string last = why.empty() ? proof.end() : wire::utf8_excerpt(why, sentence_bytes_max);
  co_await gift::write(what, why.empty() ? 'e' : 'f', last);
}

}  // namespace understudy::agent
