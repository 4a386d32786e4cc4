#include "net/tls_acceptor.hpp"

#include <utility>

#include "net/tls_handshake.hpp"
#include "net/tls_relay.hpp"

namespace understudy::net {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

/// Counts one while it is there.
class counted {
 public:
  explicit counted(std::atomic<std::size_t>& in) : in_(in), before_(in_.fetch_add(1)) {}
  ~counted() { --in_; }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;
  [[nodiscard]] std::size_t before() const { return before_; }

 private:
  std::atomic<std::size_t>& in_;
  std::size_t before_;
};

}  // namespace

tls_acceptor::tls_acceptor(tls_options options)
    : options_(std::move(options)), context_(make_listening_context(options_)) {}

std::shared_ptr<tls_acceptor> tls_acceptor::make(tls_options options) {
  return std::shared_ptr<tls_acceptor>(new tls_acceptor(std::move(options)));
}

void tls_acceptor::reload() {
  auto next = make_listening_context(options_);
  const std::lock_guard lock(mutex_);
  context_ = std::move(next);
}

tls_context tls_acceptor::context() {
  const std::lock_guard lock(mutex_);
  return context_;
}

asio::awaitable<std::optional<tcp::socket>> tls_acceptor::accept(std::shared_ptr<tls_acceptor> self,
                                                                 tcp::socket accepted) {
  const counted one(self->handshakes_);
  boost::system::error_code failed;
  accepted.non_blocking(true, failed);
  if (!failed) accepted.set_option(tcp::no_delay(true), failed);
  if (failed || one.before() >= self->options_.handshakes_max) {
    ++self->refused_;
    co_return std::nullopt;
  }
  auto session = tls_session::listening(self->context(), accepted.native_handle());
  const auto until = std::chrono::steady_clock::now() + self->options_.handshake_timeout;
  failed = co_await shake_hands(accepted, session, until);
  if (failed) {
    ++self->refused_;
    co_return std::nullopt;
  }
  ++self->carried_;
  co_return relay_tls(std::move(accepted), std::move(session), [self] { --self->carried_; });
}

}  // namespace understudy::net
