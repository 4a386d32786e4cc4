#include "net/http_connection.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <utility>

#include "net/http_chunks.hpp"
#include "net/receive_buffer.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using error_code = boost::system::error_code;
using clock = std::chrono::steady_clock;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
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
        limits_(limits),
        deadline_(std::make_shared<socket_deadline>(socket_)) {
    error_code ignored;
    socket_.non_blocking(true, ignored);
  }
  ~tcp_connection() override { close(); }

  asio::awaitable<http_read_result> read() override {
    std::size_t head_bytes = 0;
    if (auto failed = co_await read_head(head_bytes)) co_return std::move(*failed);
    // What the head's views point into: the body may move the buffer.
    head_text_.assign(buffer_.data().substr(0, head_bytes));
    buffer_.consume(head_bytes);
    if (auto refusal = read_http_head(head_text_, limits_.target_bytes_max, head_)) {
      co_return std::move(*refusal);
    }
    http_incoming incoming;
    if (auto refusal = take_head(incoming)) co_return std::move(*refusal);
    if (!take_body(incoming.request.body)) {
      auto failed = co_await read_body(incoming.request.body);
      if (failed) co_return std::move(*failed);
    }
    deadline_->clear();  // now it is our turn
    co_return std::move(incoming);
  }

  asio::awaitable<bool> write(std::string_view head, std::string_view body) override {
    std::array<asio::const_buffer, 2> parts{asio::buffer(head), asio::buffer(body)};
    error_code error;
    auto taken = socket_.write_some(parts, error);
    if (error && error != asio::error::would_block) co_return false;
    if (taken == head.size() + body.size()) co_return true;
    for (auto& part : parts) {
      const auto off = std::min(taken, part.size());
      part += off;
      taken -= off;
    }
    deadline_->set_after(limits_.write_timeout);
    auto [failed, bytes] = co_await asio::async_write(socket_, parts, as_result);
    deadline_->clear();
    co_return !failed;
  }

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
  // Reads until the buffer holds a whole head; its size goes to `head_bytes`.
  asio::awaitable<std::optional<http_read_result>> read_head(std::size_t& head_bytes) {
    resting_ = true;
    deadline_->set_after(limits_.idle_timeout);
    bool may_skip_line = true;  // RFC 9112 section 2.2: one empty line before a request is ignored
    std::size_t searched = 0;
    for (;;) {
      if (may_skip_line && buffer_.data().starts_with("\r\n")) {
        buffer_.consume(2);
        may_skip_line = false;
      }
      if (resting_ && buffer_.size() > 0) {
        resting_ = false;
        deadline_->set_after(limits_.request_timeout);
      }
      const auto end = http_head_end(buffer_.data(), searched);
      if (end && *end < limits_.header_bytes_max + 4) {
        head_bytes = *end;
        co_return std::nullopt;
      }
      if (auto refusal = judge_part(searched)) co_return std::move(*refusal);
      searched = buffer_.size();
      // First the others get their turn: to read at once would nearly always find nothing yet.
      if (resting_ && used_) co_await asio::post(socket_.get_executor(), asio::use_awaitable);
      used_ = true;
      const bool received = co_await receive(head_read_bytes);
      if (!received) co_return http_closed{};
    }
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

  [[nodiscard]] std::optional<http_refusal> take_head(http_incoming& into) const {
    auto target = parse_http_target(head_.target);
    if (!target) {
      return http_refusal{400, "The target is no path, or holds a bad percent escape."};
    }
    if (head_.content_length.value_or(0) > limits_.body_bytes_max) return body_too_large();
    auto& request = into.request;
    request.path = std::move(target->path);
    request.query = std::move(target->query);
    request.method = head_.method;
    request.headers.reserve(head_.fields.size());
    for (const auto& field : head_.fields) request.headers.emplace_back(field.name, field.value);
    into.keep_alive = head_.keep_alive;
    return std::nullopt;
  }

  static http_refusal body_too_large() { return {413, "The body is too large."}; }

  // False if it is not all there.
  bool take_body(std::string& body) {
    const auto length = head_.content_length.value_or(0);
    if (head_.chunked || length > buffer_.size()) return false;
    body.assign(buffer_.data().substr(0, static_cast<std::size_t>(length)));
    buffer_.consume(body.size());
    return true;
  }

  asio::awaitable<std::optional<http_read_result>> read_body(std::string& body) {
    if (head_.expects_continue && buffer_.size() == 0) {
      constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
      auto [failed, bytes] = co_await asio::async_write(socket_, asio::buffer(go_on), as_result);
      if (failed) co_return http_closed{};
    }
    http_chunk_reader chunks(limits_.body_bytes_max);
    for (;;) {
      if (head_.chunked) {
        auto text = buffer_.data();
        const auto before = text.size();
        const auto state = chunks.read(text, body);
        buffer_.consume(before - text.size());
        if (state == http_chunk_reader::state::done) break;
        if (state == http_chunk_reader::state::too_large) co_return body_too_large();
        if (state == http_chunk_reader::state::bad) {
          co_return http_refusal{400, "The body is not framed as HTTP asks."};
        }
      } else {
        const auto left = static_cast<std::size_t>(*head_.content_length) - body.size();
        const auto part = buffer_.data().substr(0, left);
        body.append(part);
        buffer_.consume(part.size());
        if (part.size() == left) break;
      }
      const bool received = co_await receive(body_read_bytes);
      if (!received) co_return http_closed{};
    }
    if (buffer_.size() == 0) buffer_.release();
    co_return std::nullopt;
  }

  asio::awaitable<bool> receive(std::size_t bytes_min) {
    const auto room = buffer_.prepare(bytes_min);
    auto [failed, bytes] =
        co_await socket_.async_read_some(asio::buffer(room.data(), room.size()), as_result);
    buffer_.commit(bytes);
    co_return !failed;
  }

  tcp::socket socket_;
  const http_limits limits_;
  std::shared_ptr<socket_deadline> deadline_;
  receive_buffer buffer_;
  std::string head_text_;
  http_request_head head_;
  bool resting_ = true;
  bool used_ = false;  ///< something was read before
};

}  // namespace

std::unique_ptr<http_connection> http_connection::make(tcp::socket socket,
                                                       const http_limits& limits) {
  return std::make_unique<tcp_connection>(std::move(socket), limits);
}

}  // namespace understudy::net
