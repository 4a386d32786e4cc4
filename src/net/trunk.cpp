#include "net/trunk.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "net/trunk_call.hpp"
#include "understudy/detail/check.hpp"
#include "understudy/error.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using clock = std::chrono::steady_clock;

constexpr auto as_value = asio::as_tuple(asio::use_awaitable);

constexpr std::size_t read_bytes = 65536;
/// Larger calls would keep the others waiting.
constexpr std::size_t body_bytes_max = 65536;
/// That a peer has not taken: with more, others are asked. A call that was begun goes on top.
constexpr std::size_t unsent_bytes_max = 262144;
constexpr std::size_t kept_bytes = 65536;  // of the buffer they leave from
/// However many the server would take.
constexpr std::size_t places_max = 1024;

constexpr std::uint32_t index_of(wire::call_number number) {
  return static_cast<std::uint32_t>(number) & 0xFFFF;
}

constexpr std::uint32_t turn_of(wire::call_number number) {
  return static_cast<std::uint32_t>(number) >> 16;
}

}  // namespace

trunk::trunk(asio::any_io_executor executor, wire::frame_limits limits, idle_sink on_idle_end)
    : outbox_(outbox::of(executor)),
      socket_(executor),
      limits_(limits),
      reader_(limits),
      on_idle_end_(std::move(on_idle_end)) {}

asio::awaitable<trunk::opening> trunk::open(tcp::endpoint server, core::time_point deadline,
                                            const tls_way* way) {
  const auto self = shared_from_this();
  asio::steady_timer limit(socket_.get_executor(), deadline);
  limit.async_wait([self](error_code ec) {
    error_code ignored;
    if (!ec && !self->open_) self->socket_.close(ignored);
  });
  auto how = opening::no_answer;
  error_code ignored = co_await connect(server, deadline, way);
  if (!ignored) how = co_await ask();
  limit.cancel();
  if (how != opening::open) socket_.close(ignored);
  co_return how;
}

asio::awaitable<error_code> trunk::connect(tcp::endpoint server, core::time_point deadline,
                                           const tls_way* way) {
  if (way != nullptr) {
    const auto came = co_await way->by->connect(server, way->host, deadline, socket_);
    co_return came.error;
  }
  auto [failed] = co_await socket_.async_connect(server, as_value);
  if (!failed) socket_.non_blocking(true, failed);
  if (!failed) socket_.set_option(tcp::no_delay(true), failed);
  co_return failed;
}

asio::awaitable<trunk::opening> trunk::ask() {
  error_code ec;
  const auto header = wire::begin_frame(out_);
  wire::append_multiplex_request(out_, {limits_.message_bytes_max, limits_.file_bytes_max});
  wire::end_frame(out_, header, wire::frame_type::message);
  // A new connection takes so little at once, or it is none.
  out_at_ = socket_.write_some(asio::buffer(out_), ec);
  if (ec || out_at_ != out_.size()) co_return opening::no_answer;
  out_.clear();
  out_at_ = 0;
  for (;;) {
    const auto room = reader_.prepare(read_bytes);
    const auto [ended, bytes] =
        co_await socket_.async_read_some(asio::buffer(room.data(), room.size()), as_value);
    if (ended || !socket_.is_open()) co_return opening::no_answer;
    reader_.commit(bytes);
    const auto next = reader_.next();
    if (std::holds_alternative<wire::need_more>(next)) continue;
    const auto* frame = std::get_if<wire::frame>(&next);
    if (frame == nullptr || frame->type != wire::frame_type::message || reader_.buffered() != 0)
      co_return opening::refused;
    co_return begin_with(frame->body);
  }
}

trunk::opening trunk::begin_with(std::string_view body) {
  const auto answer = wire::parse_answer(body);
  if (!answer) return opening::refused;
  if (answer->is_error())
    return answer->code == code::overloaded ? opening::not_now : opening::refused;
  const auto granted = wire::parse_multiplex_grant(*answer);
  if (!granted) return opening::refused;
  granted_ = *granted;
  places_.resize(std::min(granted_.calls_max, places_max));
  for (auto i = places_.size(); i-- > 0;) free_.push_back(static_cast<std::uint16_t>(i));
  auto limits = limits_;
  limits.message_bytes_max += wire::call_number_bytes;
  reader_ = wire::frame_reader(limits);
  open_ = true;
  used_at_ = clock::now();
  read();
  return opening::open;
}

bool trunk::takes(std::size_t body_bytes) const {
  return open_ && !retired_ && !free_.empty() && out_.size() - out_at_ < unsent_bytes_max &&
         body_bytes <= std::min(granted_.message_bytes_max, body_bytes_max);
}

std::shared_ptr<carrier> trunk::begin() {
  UNDERSTUDY_CHECK(open_ && !free_.empty());
  const auto index = free_.back();
  free_.pop_back();
  auto& mine = places_[index];
  const auto number = wire::call_number{std::uint32_t{mine.turn} << 16 | index};
  const auto call = std::make_shared<trunk_call>(shared_from_this(), number);
  mine.call = call.get();
  mine.used = true;
  used_at_ = clock::now();
  ++waiting_;
  return call;
}

void trunk::send(trunk_call& call, std::string_view body) {
  const auto before = out_.size();
  wire::append_numbered_frame(out_, body, call.number_);
  call.begin_ = taken_bytes_ + (before - out_at_);
  call.bytes_ = out_.size() - before;
  if (std::exchange(flushing_, true)) return;
  outbox_.add([self = shared_from_this()] { self->flush(); });
}

// Calls that the kernel took no byte of end as stale, as soon as the stream's end is read: what the
// peer had answered before is still there to be read.
void trunk::flush() {
  while (open_ && out_at_ < out_.size()) {
    error_code ec;
    const auto taken =
        socket_.write_some(asio::buffer(out_.data() + out_at_, out_.size() - out_at_), ec);
    out_at_ += taken;
    taken_bytes_ += taken;
    if (ec == asio::error::would_block || ec == asio::error::try_again) {
      out_.erase(0, std::exchange(out_at_, 0));
      socket_.async_wait(tcp::socket::wait_write,
                         [self = shared_from_this()](error_code) { self->flush(); });
      return;
    }
    if (ec && ec != asio::error::interrupted) {
      retired_ = true;
      return;  // `flushing_` for ever: nothing leaves any more
    }
  }
  out_.clear();
  out_at_ = 0;
  if (out_.capacity() > kept_bytes) out_.shrink_to_fit();
  flushing_ = false;
}

bool trunk::has_begun(const trunk_call& call) const {
  return call.bytes_ != 0 && call.begin_ < taken_bytes_;
}

bool trunk::leave(trunk_call& call) {
  auto& mine = places_[index_of(call.number_)];
  mine.call = nullptr;
  --waiting_;
  const bool begun = has_begun(call);
  if (!begun) {
    take_back(call);
    free_place(index_of(call.number_));
  }
  if (retired_ && waiting_ == 0) close();
  return begun;
}

void trunk::take_back(const trunk_call& call) {
  if (call.bytes_ == 0) return;
  out_.erase(out_at_ + static_cast<std::size_t>(call.begin_ - taken_bytes_), call.bytes_);
  for (const auto& each : places_)
    if (each.call != nullptr && each.call->begin_ > call.begin_) each.call->begin_ -= call.bytes_;
}

void trunk::read() {
  const auto room = reader_.prepare(read_bytes);
  socket_.async_read_some(
      asio::buffer(room.data(), room.size()),
      [self = shared_from_this()](error_code ec, std::size_t bytes) { self->received(ec, bytes); });
}

void trunk::received(error_code ec, std::size_t bytes) {
  if (!open_) return;
  if (ec) return end(core::outcome::lost);
  heard_at_ = clock::now();
  reader_.commit(bytes);
  if (!cut_frames()) return end(core::outcome::unreadable);
  // First those that were answered get their turn: then there is more to read at once.
  outbox_.later([self = shared_from_this()] {
    if (self->open_) self->read();
  });
}

/// False where the stream makes no sense.
bool trunk::cut_frames() {
  while (open_) {
    const auto next = reader_.next();
    if (std::holds_alternative<wire::need_more>(next)) return true;
    const auto* frame = std::get_if<wire::frame>(&next);
    if (frame == nullptr) return false;
    if (frame->type == wire::frame_type::file)
      files_.emplace_back(frame->body);
    else if (!take_message(frame->body))
      return false;
  }
  return true;
}

bool trunk::take_message(std::string_view message) {
  const auto answer = wire::split_number(message);
  if (!answer) return false;
  if (answer->number == wire::farewell) {
    if (std::exchange(retired_, true)) return true;
    retire();
    on_idle_end_(true);
    return true;
  }
  const auto index = index_of(answer->number);
  if (index >= places_.size()) return false;
  auto& mine = places_[index];
  if (!mine.used || mine.turn != turn_of(answer->number)) return false;
  auto files = std::exchange(files_, {});
  if (mine.call != nullptr) {
    auto* const call = mine.call;
    // An answer to what has not been asked.
    if (call->bytes_ == 0 || call->begin_ + call->bytes_ > taken_bytes_) return false;
    mine.call = nullptr;
    --waiting_;
    call->answered(answer->body, std::move(files));
  }
  free_place(index);
  used_at_ = clock::now();
  if (retired_ && waiting_ == 0) close();
  return true;
}

void trunk::free_place(std::uint32_t index) {
  auto& mine = places_[index];
  mine.used = false;
  ++mine.turn;
  free_.push_back(static_cast<std::uint16_t>(index));
}

void trunk::retire() {
  retired_ = true;
  if (waiting_ == 0) close();
}

void trunk::end(core::outcome how) {
  const bool idle = waiting_ == 0;
  finish(how);
  if (idle) on_idle_end_(how == core::outcome::lost);
}

void trunk::close() {
  finish(core::outcome::lost);
}

void trunk::finish(core::outcome how) {
  error_code ignored;
  socket_.close(ignored);
  if (!std::exchange(open_, false)) return;
  waiting_ = 0;
  for (auto& each : places_) {
    auto* const call = std::exchange(each.call, nullptr);
    if (call != nullptr) call->end(has_begun(*call) ? how : core::outcome::stale);
  }
}

}  // namespace understudy::net
