#include "net/server_multiplex.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "net/address.hpp"
#include "net/outbox.hpp"
#include "understudy/error.hpp"
#include "wire/answer.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;

constexpr auto awaited = asio::as_tuple(asio::deferred);
constexpr auto never = server_lane::clock::time_point::max();

constexpr std::size_t read_bytes = 65536;
/// Larger calls would keep the others waiting: they have connections of their own.
constexpr std::size_t message_bytes_max = 65536;
constexpr std::size_t unsent_bytes_max = 65536;  // with more, no calls are read
constexpr std::size_t kept_bytes = 65536;        // of the answer buffer
/// For calls that were on their way when the peer was told to send no more.
constexpr milliseconds leaving_time{500};

std::size_t frame_bytes(const std::string& out, std::size_t at) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < 4; ++i)
    length = length << 8 | static_cast<unsigned char>(out[at + i]);
  return wire::frame_header_bytes + length;
}

wire::frame_limits limits_of(const wire::multiplex_grant& granted) {
  wire::frame_limits limits;
  limits.message_bytes_max = granted.message_bytes_max + wire::call_number_bytes;
  limits.files_max = 0;
  return limits;
}

}  // namespace

struct server_multiplex::job {
  wire::call_number number{};
  std::string body;
  std::unique_ptr<frame_handler> handler;
  std::string out{};
};

wire::multiplex_grant server_multiplex::terms(const frame_server_options& options) {
  return {options.multiplexed_calls_max,
          std::min(message_bytes_max, options.limits.message_bytes_max)};
}

server_multiplex::server_multiplex(tcp::socket& socket, std::shared_ptr<server_lane> lane,
                                   std::unique_ptr<frame_handler> handler,
                                   wire::multiplex_request wanted, std::string peer)
    : socket_(socket),
      lane_(std::move(lane)),
      wanted_(wanted),
      granted_(terms(lane_->shared()->options)),
      peer_(std::move(peer)),
      reader_(limits_of(granted_)),
      changed_(socket.get_executor()) {
  handlers_.push_back(std::move(handler));
}

server_multiplex::~server_multiplex() {
  lane_->shared()->received_bytes -= accounted_;
}

asio::awaitable<bool> server_multiplex::run() {
  const auto self = shared_from_this();
  const auto header = wire::begin_frame(out_);
  std::string grant;
  wire::append_multiplex_grant(grant, granted_);
  wire::append_result(out_, grant);
  wire::end_frame(out_, header, wire::frame_type::message);
  flush();
  co_await serve_calls();
  reading_ = false;
  flush();  // what was answered before the terms were broken
  while (running_ > 0 || (!out_.empty() && !lost_)) co_await wait_for_change();
  co_return !lost_;
}

asio::awaitable<void> server_multiplex::serve_calls() {
  auto& turns = outbox::of(socket_.get_executor());
  while (reading_ && !lost_) {
    while (full()) co_await wait_for_change();
    set_reading_deadline();
    const auto room = reader_.prepare(read_bytes);
    waiting_ = true;
    const auto [failed, bytes] =
        co_await socket_.async_read_some(asio::buffer(room.data(), room.size()), awaited);
    waiting_ = false;
    if (failed && failed != asio::error::eof) lost_ = lost_ || reading_;
    if (failed) co_return;
    reader_.commit(bytes);
    for (;;) {
      const auto next = reader_.next();
      if (std::holds_alternative<wire::need_more>(next)) break;
      const auto* const frame = std::get_if<wire::frame>(&next);
      // The framing or its terms are broken: what runs is answered, then it ends.
      if (frame == nullptr || !take(frame->body)) co_return;
      if (full()) flush();
      while (full()) co_await wait_for_change();
    }
    flush();
    // First the others get their turn, as everywhere.
    co_await turns.pause();
  }
}

/// False where the peer breaks the terms.
bool server_multiplex::take(std::string_view message) {
  const auto call = wire::split_number(message);
  if (!call || call->number == wire::farewell || running_ >= granted_.calls_max) return false;
  begun_ = false;
  if (wire::is_poison(call->body)) {
    refuse(call->number, code::invalid_request, "The frame is empty");
    return true;
  }
  if (handlers_.empty()) handlers_.push_back(lane_->make_handler(peer_));
  const auto at = out_.size();
  call_.body = call->body;
  if (handlers_.back()->handle_now(call_, out_))
    answered(at, call->number);
  else
    start(call->number, call->body);
  return true;
}

void server_multiplex::start(wire::call_number number, std::string_view body) {
  running_bytes_ += body.size();
  if (!account()) {
    running_bytes_ -= body.size();
    (void)account();  // a refusal took the account of what runs, too: it fits again
    refuse(number, code::overloaded, "Too much is being received at once; retry later",
           R"({"retry":true})");
    return;
  }
  ++running_;
  const auto mine = std::make_shared<job>();
  mine->number = number;
  mine->body = body;
  mine->handler = std::move(handlers_.back());
  handlers_.pop_back();
  asio::co_spawn(lane_->context(), work(mine),
                 [self = shared_from_this(), mine](std::exception_ptr thrown) {
                   self->ended(*mine, thrown != nullptr);
                 });
}

// The handler looks at the call again, since it refers to the body, which has moved.
asio::awaitable<void> server_multiplex::work(std::shared_ptr<job> mine) {
  frame_call call;
  call.body = mine->body;
  if (!mine->handler->handle_now(call, mine->out)) co_await mine->handler->handle(call, mine->out);
}

/// `badly`: it threw, in spite of its contract (out of memory). That costs the connection.
void server_multiplex::ended(job& done, bool badly) {
  --running_;
  running_bytes_ -= done.body.size();
  (void)account();
  handlers_.push_back(std::move(done.handler));
  if (badly) close();
  if (!lost_) {
    const auto at = out_.size();
    out_ += done.out;
    answered(at, done.number);
    flush_soon();
  }
  if (running_ == 0) {
    set_reading_deadline();
    changed_.cancel();
  }
}

void server_multiplex::refuse(wire::call_number number, std::int64_t code, std::string_view message,
                              std::string_view data) {
  const auto header = wire::begin_frame(out_);
  wire::append_error(out_, code, message, data);
  wire::number_frame(out_, header, number);
}

/// The frames from `at` on are the answer: the last one gets the number.
void server_multiplex::answered(std::size_t at, wire::call_number number) {
  auto last = at;
  std::size_t file_bytes = 0;
  for (auto next = at + frame_bytes(out_, at); next < out_.size();
       next += frame_bytes(out_, next)) {
    file_bytes += next - last - wire::frame_header_bytes;
    last = next;
  }
  const auto message_bytes = out_.size() - last - wire::frame_header_bytes;
  if (message_bytes <= wanted_.message_bytes_max && file_bytes <= wanted_.file_bytes_max)
    return wire::number_frame(out_, last, number);
  out_.resize(at);
  refuse(number, code::too_large, "The answer is larger than its caller takes");
}

bool server_multiplex::account() {
  return lane_->shared()->account(accounted_, running_bytes_);
}

// A peer may be silent for as long as its calls run.
void server_multiplex::set_reading_deadline() {
  if (leaving_ || !reading_) return;
  const auto& options = lane_->shared()->options;
  const bool begun = reader_.buffered() != 0;
  if (begun && !begun_) read_deadline_ = lane_->deadline(options.frame_timeout);
  if (!begun) read_deadline_ = running_ > 0 ? never : lane_->deadline(options.idle_timeout);
  begun_ = begun;
}

void server_multiplex::flush_soon() {
  if (std::exchange(flushing_, true)) return;
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->flushing_ = false;
    self->flush();
  });
}

void server_multiplex::flush() {
  if (flushing_ || lost_) return;
  while (sent_ < out_.size()) {
    boost::system::error_code failed;
    const auto taken =
        socket_.write_some(asio::buffer(out_.data() + sent_, out_.size() - sent_), failed);
    sent_ += taken;
    const auto& options = lane_->shared()->options;
    if (taken > 0) write_deadline_ = never;
    if (failed == asio::error::would_block) {
      out_.erase(0, std::exchange(sent_, 0));
      if (write_deadline_ == never) write_deadline_ = lane_->deadline(options.write_timeout);
      flushing_ = true;
      socket_.async_wait(tcp::socket::wait_write,
                         [self = shared_from_this()](boost::system::error_code) {
                           self->flushing_ = false;
                           self->flush();
                         });
      return;
    }
    if (failed) return close();
  }
  out_.clear();
  sent_ = 0;
  write_deadline_ = never;
  if (out_.capacity() > kept_bytes) out_.shrink_to_fit();
  changed_.cancel();
}

bool server_multiplex::full() const {
  return !lost_ && out_.size() - sent_ >= unsent_bytes_max;
}

asio::awaitable<void> server_multiplex::wait_for_change() {
  changed_.expires_at(never);
  (void)co_await changed_.async_wait(awaited);
}

void server_multiplex::check(server_lane::clock::time_point now) {
  if (now > write_deadline_) return close();
  if (!waiting_ || now <= read_deadline_) return;
  if (!leaving_) return close();
  reading_ = false;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void server_multiplex::drain() {
  if (std::exchange(leaving_, true) || !reading_) return;
  wire::append_numbered_frame(out_, {}, wire::farewell);
  flush_soon();
  read_deadline_ = lane_->deadline(leaving_time);
}

void server_multiplex::close() {
  lost_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
  changed_.cancel();
}

}  // namespace understudy::net
