#include "net/upstream.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <utility>

#include "wire/answer.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using clock = std::chrono::steady_clock;

constexpr auto as_value = asio::as_tuple(asio::use_awaitable);

/// Up to here all frames of a call leave in one write: less than an empty socket buffer takes, and
/// less than a real server reads at a time, so that no header can be cut.
constexpr std::size_t one_write_max = 16384;
/// How often an undrained socket buffer is looked at: the kernel has no event for it.
constexpr std::chrono::milliseconds drain_poll{1};
/// For the peer to take what it has received out of its own kernel; nothing tells us when it has.
constexpr std::chrono::milliseconds peer_read_pause{2};
constexpr std::size_t read_bytes = 16384;
constexpr std::size_t read_bytes_bulk = 262144;

std::array<char, wire::frame_header_bytes> frame_header(wire::frame_type type, std::size_t bytes) {
  std::array<char, wire::frame_header_bytes> header{};
  const auto kind = static_cast<std::uint32_t>(type);
  const auto length = static_cast<std::uint32_t>(bytes);
  for (int i = 0; i < 4; ++i) {
    header[i] = static_cast<char>(length >> (24 - 8 * i));
    header[4 + i] = static_cast<char>(kind >> (24 - 8 * i));
  }
  return header;
}

bool would_block(const error_code& ec) {
  return ec == asio::error::would_block || ec == asio::error::try_again;
}

}  // namespace

upstream::upstream(asio::any_io_executor executor, wire::frame_limits limits, idle_sink on_idle_end)
    : socket_(executor), timer_(executor), reader_(limits), on_idle_end_(std::move(on_idle_end)) {}

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
  send_failed_ = sent_all_ = ended_ = nudged_ = false;
  result_ = exchange();
  if (phase_ == phase::closed) {
    end(core::outcome::lost);
  } else {
    phase_ = phase::busy;
    watch();
    co_await send(body, files);
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
  if (sent_bytes_ == 0) result_.how = core::outcome::stale;  // what came was no answer to this call
  if (result_.how != core::outcome::answered || !sent_all_ || result_.too_large) close();
  return std::move(result_);
}

void upstream::nudge() {
  nudged_ = true;
  timer_.cancel();
}

asio::awaitable<void> upstream::send(std::string_view body,
                                     std::span<const std::string_view> files) {
  std::size_t total = wire::frame_header_bytes + body.size();
  for (const auto file : files) total += wire::frame_header_bytes + file.size();
  headers_.clear();
  headers_.reserve((files.size() + 1) * wire::frame_header_bytes);  // buffers point into it
  out_.clear();
  for (const auto file : files) {
    append(wire::frame_type::file, file);
    if (total <= one_write_max) continue;
    co_await write_out();
    if (send_failed_ || ended_) co_return;
    co_await let_drain();
  }
  append(wire::frame_type::message, body);
  co_await write_out();
  sent_all_ = out_.empty();
}

void upstream::append(wire::frame_type type, std::string_view body) {
  const auto header = frame_header(type, body.size());
  const auto at = headers_.size();
  headers_.insert(headers_.end(), header.begin(), header.end());
  out_.emplace_back(headers_.data() + at, header.size());
  if (!body.empty()) out_.emplace_back(body.data(), body.size());
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
    const auto room =
        reader_.prepare(reader_.buffered() > read_bytes ? read_bytes_bulk : read_bytes);
    error_code ec;
    const auto got = socket_.read_some(asio::buffer(room.data(), room.size()), ec);
    if (would_block(ec)) return watch();
    if (ec) return end(core::outcome::lost);
    reader_.commit(got);
    if (!cut_frames()) return;
    if (got < room.size()) return watch();
  }
}

/// False once the answer is there, or can not come any more.
bool upstream::cut_frames() {
  for (;;) {
    const auto next = reader_.next();
    if (std::holds_alternative<wire::need_more>(next)) return true;
    if (const auto* error = std::get_if<wire::frame_error>(&next)) {
      result_.too_large = error->what != wire::frame_error::kind::unknown_type;
      end(result_.too_large ? core::outcome::answered : core::outcome::unreadable);
      return false;
    }
    const auto& frame = std::get<wire::frame>(next);
    if (frame.type == wire::frame_type::message) {
      take_answer(frame.body);
      return false;
    }
    result_.files.emplace_back(frame.body);
  }
}

void upstream::take_answer(std::string_view body) {
  const auto answer = wire::is_poison(body) ? std::nullopt : wire::parse_answer(body);
  if (!answer) return end(core::outcome::unreadable);
  if (answer->is_error()) result_.error_code = answer->code;
  result_.body.assign(body);
  end(core::outcome::answered);
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
  return phase_ != phase::closed && reader_.buffered() == 0;
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
