#include "net/upstream.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <cerrno>
#include <utility>

#include "wire/frame.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using clock = std::chrono::steady_clock;

constexpr auto as_value = asio::as_tuple(asio::deferred);

/// How often an undrained socket buffer is looked at: the kernel has no event for it.
constexpr std::chrono::milliseconds drain_poll{1};
/// For the peer to take what it has received out of its own kernel; nothing tells us when it has.
constexpr std::chrono::milliseconds peer_read_pause{2};

bool would_block(const error_code& ec) {
  return ec == asio::error::would_block || ec == asio::error::try_again;
}

}  // namespace

upstream::upstream(asio::any_io_executor executor, std::unique_ptr<upstream_codec> codec,
                   idle_sink on_idle_end)
    : carrier(executor),
      outbox_(outbox::of(executor)),
      socket_(executor),
      codec_(std::move(codec)),
      on_idle_end_(std::move(on_idle_end)) {}

asio::awaitable<error_code> upstream::connect(asio::ip::tcp::endpoint server,
                                              core::time_point deadline) {
  const auto self = shared_from_this();
  deadline_ = deadline;
  error_code ec;
  socket_.open(server.protocol(), ec);
  if (!ec) socket_.non_blocking(true, ec);
  if (!ec) socket_.set_option(asio::ip::tcp::no_delay(true), ec);
  if (ec) co_return ec;
  socket_.async_connect(server, [self](error_code result) {
    self->connected_ = true;
    self->connect_error_ = result;
    self->ring();
  });
  while (!connected_ && clock::now() < deadline) (void)co_await rung_or(deadline);
  if (!connected_) {
    close();
    co_return asio::error::timed_out;
  }
  if (phase_ == phase::closed) co_return asio::error::operation_aborted;
  if (!connect_error_)
    arrived_.emplace(arrivals::of(socket_.get_executor()), socket_.native_handle());
  co_return connect_error_;
}

asio::awaitable<error_code> upstream::connect(asio::ip::tcp::endpoint server,
                                              core::time_point deadline, const tls_way& way) {
  const auto self = shared_from_this();
  deadline_ = deadline;
  const auto came = co_await way.by->connect(server, way.host, deadline, socket_);
  if (!came.why.empty() && way.failed) way.failed(came.why);
  if (came.error) co_return came.error;
  connected_ = true;
  if (phase_ == phase::closed) {
    error_code ignored;
    socket_.close(ignored);
    co_return asio::error::operation_aborted;
  }
  arrived_.emplace(arrivals::of(socket_.get_executor()), socket_.native_handle());
  co_return error_code();
}

void upstream::start(const outgoing& what, core::time_point deadline) {
  deadline_ = deadline;
  sent_bytes_ = burst_bytes_ = 0;
  send_failed_ = sent_all_ = ended_ = refused_ = false;
  result_ = exchange();
  if (phase_ == phase::closed) return end(core::outcome::lost);
  const bool rested = phase_ == phase::idle;
  phase_ = phase::busy;
  refused_ = !codec_->begin(what, result_);
  if (refused_) {
    sent_all_ = true;
    return end(core::outcome::answered);
  }
  outbox_.add([self = shared_from_this(), rested] {
    if (self->ended_) return;
    // Its end, or what nobody asked for. No byte has left: take() says so.
    if (rested && !self->rests_well()) return self->end(core::outcome::lost);
    self->send_now();
    // A peer that refused the rest may have answered before: it is read either way.
    if (self->send_failed_ && self->sent_bytes_ == 0) return self->end(core::outcome::lost);
    if (self->watching_) return;
    // First the others get their turn: to read at once would nearly always find nothing yet.
    self->outbox_.later([self] { self->read(); });
  });
}

bool upstream::ended(core::time_point now) {
  if (!ended_ && now >= deadline_) end(core::outcome::timed_out);
  return ended_;
}

exchange upstream::take() {
  // What came was no answer to this call.
  if (sent_nothing()) result_.how = core::outcome::stale;
  const bool in_step =
      result_.how == core::outcome::answered || result_.how == core::outcome::faulted;
  if (!in_step || !sent_all_ || result_.too_large) close();
  return std::move(result_);
}

void upstream::send_now() {
  out_.clear();
  (void)codec_->next_burst(out_);
  write_out();
  if (sending_over()) return;
  const bool next = out_.empty();
  if (next && !codec_->next_burst(out_)) {
    sent_all_ = true;
  } else {
    asio::co_spawn(socket_.get_executor(), send_rest(shared_from_this(), next), asio::detached);
  }
}

asio::awaitable<void> upstream::send_rest(std::shared_ptr<upstream> self, bool next) {
  auto& out = self->out_;
  for (;; next = true) {
    if (next) co_await self->let_drain();
    while (!self->sending_over() && !out.empty()) {
      self->write_out();
      if (out.empty() || self->sending_over()) break;
      (void)co_await self->socket_.async_wait(asio::ip::tcp::socket::wait_write, as_value);
    }
    if (self->sending_over()) co_return;
    if (!self->codec_->next_burst(out)) break;
  }
  self->sent_all_ = true;
}

void upstream::write_out() {
  while (!out_.empty()) {
    error_code ec;
    auto taken = out_.size() == 1 ? socket_.write_some(asio::buffer(out_.front()), ec)
                                  : socket_.write_some(out_, ec);
    sent_bytes_ += taken;
    burst_bytes_ += taken;
    auto first = out_.begin();
    for (; first != out_.end() && taken >= first->size(); ++first) taken -= first->size();
    if (first != out_.end()) *first += taken;
    out_.erase(out_.begin(), first);
    if (!ec || ec == asio::error::interrupted) continue;
    send_failed_ = !would_block(ec);
    return;
  }
}

// The header behind a file frame must not be cut. An empty socket buffer takes it whole; and a
// peer that reads 65536 bytes at a time, wherever its reads began, can cut it only where more
// than that came before it.
asio::awaitable<void> upstream::let_drain() {
  asio::steady_timer pause(socket_.get_executor());
  for (;;) {
    int unsent = 0;
    if (::ioctl(socket_.native_handle(), SIOCOUTQ, &unsent) != 0 || unsent == 0) break;
    pause.expires_after(drain_poll);
    (void)co_await pause.async_wait(as_value);
    if (sending_over()) co_return;
  }
  if (burst_bytes_ + wire::frame_header_bytes > wire::server_read_bytes) {
    pause.expires_after(peer_read_pause);
    (void)co_await pause.async_wait(as_value);
    burst_bytes_ = 0;
  }
}

void upstream::watch() {
  if (watching_ || phase_ == phase::closed) return;
  watching_ = true;
  socket_.async_wait(asio::ip::tcp::socket::wait_read, [self = shared_from_this()](error_code ec) {
    self->watching_ = false;
    self->readable(ec);
  });
}

void upstream::readable(error_code ec) {
  if (phase_ == phase::closed) return;
  if (phase_ == phase::busy) {
    if (ended_) return;
    if (ec) return end(core::outcome::lost);
    if (sent_bytes_ > 0) return read();
    // No byte of the call has left: what came is its end, or answers nothing. Or nothing came.
    if (!quiet()) end(core::outcome::lost);
    return;
  }
  if (quiet()) return watch();
  char byte = 0;
  const auto got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  const auto self = shared_from_this();
  close();
  on_idle_end_(*this, got <= 0);
}

void upstream::read() {
  if (phase_ != phase::busy || ended_) return;
  const auto room = codec_->prepare();
  socket_.async_read_some(asio::buffer(room.data(), room.size()),
                          [self = shared_from_this()](error_code ec, std::size_t bytes) {
                            if (self->phase_ != phase::busy || self->ended_) return;
                            if (ec == asio::error::eof)
                              return self->end(self->codec_->end(self->result_));
                            if (ec) return self->end(core::outcome::lost);
                            if (const auto how = self->codec_->commit(bytes, self->result_))
                              return self->end(*how);
                            self->read();
                          });
}

void upstream::end(core::outcome how) {
  if (ended_) return;
  ended_ = true;
  result_.how = how;
  ring();
}

bool upstream::quiet() const {
  char byte = 0;
  const auto got = ::recv(const_cast<upstream*>(this)->socket_.native_handle(), &byte, 1,
                          MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

bool upstream::rests_well() const {
  return arrived_->quiet() || quiet();
}

bool upstream::clean() const {
  return phase_ != phase::closed && codec_->clean();
}

bool upstream::reusable() const {
  return clean() && quiet();
}

void upstream::rest(core::time_point now) {
  resting_since_ = now;
  phase_ = phase::idle;
}

void upstream::watch_rest() {
  if (phase_ == phase::idle) watch();
}

void upstream::close() {
  if (phase_ == phase::closed) return;
  phase_ = phase::closed;
  end(core::outcome::lost);
  arrived_.reset();
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace understudy::net
