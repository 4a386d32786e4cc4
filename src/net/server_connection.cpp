#include "net/server_connection.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <tuple>
#include <utility>

#include "net/server_multiplex.hpp"
#include "understudy/error.hpp"
#include "wire/answer.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;

constexpr auto awaited = asio::as_tuple(asio::deferred);

constexpr std::size_t read_bytes = 16384;
constexpr std::size_t read_bytes_max = 262144;   // inside a large frame
constexpr std::size_t free_bytes = 65536;        // each may keep without being accounted for
constexpr std::size_t unsent_bytes_max = 65536;  // answers gathered before they are written
constexpr std::size_t kept_bytes = 16384;        // of the answer buffer, while in use
constexpr milliseconds linger_time{500};
constexpr int discarded_reads = 16;
constexpr milliseconds drain_poll{1};
// A real client that is woken by the end of a file frame has read it within this time.
constexpr milliseconds drain_pause{5};

std::size_t frame_bytes(std::string_view at) {
  std::size_t length = 0;
  for (int i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(at[i]);
  return wire::frame_header_bytes + length;
}

/// Where in `out` the first header is that the real client would cut, if it starts to read at
/// `from`; npos if there is none.
std::size_t find_cut(const std::string& out, std::size_t from) {
  const std::string_view frames = std::string_view(out).substr(from);
  for (std::size_t at = 0; at < frames.size(); at += frame_bytes(frames.substr(at)))
    if (wire::header_cut(at, wire::client_read_bytes)) return from + at;
  return std::string::npos;
}

bool starts_with_file(const std::string& out, std::size_t at) {
  return out.size() - at > wire::frame_header_bytes &&
         out[at + wire::frame_header_bytes - 1] == static_cast<char>(wire::frame_type::file);
}

/// A reset is no event for who waits by a timer.
bool is_broken(const tcp::socket& socket) {
  int error = 0;
  socklen_t length = sizeof error;
  const int fd = const_cast<tcp::socket&>(socket).native_handle();
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error != 0;
}

/// Reads what is there, but no more than a turn's worth, and throws it away; the error that ends
/// the stream.
boost::system::error_code discard_received(tcp::socket& socket) {
  std::array<char, 4096> bytes;
  boost::system::error_code failed;
  for (int i = 0; i < discarded_reads && !failed; ++i)
    socket.read_some(asio::buffer(bytes), failed);
  return failed == asio::error::would_block ? boost::system::error_code() : failed;
}

}  // namespace

bool server_shared::account(std::size_t& accounted, std::size_t keeps) {
  if (keeps <= free_bytes) keeps = 0;
  if (keeps == accounted) return true;
  const auto others = received_bytes.fetch_sub(accounted) - accounted;
  accounted = 0;
  if (others + keeps > options.received_bytes_max) return keeps == 0;
  received_bytes += keeps;
  accounted = keeps;
  return true;
}

server_connection::server_connection(tcp::socket socket, std::shared_ptr<server_lane> lane,
                                     bool refused, std::string peer)
    : socket_(std::move(socket)),
      outbox_(outbox::of(socket_.get_executor())),
      lane_(std::move(lane)),
      peer_(std::move(peer)),
      slot_(lane_->connections_.size()),
      reader_(lane_->shared()->options.limits),
      deadline_(lane_->deadline(lane_->shared()->options.idle_timeout)),
      refused_(refused) {
  lane_->connections_.push_back(this);
}

server_connection::~server_connection() {
  auto& others = lane_->connections_;
  others[slot_] = others.back();
  others[slot_]->slot_ = slot_;
  others.pop_back();
  lane_->shared()->received_bytes -= accounted_;
  --(refused_ ? lane_->shared()->refused : lane_->shared()->connections);
}

asio::awaitable<void> server_connection::serve(std::shared_ptr<server_connection> self) {
  boost::system::error_code ignored;
  self->socket_.non_blocking(true, ignored);
  self->socket_.set_option(tcp::no_delay(true), ignored);
  if (self->refused_) {
    wire::append_error_frame(self->out_, code::overloaded, "Too many connections; retry later",
                             R"({"retry":true})");
    if (self->send_now()) co_await self->linger();
  } else {
    self->handler_ = self->lane_->make_handler(self->peer());
    co_await self->run();
  }
  self->close();
}

asio::awaitable<void> server_connection::run() {
  co_await rest();  // many connections never say a word
  for (;;) {
    set_reading_deadline();
    const bool leaving = lane_->draining() && !call_begun_;
    received got = received::nothing;
    if (leaving) {
      // What has come until drain() interrupted the wait is still answered.
      got = receive_now();
    } else {
      waiting_ = wait::bytes;
      const auto [failed, bytes] = co_await socket_.async_read_some(room(), awaited);
      waiting_ = wait::none;
      got = take(failed, bytes);
    }
    if (got == received::end) co_return;
    if (got == received::nothing) {
      if (leaving) {
        co_await linger();
        co_return;
      }
      co_await rest();
      continue;
    }
    if (!account()) {
      release_buffers();
      call_.files.clear();
      wire::append_error_frame(out_, code::overloaded,
                               "Too much is being received at once; retry later",
                               R"({"retry":true})");
      if (send_now()) co_await linger();
      co_return;
    }
    answered_ = false;
    step next = answer_buffered();
    while (next == step::call || next == step::flush) {
      if (next == step::flush) {
        if (!co_await flush()) co_return;
      } else {
        const auto answer_at = out_.size();
        co_await handler_->handle(call_, out_);
        co_await outbox_.turn();
        call_.files.clear();
        answer_added(answer_at);
      }
      next = answer_buffered();
    }
    if (next == step::many) {
      release_buffers();
      const bool all_said = co_await many_->run();
      many_.reset();
      if (all_said) co_await linger();
      co_return;
    }
    if (next == step::last) co_await linger();
    if (next != step::rest) co_return;
    account();
    // A caller that always has another call would never rest: what is not read yet is not begun.
    if (lane_->draining() && answered_) {
      co_await linger();
      co_return;
    }
    // First the others get their turn: to read at once would nearly always find nothing yet.
    co_await outbox_.pause();
  }
}

// Between calls a peer may be silent for idle_timeout; a call that has begun must be complete
// within frame_timeout of its first byte, however it trickles in.
void server_connection::set_reading_deadline() {
  const auto& options = lane_->shared()->options;
  const bool begun = reader_.buffered() != 0 || !call_.files.empty();
  if (begun && !call_begun_) call_deadline_ = lane_->deadline(options.frame_timeout);
  call_begun_ = begun;
  deadline_ = begun ? call_deadline_ : lane_->deadline(options.idle_timeout);
}

asio::mutable_buffer server_connection::room() {
  const auto free = reader_.prepare(std::clamp(reader_.buffered(), read_bytes, read_bytes_max));
  return asio::buffer(free.data(), free.size());
}

// `nothing` where the read was interrupted, or would have to wait.
server_connection::received server_connection::take(boost::system::error_code failed,
                                                    std::size_t bytes) {
  if (failed == asio::error::would_block || failed == asio::error::operation_aborted)
    return received::nothing;
  if (failed) return received::end;
  reader_.commit(bytes);
  used_ = true;
  return received::bytes;
}

server_connection::received server_connection::receive_now() {
  boost::system::error_code failed;
  const auto bytes = socket_.read_some(room(), failed);
  return take(failed, bytes);
}

// Many callers in the middle of large requests may not fill the memory together, whatever each may
// send. False if this one now keeps more than is left for it.
bool server_connection::account() {
  std::size_t keeps = reader_.buffered();
  for (const auto& file : call_.files) keeps += file.size();
  return lane_->shared()->account(accounted_, keeps);
}

// Waits for bytes without a buffer to read them into. Costs a system call more than a read that
// waits, so it is only for who has been silent for a while. Ends on drain() and close(), too.
asio::awaitable<void> server_connection::rest() {
  if (lane_->draining()) co_return;
  release_buffers();
  waiting_ = wait::rest;
  (void)co_await socket_.async_wait(tcp::socket::wait_read, awaited);
  waiting_ = wait::none;
}

// Everything that is complete, as far as the handler need not wait and the socket takes the
// answers: they leave together. Called again where it left off.
server_connection::step server_connection::answer_buffered() {
  deadline_ = server_lane::clock::time_point::max();  // now it is our turn
  for (;;) {
    if (hold_ != std::string::npos || out_.size() >= unsent_bytes_max) {
      if (!send_now()) return step::lost;
      if (!out_.empty()) return step::flush;
    }
    if (out_of_step_) return after_frames(step::last);
    auto next = reader_.next();
    if (std::holds_alternative<wire::need_more>(next)) return after_frames(step::rest);
    if (const auto* error = std::get_if<wire::frame_error>(&next)) {
      wire::append_error_frame(out_, code::invalid_request, error->message);
      out_of_step_ = true;
      continue;
    }
    const auto& frame = std::get<wire::frame>(next);
    if (frame.type == wire::frame_type::file) {
      call_.files.emplace_back(frame.body);
      continue;
    }
    call_begun_ = false;
    answered_ = true;
    if (wire::is_poison(frame.body)) {
      wire::append_error_frame(out_, code::invalid_request, "The frame is empty");
      call_.files.clear();
      continue;
    }
    if (wants_many(frame.body)) return step::many;
    call_.body = frame.body;
    const auto answer_at = out_.size();
    if (!handler_->handle_now(call_, out_)) return after_frames(step::call);
    call_.files.clear();
    answer_added(answer_at);
  }
}

bool server_connection::wants_many(std::string_view body) {
  const auto& options = lane_->shared()->options;
  const auto wanted = wire::parse_multiplex_request(body);
  if (!wanted || options.multiplexed_calls_max == 0 || lane_->draining()) return false;
  // It waits for its answers, before and now.
  if (!call_.files.empty() || !out_.empty() || reader_.buffered() != 0) return false;
  many_ = std::make_shared<server_multiplex>(socket_, lane_, std::move(handler_), *wanted, peer());
  return true;
}

server_connection::step server_connection::after_frames(step done) {
  if (!send_now()) return step::lost;
  // A call that waits does not wait for its peer too: what is left goes out with its answer.
  return out_.empty() || done == step::call ? done : step::flush;
}

void server_connection::answer_added(std::size_t at) {
  if (starts_with_file(out_, at)) hold_ = find_cut(out_, at);
}

// Writes as much as the socket takes, up to hold_. False if the connection is lost.
bool server_connection::send_now() {
  while (sent_ < std::min(out_.size(), hold_)) {
    const auto bytes = std::min(out_.size(), hold_) - sent_;
    boost::system::error_code failed;
    sent_ += socket_.write_some(asio::buffer(out_.data() + sent_, bytes), failed);
    if (failed == asio::error::would_block) return true;
    if (failed) return false;
  }
  if (sent_ == out_.size()) {
    out_.clear();
    sent_ = 0;
    if (out_.capacity() > kept_bytes) out_.shrink_to_fit();
  }
  return true;
}

// Waits for a peer that takes its answers slowly.
asio::awaitable<bool> server_connection::flush() {
  while (!out_.empty()) {
    deadline_ = lane_->deadline(lane_->shared()->options.write_timeout);
    if (sent_ == hold_) {
      const bool drained = co_await wait_drained();
      if (!drained) co_return false;
      hold_ = find_cut(out_, sent_);
    } else {
      const auto [failed] = co_await socket_.async_wait(tcp::socket::wait_write, awaited);
      if (failed) co_return false;
    }
    if (!send_now()) co_return false;
  }
  co_return true;
}

// The real client cannot take a header that its read cuts: it must have read the file before the
// header comes. That all has reached its kernel can be seen; that it was read can be hoped for.
asio::awaitable<bool> server_connection::wait_drained() {
  asio::steady_timer timer(socket_.get_executor());
  for (int unsent = 1, before = 0; unsent != 0; before = unsent) {
    timer.expires_after(drain_poll);
    (void)co_await timer.async_wait(awaited);
    if (is_broken(socket_) || ::ioctl(socket_.native_handle(), SIOCOUTQ, &unsent) != 0)
      co_return false;
    // It reads, if slowly: as long as that goes on it is waited for.
    if (unsent < before) deadline_ = lane_->deadline(lane_->shared()->options.write_timeout);
  }
  timer.expires_after(drain_pause);
  (void)co_await timer.async_wait(awaited);
  co_return socket_.is_open();
}

// Closing at once would reset the connection where the peer has sent more than was read, and a
// reset takes the answer away that is still on its way.
asio::awaitable<void> server_connection::linger() {
  deadline_ = lane_->deadline(linger_time);
  boost::system::error_code failed;
  socket_.shutdown(tcp::socket::shutdown_send, failed);
  while (!failed) {
    std::tie(failed) = co_await socket_.async_wait(tcp::socket::wait_read, awaited);
    if (!failed) failed = discard_received(socket_);
  }
}

void server_connection::check(server_lane::clock::time_point now) {
  if (many_) return many_->check(now);
  boost::system::error_code ignored;
  if (now > deadline_)
    close();
  else if (waiting_ == wait::bytes && !used_ && !call_begun_)
    socket_.cancel(ignored);  // the read, which holds a buffer: it goes on to rest()
  used_ = false;
}

void server_connection::release_buffers() {
  reader_ = wire::frame_reader(lane_->shared()->options.limits);
  std::string().swap(out_);  // to assign would keep the memory
}

void server_connection::drain() {
  if (many_) return many_->drain();
  boost::system::error_code ignored;
  if (waiting_ != wait::none) socket_.cancel(ignored);
}

void server_connection::close() {
  if (many_) return many_->close();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace understudy::net
