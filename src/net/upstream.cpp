#include "net/upstream.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <utility>

#include "wire/frame.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using clock = std::chrono::steady_clock;

constexpr auto as_value = asio::as_tuple(asio::use_awaitable);

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
    : socket_(executor),
      timer_(executor),
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
    self->timer_.cancel();
  });
  while (!connected_ && clock::now() < deadline) co_await wait(deadline);
  if (!connected_) {
    close();
    co_return asio::error::timed_out;
  }
  if (phase_ == phase::closed) co_return asio::error::operation_aborted;
  co_return connect_error_;
}

asio::awaitable<exchange> upstream::call(std::string_view body,
                                         std::span<const std::string_view> files,
                                         core::time_point deadline) {
  const auto self = shared_from_this();
  co_await start(body, files, deadline);
  for (bool ended = false; !ended;) ended = co_await go_on(deadline);
  co_return take();
}

asio::awaitable<void> upstream::start(std::string_view body,
                                      std::span<const std::string_view> files,
                                      core::time_point deadline) {
  const auto self = shared_from_this();
  deadline_ = deadline;
  sent_bytes_ = burst_bytes_ = 0;
  send_failed_ = sent_all_ = ended_ = nudged_ = refused_ = false;
  result_ = exchange();
  if (phase_ == phase::closed) {
    end(core::outcome::lost);
  } else {
    phase_ = phase::busy;
    watch();
    refused_ = !codec_->begin(body, files, result_);
    if (refused_) {
      sent_all_ = true;
      end(core::outcome::answered);
    } else {
      co_await send();
    }
  }
  // A peer that refused the rest may have answered before: read on either way.
  if (send_failed_ && sent_bytes_ == 0) end(core::outcome::lost);
}

asio::awaitable<bool> upstream::go_on(core::time_point until) {
  const auto self = shared_from_this();
  until = std::min(until, deadline_);
  while (!ended_ && !nudged_ && clock::now() < until) co_await wait(until);
  nudged_ = false;
  if (!ended_ && clock::now() >= deadline_) end(core::outcome::timed_out);
  co_return ended_;
}

exchange upstream::take() {
  // What came was no answer to this call.
  if (sent_bytes_ == 0 && !refused_) result_.how = core::outcome::stale;
  const bool in_step =
      result_.how == core::outcome::answered || result_.how == core::outcome::faulted;
  if (!in_step || !sent_all_ || result_.too_large) close();
  return std::move(result_);
}

void upstream::nudge() {
  nudged_ = true;
  timer_.cancel();
}

asio::awaitable<void> upstream::send() {
  out_.clear();
  for (bool first = true; codec_->next_burst(out_); first = false) {
    if (!first) co_await let_drain();
    co_await write_out();
    if (!out_.empty()) co_return;
  }
  sent_all_ = true;
}

asio::awaitable<void> upstream::write_out() {
  while (!out_.empty() && !send_failed_ && !ended_) {
    error_code ec;
    auto taken = socket_.write_some(out_, ec);
    sent_bytes_ += taken;
    burst_bytes_ += taken;
    auto first = out_.begin();
    for (; first != out_.end() && taken >= first->size(); ++first) taken -= first->size();
    if (first != out_.end()) *first += taken;
    out_.erase(out_.begin(), first);
    if (!ec || ec == asio::error::interrupted) continue;
    if (!would_block(ec)) {
      send_failed_ = true;
      co_return;
    }
    writable_ = false;
    socket_.async_wait(asio::ip::tcp::socket::wait_write, [self = shared_from_this()](error_code) {
      self->writable_ = true;
      self->timer_.cancel();
    });
    while (!writable_ && !ended_ && clock::now() < deadline_) co_await wait(deadline_);
    if (!writable_) co_return;
  }
}

// The header behind a file frame must not be cut. An empty socket buffer takes it whole; and a
// peer that reads 65536 bytes at a time, wherever its reads began, can cut it only where more
// than that came before it.
asio::awaitable<void> upstream::let_drain() {
  for (;;) {
    int unsent = 0;
    if (::ioctl(socket_.native_handle(), SIOCOUTQ, &unsent) != 0 || unsent == 0) break;
    if (ended_ || clock::now() >= deadline_) co_return;
    co_await wait(std::min(deadline_, clock::now() + drain_poll));
  }
  if (burst_bytes_ + wire::frame_header_bytes <= wire::server_read_bytes) co_return;
  const auto until = std::min(deadline_, clock::now() + peer_read_pause);
  while (!ended_ && clock::now() < until) co_await wait(until);
  burst_bytes_ = 0;
}

asio::awaitable<void> upstream::wait(core::time_point until) {
  timer_.expires_at(until);
  co_await timer_.async_wait(as_value);
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
    if (ended_) return;  // a late event of an answer that was read already
    if (ec) return end(core::outcome::lost);
    return receive();
  }
  if (quiet()) return watch();
  char byte = 0;
  const auto got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  const auto self = shared_from_this();
  close();
  on_idle_end_(*this, got <= 0);
}

void upstream::receive() {
  for (;;) {
    const auto room = codec_->prepare();
    error_code ec;
    const auto got = socket_.read_some(asio::buffer(room.data(), room.size()), ec);
    if (would_block(ec)) return watch();
    if (ec == asio::error::eof) {
      return end(codec_->end(result_));
    }
    if (ec) return end(core::outcome::lost);
    if (const auto how = codec_->commit(got, result_)) return end(*how);
    if (got < room.size()) return watch();
  }
}

void upstream::end(core::outcome how) {
  if (ended_) return;
  ended_ = true;
  result_.how = how;
  timer_.cancel();
}

bool upstream::quiet() const {
  char byte = 0;
  const auto got = ::recv(const_cast<upstream*>(this)->socket_.native_handle(), &byte, 1,
                          MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
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
  watch();
}

void upstream::close() {
  if (phase_ == phase::closed) return;
  phase_ = phase::closed;
  end(core::outcome::lost);
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace understudy::net
