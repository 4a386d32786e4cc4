#include "net/tls_relay.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <memory>
#include <utility>

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using step = tls_session::step;

constexpr auto awaited = asio::as_tuple(asio::use_awaitable);

constexpr std::size_t buffer_bytes = 16384;
constexpr std::chrono::seconds flush_max{30};
constexpr std::chrono::seconds peer_end_max{5};

/// Kept alive by its two directions.
class relay {
 public:
  relay(tcp::socket wire, tls_session session, tcp::socket plain, std::function<void()> over)
      : wire_(std::move(wire)),
        session_(std::move(session)),
        plain_(std::move(plain)),
        limit_(wire_.get_executor()),
        over_(std::move(over)) {}
  ~relay() { over_(); }
  relay(const relay&) = delete;
  relay& operator=(const relay&) = delete;

  static void start(const std::shared_ptr<relay>& self) {
    const auto executor = self->wire_.get_executor();
    watch_close(self);
    asio::co_spawn(executor, outward(self), asio::detached);
    asio::co_spawn(executor, inward(self), asio::detached);
  }

 private:
  /// Who has the other end may close it while the peer takes nothing: then nobody reads here.
  static void watch_close(const std::shared_ptr<relay>& self) {
    self->plain_.async_wait(tcp::socket::wait_error, [weak = std::weak_ptr(self)](error_code ec) {
      const auto alive = weak.lock();
      if (!ec && alive) limit(alive, flush_max);
    });
  }

  static void limit(const std::shared_ptr<relay>& self, std::chrono::seconds time) {
    self->limit_.expires_after(time);
    self->limit_.async_wait([weak = std::weak_ptr(self)](error_code ec) {
      const auto alive = weak.lock();
      if (!ec && alive) alive->close();
    });
  }

  void close() {
    error_code ignored;
    plain_.close(ignored);
    wire_.close(ignored);
    limit_.cancel();
  }

  /// Closed at the other end, not only for sending.
  [[nodiscard]] bool left() {
    pollfd fd{plain_.native_handle(), 0, 0};
    return ::poll(&fd, 1, 0) > 0 && (fd.revents & (POLLHUP | POLLERR)) != 0;
  }

  /// What the session waits for; false: it has ended or failed.
  static asio::awaitable<bool> waited(std::shared_ptr<relay> self, step wanted) {
    if (wanted != step::wants_read && wanted != step::wants_write) co_return false;
    const auto what = wanted == step::wants_read ? tcp::socket::wait_read : tcp::socket::wait_write;
    const auto [failed] = co_await self->wire_.async_wait(what, awaited);
    co_return !failed && self->wire_.is_open();
  }

  static asio::awaitable<void> outward(std::shared_ptr<relay> self) {
    std::array<char, buffer_bytes> bytes;
    for (;;) {
      const auto [failed, size] =
          co_await self->plain_.async_read_some(asio::buffer(bytes), awaited);
      if (failed) break;
      // Closed, its descriptor may be another's by now.
      for (std::string_view rest(bytes.data(), size); self->wire_.is_open() && !rest.empty();) {
        std::size_t sent = 0;
        const step now = self->session_.write(rest, sent);
        rest.remove_prefix(sent);
        if (now == step::done) continue;
        if (co_await waited(self, now)) continue;
        self->close();
        co_return;
      }
    }
    while (self->wire_.is_open()) {
      const step now = self->session_.say_end();
      if (now == step::done) break;
      if (!co_await waited(self, now)) break;
    }
    error_code ignored;
    self->wire_.shutdown(tcp::socket::shutdown_send, ignored);
    self->own_ended_ = true;
    if (self->peer_ended_ || self->left()) {
      self->close();
    } else {
      limit(self, peer_end_max);
    }
  }

  static asio::awaitable<void> inward(std::shared_ptr<relay> self) {
    std::array<char, buffer_bytes> bytes;
    while (self->wire_.is_open()) {
      std::size_t size = 0;
      const step now = self->session_.read(bytes, size);
      if (now == step::ended) break;
      if (now == step::done) {
        const auto [failed, written] =
            co_await asio::async_write(self->plain_, asio::buffer(bytes.data(), size), awaited);
        if (failed) break;
        continue;
      }
      if (co_await waited(self, now)) continue;
      self->close();
      co_return;
    }
    error_code ignored;
    self->plain_.shutdown(tcp::socket::shutdown_send, ignored);
    self->peer_ended_ = true;
    if (self->own_ended_) self->close();
  }

  tcp::socket wire_;
  tls_session session_;
  tcp::socket plain_;
  asio::steady_timer limit_;
  std::function<void()> over_;
  bool own_ended_ = false;
  bool peer_ended_ = false;
};

}  // namespace

std::optional<tcp::socket> relay_tls(tcp::socket wire, tls_session session,
                                     std::function<void()> over) {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    over();
    return std::nullopt;
  }
  const auto executor = wire.get_executor();
  tcp::socket here(executor);
  tcp::socket there(executor);
  error_code failed;
  here.assign(tcp::v4(), ends[0], failed);
  if (failed) ::close(ends[0]);
  error_code failed_there;
  there.assign(tcp::v4(), ends[1], failed_there);
  if (failed_there) ::close(ends[1]);
  if (failed || failed_there) {
    over();
    return std::nullopt;
  }
  there.non_blocking(true, failed);
  here.non_blocking(true, failed);
  wire.non_blocking(true, failed);
  relay::start(std::make_shared<relay>(std::move(wire), std::move(session), std::move(here),
                                       std::move(over)));
  return there;
}

}  // namespace understudy::net
