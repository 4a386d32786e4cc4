#include "net/http_connection.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <utility>

#include "net/http_chunks.hpp"
#include "net/outbox.hpp"
#include "net/receive_buffer.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using error_code = boost::system::error_code;
using clock = std::chrono::steady_clock;

constexpr auto as_result = asio::as_tuple(asio::deferred);
constexpr std::size_t body_read_bytes = 65536;
// Few heads are longer: what an idle or slow connection may hold is kept small.
constexpr std::size_t head_read_bytes = 4096;
constexpr std::size_t linger_bytes_max = std::size_t{64} << 20;
constexpr std::chrono::seconds linger_time{2};

/// Closes a socket when its time has come. That time mostly moves on before it comes: the timer is
/// left as it is then, and looks again when it fires.
class socket_deadline : public std::enable_shared_from_this<socket_deadline> {
 public:
  explicit socket_deadline(tcp::socket& socket) : socket_(socket), timer_(socket.get_executor()) {}

  void set(clock::time_point at) {
    at_ = at;
    if (at_ < fires_at_) arm();
  }
  void set_after(clock::duration time) { set(clock::now() + time); }
  void clear() { at_ = clock::time_point::max(); }
  /// The socket is about to go.
  void end() {
    ended_ = true;
    timer_.cancel();
  }

 private:
  void arm() {
    fires_at_ = at_;
    timer_.expires_at(at_);
    timer_.async_wait([self = shared_from_this()](const error_code& error) {
      if (!error && !self->ended_) self->fired();
    });
  }
  void fired() {
    fires_at_ = clock::time_point::max();
    if (clock::now() < at_) {
      if (at_ != fires_at_) arm();
      return;
    }
    error_code ignored;
    socket_.close(ignored);
  }

  tcp::socket& socket_;
  asio::steady_timer timer_;
  clock::time_point at_ = clock::time_point::max();
  clock::time_point fires_at_ = clock::time_point::max();
  bool ended_ = false;
};

class tcp_connection final : public http_connection {
 public:
  tcp_connection(tcp::socket socket, const http_limits& limits)
      : socket_(std::move(socket)),
        outbox_(outbox::of(socket_.get_executor())),
        limits_(limits),
        deadline_(std::make_shared<socket_deadline>(socket_)) {
    error_code ignored;
    socket_.non_blocking(true, ignored);
  }
  ~tcp_connection() override { close(); }

  asio::awaitable<http_read> read(http_incoming& into) override {
    resting_ = true;
    may_skip_line_ = true;
    searched_ = 0;
    deadline_->set_after(limits_.idle_timeout);
    for (;;) {
      const auto found = look_for_head(into.refusal);
      if (found == head_state::bad) co_return http_read::refused;
      if (found == head_state::whole) break;
      // First the others get their turn: to read at once would nearly always find nothing yet.
      if (resting_ && used_) co_await outbox_.pause();
      used_ = true;
      const auto room = buffer_.prepare(head_read_bytes);
      const auto [failed, bytes] =
          co_await socket_.async_read_some(asio::buffer(room.data(), room.size()), as_result);
      if (failed) co_return http_read::closed;
      buffer_.commit(bytes);
    }
    if (!take_head(into)) co_return http_read::refused;
    if (!take_body(into.request.body)) {
      const auto end = co_await read_body(into);
      if (end != http_read::request) co_return end;
    }
    deadline_->clear();  // now it is our turn
    co_return http_read::request;
  }

  bool write_now(std::string_view head, std::string_view body) override {
    error_code error;
    if (body.empty()) {
      written_ = socket_.write_some(asio::buffer(head), error);
    } else {
      const std::array<asio::const_buffer, 2> parts{asio::buffer(head), asio::buffer(body)};
      written_ = socket_.write_some(parts, error);
    }
    lost_ = error && error != asio::error::would_block;
    return lost_ || written_ == head.size() + body.size();
  }

  asio::awaitable<void> write_rest(std::string_view head, std::string_view body) override {
    std::array<asio::const_buffer, 2> parts{asio::buffer(head), asio::buffer(body)};
    for (auto& part : parts) {
      const auto off = std::min(written_, part.size());
      part += off;
      written_ -= off;
    }
    deadline_->set_after(limits_.write_timeout);
    auto [failed, bytes] = co_await asio::async_write(socket_, parts, as_result);
    deadline_->clear();
    lost_ = failed.failed();
  }

  [[nodiscard]] bool lost() const override { return lost_; }

  asio::awaitable<void> linger() override {
    error_code error;
    socket_.shutdown(tcp::socket::shutdown_send, error);
    deadline_->set_after(linger_time);
    std::array<char, 4096> bytes;
    for (std::size_t total = 0; !error && total < linger_bytes_max;) {
      auto [failed, count] = co_await socket_.async_read_some(asio::buffer(bytes), as_result);
      error = failed;
      total += count;
    }
  }

  void close() override {
    deadline_->end();
    error_code ignored;
    socket_.close(ignored);
  }

  [[nodiscard]] bool resting() const override { return resting_; }

  void watch_peer(std::function<void()> gone) override {
    socket_.async_wait(tcp::socket::wait_read,
                       [gone = std::move(gone)](const error_code&) { gone(); });
  }

 private:
  enum class head_state : std::uint8_t { part, whole, bad };

  // Whether the buffer holds a whole head; its size is then in head_bytes_.
  head_state look_for_head(http_refusal& refusal) {
    // RFC 9112 section 2.2: one empty line before a request is ignored.
    if (may_skip_line_ && buffer_.data().starts_with("\r\n")) {
      buffer_.consume(2);
      may_skip_line_ = false;
    }
    if (resting_ && buffer_.size() > 0) {
      resting_ = false;
      deadline_->set_after(limits_.request_timeout);
    }
    const auto end = http_head_end(buffer_.data(), searched_);
    if (end && *end < limits_.header_bytes_max + 4) {
      head_bytes_ = *end;
      return head_state::whole;
    }
    if (auto wrong = judge_part(searched_)) {
      refusal = *std::move(wrong);
      return head_state::bad;
    }
    searched_ = buffer_.size();
    return head_state::part;
  }

  // What can be said against a head that is not complete.
  [[nodiscard]] std::optional<http_refusal> judge_part(std::size_t searched) const {
    const auto text = buffer_.data();
    if (http_bare_line_feed(text, searched)) {
      return http_refusal{400, "A line of the head does not end with CR LF."};
    }
    if (text.size() < limits_.header_bytes_max) return std::nullopt;
    if (text.find("\r\n") == std::string_view::npos) {
      return http_refusal{414, "The target is too long."};
    }
    return http_refusal{431, "The headers are too large."};
  }

  // False where it is refused.
  bool take_head(http_incoming& into) {
    // What the head's views point into: the body may move the buffer.
    head_text_.assign(buffer_.data().substr(0, head_bytes_));
    buffer_.consume(head_bytes_);
    auto& request = into.request;
    head_.fields.swap(request.headers);
    auto wrong = read_http_head(head_text_, limits_.target_bytes_max, head_);
    head_.fields.swap(request.headers);
    auto target = wrong ? std::nullopt : parse_http_target(head_.target);
    if (!wrong && !target) {
      wrong = http_refusal{400, "The target is no path, or holds a bad percent escape."};
    }
    if (!wrong && head_.content_length.value_or(0) > limits_.body_bytes_max) {
      wrong = body_too_large();
    }
    if (wrong) {
      into.refusal = *std::move(wrong);
      return false;
    }
    request.method = head_.method;
    request.path = std::move(target->path);
    request.query = std::move(target->query);
    into.keep_alive = head_.keep_alive;
    return true;
  }

  static http_refusal body_too_large() { return {413, "The body is too large."}; }

  // False if it is not all there.
  bool take_body(std::string& body) {
    const auto length = head_.content_length.value_or(0);
    body.clear();
    if (head_.chunked || length > buffer_.size()) return false;
    body.assign(buffer_.data().substr(0, static_cast<std::size_t>(length)));
    buffer_.consume(body.size());
    return true;
  }

  asio::awaitable<http_read> read_body(http_incoming& into) {
    auto& body = into.request.body;
    if (head_.expects_continue && buffer_.size() == 0) {
      constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
      auto [failed, bytes] = co_await asio::async_write(socket_, asio::buffer(go_on), as_result);
      if (failed) co_return http_read::closed;
    }
    http_chunk_reader chunks(limits_.body_bytes_max);
    for (;;) {
      if (head_.chunked) {
        auto text = buffer_.data();
        const auto before = text.size();
        const auto state = chunks.read(text, body);
        buffer_.consume(before - text.size());
        if (state == http_chunk_reader::state::done) break;
        if (state == http_chunk_reader::state::too_large) {
          into.refusal = body_too_large();
          co_return http_read::refused;
        }
        if (state == http_chunk_reader::state::bad) {
          into.refusal.status = 400;
          into.refusal.sentence = "The body is not framed as HTTP asks.";
          co_return http_read::refused;
        }
      } else {
        const auto left = static_cast<std::size_t>(*head_.content_length) - body.size();
        const auto part = buffer_.data().substr(0, left);
        body.append(part);
        buffer_.consume(part.size());
        if (part.size() == left) break;
      }
      const auto room = buffer_.prepare(body_read_bytes);
      const auto [failed, bytes] =
          co_await socket_.async_read_some(asio::buffer(room.data(), room.size()), as_result);
      if (failed) co_return http_read::closed;
      buffer_.commit(bytes);
    }
    if (buffer_.size() == 0) buffer_.release();
    co_return http_read::request;
  }

  tcp::socket socket_;
  outbox& outbox_;
  const http_limits limits_;
  std::shared_ptr<socket_deadline> deadline_;
  receive_buffer buffer_;
  std::string head_text_;
  http_request_head head_;
  std::size_t head_bytes_ = 0;
  std::size_t searched_ = 0;   ///< of a head that is not complete
  bool may_skip_line_ = true;  ///< no empty line came yet
  std::size_t written_ = 0;    ///< by write_now()
  bool resting_ = true;
  bool used_ = false;  ///< something was read before
  bool lost_ = false;
};

}  // namespace

std::unique_ptr<http_connection> http_connection::make(tcp::socket socket,
                                                       const http_limits& limits) {
  return std::make_unique<tcp_connection>(std::move(socket), limits);
}

}  // namespace understudy::net
