#include "coord/http_client.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
// Beast is compiled once, here (BOOST_BEAST_SEPARATE_COMPILATION).
#include <boost/beast/src.hpp>
#include <charconv>
#include <limits>
#include <utility>
#include <vector>

#include "coord/eventual.hpp"

namespace understudy::coord {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using error_code = boost::system::error_code;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t answer_bytes_max = std::size_t{1} << 20;

using request = http::request<http::string_body>;
using endpoints = std::vector<tcp::endpoint>;

struct found {
  error_code error;
  endpoints at;
};

/// By deadline, though a lookup can not be cut short. Addresses need none.
asio::awaitable<found> look_up(http_peer peer, core::time_point deadline) {
  const auto executor = co_await asio::this_coro::executor;
  found out;
  const auto address = asio::ip::make_address(peer.host, out.error);
  if (!out.error) {
    std::uint16_t port = 0;
    std::from_chars(peer.port.data(), peer.port.data() + peer.port.size(), port);
    out.at.emplace_back(address, port);
    co_return out;
  }
  const auto result = std::make_shared<eventual<found>>(executor);
  const auto resolver = std::make_shared<tcp::resolver>(executor);
  resolver->async_resolve(peer.host, peer.port,
                          [result, resolver](error_code error, const auto& entries) {
                            found here;
                            here.error = error;
                            for (const auto& entry : entries) here.at.push_back(entry.endpoint());
                            result->set(std::move(here));
                          });
  auto in_time = co_await eventual<found>::wait(result, deadline);
  if (in_time) co_return std::move(*in_time);
  resolver->cancel();
  out.error = asio::error::timed_out;
  co_return out;
}

/// Connects, to the first of the peer's addresses that takes us.
asio::awaitable<error_code> connect(beast::tcp_stream& stream, http_peer peer,
                                    core::time_point deadline) {
  const found to = co_await look_up(std::move(peer), deadline);
  if (to.error) co_return to.error;
  stream.expires_at(deadline);
  const auto [error, endpoint] = co_await stream.async_connect(to.at, as_result);
  if (error) co_return error;
  error_code ignored;
  stream.socket().set_option(tcp::no_delay(true), ignored);
  co_return error_code();
}

request post_request(const http_peer& peer, const std::string& path, std::string body) {
  request out(http::verb::post, path, 11);
  const bool is_v6 = peer.host.find(':') != std::string::npos;
  out.set(http::field::host, (is_v6 ? '[' + peer.host + ']' : peer.host) + ':' + peer.port);
  out.set(http::field::content_type, "application/json");
  out.keep_alive(false);
  out.body() = std::move(body);
  out.prepare_payload();
  return out;
}

class beast_lines final : public http_lines {
 public:
  explicit beast_lines(asio::any_io_executor executor) : stream_(std::move(executor)) {
    parser_.body_limit(boost::none);
  }

  asio::awaitable<bool> open(http_peer peer, std::string path, std::string body,
                             core::time_point deadline) override {
    const request out = post_request(peer, path, std::move(body));
    const error_code failure = co_await connect(stream_, std::move(peer), deadline);
    if (failure || closed_) co_return false;
    const auto [write_error, written] = co_await http::async_write(stream_, out, as_result);
    if (write_error || closed_) co_return false;
    const auto [error, bytes] =
        co_await http::async_read_header(stream_, buffer_, parser_, as_result);
    stream_.expires_never();
    co_return !error && !closed_ && parser_.get().result_int() == 200;
  }

  asio::awaitable<std::optional<std::string>> next() override {
    while (true) {
      if (closed_) co_return std::nullopt;
      if (auto line = take_line()) co_return line;
      if (parser_.is_done() || text().size() > answer_bytes_max) co_return std::nullopt;
      const auto [error, bytes] =
          co_await http::async_read_some(stream_, buffer_, parser_, as_result);
      if (error) co_return std::nullopt;
    }
  }

  void close() override {
    closed_ = true;
    stream_.close();
  }

 private:
  std::string& text() { return parser_.get().body(); }
  std::optional<std::string> take_line() {
    const auto end = text().find('\n');
    if (end == std::string::npos) return std::nullopt;
    std::string line = text().substr(0, end);
    text().erase(0, end + 1);
    return line;
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{answer_bytes_max};
  http::response_parser<http::string_body> parser_;
  bool closed_ = false;
};

}  // namespace

std::optional<http_peer> parse_peer(std::string_view address) {
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = address.substr(0, colon);
  const std::string_view port = address.substr(colon + 1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size()) return std::nullopt;
  if (number == 0 || number > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const bool is_v6 = host.find(':') != std::string_view::npos;
  if (host.empty() || is_v6 != bracketed) return std::nullopt;
  if (host.find_first_of("[]/ ") != std::string_view::npos) return std::nullopt;
  http_peer out;
  out.host = host;
  out.port = port;
  return out;
}

asio::awaitable<http_answer> http_post(http_peer peer, std::string path, std::string body,
                                       http_patience patience) {
  http_answer out;
  const request what = post_request(peer, path, std::move(body));
  beast::tcp_stream stream(co_await asio::this_coro::executor);
  const error_code failure = co_await connect(stream, std::move(peer), patience.connected);
  if (failure) {
    out.error = failure.message();
    co_return out;
  }
  out.sent = true;
  stream.expires_at(patience.answered);
  const auto [write_error, written] = co_await http::async_write(stream, what, as_result);
  if (write_error) {
    out.error = write_error.message();
    co_return out;
  }
  beast::flat_buffer buffer(answer_bytes_max);
  http::response_parser<http::string_body> parser;
  parser.body_limit(answer_bytes_max);
  const auto [error, bytes] = co_await http::async_read(stream, buffer, parser, as_result);
  if (error) {
    out.error = error.message();
    co_return out;
  }
  out.status = static_cast<int>(parser.get().result_int());
  out.body = std::move(parser.get().body());
  co_return out;
}

std::shared_ptr<http_lines> http_lines::make(asio::any_io_executor executor) {
  return std::make_shared<beast_lines>(std::move(executor));
}

}  // namespace understudy::coord
