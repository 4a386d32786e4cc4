// The one unit that instantiates Beast's HTTP (it is slow to compile): parsing behind
// http_connection, and http_fetch. Heads are checked by check_http_head() before Beast sees them,
// because Beast takes some shapes that others read differently (obs-fold, repeated lengths).
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/src.hpp>
#include <optional>
#include <stdexcept>

#include "net/address.hpp"
#include "net/http_connection.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using error_code = boost::system::error_code;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t read_bytes = 65536;
// Few heads are longer: what an idle or slow connection may hold is kept small.
constexpr std::size_t head_read_bytes = 4096;
constexpr std::size_t linger_bytes_max = std::size_t{64} << 20;
constexpr std::chrono::seconds linger_time{2};

std::string_view text_of(const beast::flat_buffer& buffer) {
  return {static_cast<const char*>(buffer.data().data()), buffer.size()};
}

std::string text_of(beast::string_view text) {
  return {text.data(), text.size()};
}

// What is to be said about a request that Beast could not read; nothing where nobody listens.
http_read_result refusal_for(const error_code& error) {
  if (error == http::error::body_limit) return http_refusal{413, "The body is too large."};
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return http_refusal{431, "The headers are too large."};
  }
  const bool framing = error.category() == http::make_error_code(http::error::bad_chunk).category();
  if (framing && error != http::error::end_of_stream && error != http::error::partial_message) {
    return http_refusal{400, "The body is not framed as HTTP asks: " + error.message() + "."};
  }
  return http_closed{};
}

class beast_connection final : public http_connection {
 public:
  beast_connection(tcp::socket socket, const http_limits& limits)
      : stream_(std::move(socket)),
        limits_(limits),
        buffer_(std::max(limits.header_bytes_max, read_bytes) + read_bytes) {}

  asio::awaitable<http_read_result> read() override {
    std::size_t head_bytes = 0;
    if (auto failed = co_await read_head(head_bytes)) co_return std::move(*failed);
    auto refusal =
        check_http_head(text_of(buffer_).substr(0, head_bytes), limits_.target_bytes_max);
    if (refusal) co_return std::move(*refusal);

    http::request_parser<http::string_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(limits_.header_bytes_max));
    parser.body_limit(limits_.body_bytes_max);
    error_code error;
    while (!error && !parser.is_header_done()) {
      buffer_.consume(parser.put(buffer_.data(), error));
    }
    if (error) co_return refusal_for(error);

    http_incoming incoming;
    const auto& head = parser.get();
    auto target = parse_http_target(text_of(head.target()));
    if (!target) {
      co_return http_refusal{400, "The target is no path, or holds a bad percent escape."};
    }
    auto& request = incoming.request;
    request.path = std::move(target->path);
    request.query = std::move(target->query);
    request.method = text_of(head.method_string());
    for (const auto& field : head) {
      request.headers.emplace_back(text_of(field.name_string()), text_of(field.value()));
    }
    incoming.keep_alive = parser.keep_alive();

    if (!parser.is_done()) {
      if (head.version() == 11 && head.count(http::field::expect) > 0 && buffer_.size() == 0) {
        const bool written = co_await write_within_request("HTTP/1.1 100 Continue\r\n\r\n");
        if (!written) co_return http_closed{};
      }
      auto [failed, bytes] = co_await http::async_read(stream_, buffer_, parser, as_result);
      if (failed) co_return refusal_for(failed);
      request.body = std::move(parser.get().body());
    }
    co_return std::move(incoming);
  }

  asio::awaitable<bool> write(std::string_view head, std::string_view body) override {
    stream_.expires_after(limits_.write_timeout);
    const std::array<asio::const_buffer, 2> both{asio::buffer(head), asio::buffer(body)};
    auto [error, bytes] = co_await asio::async_write(stream_, both, as_result);
    co_return !error;
  }

  asio::awaitable<void> linger() override {
    error_code error;
    stream_.socket().shutdown(tcp::socket::shutdown_send, error);
    stream_.expires_after(linger_time);
    for (std::size_t total = 0; !error && total < linger_bytes_max;) {
      buffer_.clear();
      auto [failed, bytes] =
          co_await stream_.async_read_some(buffer_.prepare(read_bytes), as_result);
      error = failed;
      total += bytes;
    }
  }

  void close() override { stream_.close(); }

  [[nodiscard]] bool resting() const override { return resting_; }

  void watch_peer(std::function<void()> gone) override {
    stream_.socket().async_wait(tcp::socket::wait_read,
                                [gone = std::move(gone)](const error_code&) { gone(); });
  }

 private:
  // Reads until the buffer holds a whole head; its size goes to `head_bytes`.
  asio::awaitable<std::optional<http_read_result>> read_head(std::size_t& head_bytes) {
    resting_ = true;
    bool may_skip_line = true;  // RFC 9112 section 2.2: one empty line before a request is ignored
    std::size_t searched = 0;
    stream_.expires_after(limits_.idle_timeout);
    for (;;) {
      if (may_skip_line && text_of(buffer_).starts_with("\r\n")) {
        buffer_.consume(2);
        may_skip_line = false;
      }
      const auto text = text_of(buffer_);
      if (resting_ && !text.empty()) {
        resting_ = false;
        stream_.expires_after(limits_.request_timeout);
      }
      const auto end = text.find("\r\n\r\n", searched);
      if (end < limits_.header_bytes_max) {
        head_bytes = end + 4;
        co_return std::nullopt;
      }
      for (auto at = text.find('\n', searched); at != std::string_view::npos;
           at = text.find('\n', at + 1)) {
        if (at == 0 || text[at - 1] != '\r') {
          co_return http_refusal{400, "A line of the head does not end with CR LF."};
        }
      }
      if (text.size() >= limits_.header_bytes_max) {
        if (text.find("\r\n") == std::string_view::npos) {
          co_return http_refusal{414, "The target is too long."};
        }
        co_return http_refusal{431, "The headers are too large."};
      }
      searched = text.size() < 3 ? 0 : text.size() - 3;
      auto [error, bytes] =
          co_await stream_.async_read_some(buffer_.prepare(head_read_bytes), as_result);
      if (error) co_return http_closed{};
      buffer_.commit(bytes);
    }
  }

  // Like write(), but within the time the request has left.
  asio::awaitable<bool> write_within_request(std::string_view bytes) {
    auto [error, count] = co_await asio::async_write(stream_, asio::buffer(bytes), as_result);
    co_return !error;
  }

  beast::tcp_stream stream_;
  const http_limits limits_;
  beast::flat_buffer buffer_;
  bool resting_ = true;
};

std::string format_request(const std::string& address, const http_request& request) {
  http_target target;
  target.path = request.path;
  target.query = request.query;
  std::string out = request.method + ' ' + format_http_target(target) +
                    " HTTP/1.1\r\nHost: " + address + "\r\nConnection: close\r\n";
  for (const auto& [name, value] : request.headers) out += name + ": " + value + "\r\n";
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    out += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  }
  return out + "\r\n" + request.body;
}

struct fetched {
  std::optional<http_response> response;
  error_code error;
};

// `out` outlives the coroutine: it lives as long as the io_context that runs this.
asio::awaitable<void> fetch(host_port to, std::string bytes, bool is_head, fetched& out) {
  const auto executor = co_await asio::this_coro::executor;
  tcp::resolver resolver(executor);
  auto [resolve_error, found] = co_await resolver.async_resolve(to.host, to.port, as_result);
  out.error = resolve_error;
  if (out.error) co_return;
  beast::tcp_stream stream(executor);
  auto [connect_error, endpoint] = co_await stream.async_connect(found, as_result);
  out.error = connect_error;
  if (out.error) co_return;
  // A server may answer, and close, before it has read all: the answer counts.
  co_await asio::async_write(stream, asio::buffer(bytes), as_result);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(std::uint64_t{64} << 20);
  parser.skip(is_head);
  auto [read_error, received] = co_await http::async_read(stream, buffer, parser, as_result);
  out.error = read_error;
  if (out.error) co_return;
  http_response response;
  const auto& message = parser.get();
  response.status = static_cast<int>(message.result_int());
  response.content_type = text_of(message[http::field::content_type]);
  for (const auto& field : message) {
    response.headers.emplace_back(text_of(field.name_string()), text_of(field.value()));
  }
  response.body = std::move(parser.get().body());
  out.response = std::move(response);
}

}  // namespace

std::unique_ptr<http_connection> http_connection::make(tcp::socket socket,
                                                       const http_limits& limits) {
  return std::make_unique<beast_connection>(std::move(socket), limits);
}

http_response http_fetch(const std::string& address, const http_request& request,
                         std::chrono::milliseconds timeout) {
  const auto to = split_address(address);
  if (!to) throw std::runtime_error("\"" + address + "\" is not HOST:PORT.");
  fetched result;
  bool ended = false;
  asio::io_context io(1);
  asio::co_spawn(io, fetch(*to, format_request(address, request), request.method == "HEAD", result),
                 [&ended](const std::exception_ptr& failure) {
                   ended = true;
                   if (failure) std::rethrow_exception(failure);
                 });
  io.run_for(timeout);
  if (result.response) return std::move(*result.response);
  throw std::runtime_error("No answer from " + address + " to " + request.method + ' ' +
                           request.path + ": " +
                           (ended ? result.error.message() : "it took too long") + '.');
}

}  // namespace understudy::net
