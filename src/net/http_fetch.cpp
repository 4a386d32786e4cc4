// A blocking HTTP client for one request.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <stdexcept>

#include "net/address.hpp"
#include "net/http.hpp"
#include "net/http_response_reader.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using error_code = boost::system::error_code;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t head_bytes_max = 65536;
constexpr std::size_t body_bytes_max = std::size_t{64} << 20;

std::string format_request(const std::string& address, const http_request& request) {
  http_target target;
  target.path = request.path;
  target.query = request.query;
  std::string out = request.method + ' ' + format_http_target(target) +
                    " HTTP/1.1\r\nHost: " + address + "\r\nConnection: close\r\n";
  for (const auto& [name, value] : request.headers) {
    out.append(name).append(": ").append(value).append("\r\n");
  }
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    out += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  }
  return out + "\r\n" + request.body;
}

struct fetched {
  std::optional<http_response> response;
  std::string error;
};

http_response to_response(const http_response_reader& reader) {
  http_response response;
  response.status = reader.head().status;
  response.content_type = http_field_value(reader.head(), "content-type");
  for (const auto& field : reader.head().fields) {
    response.headers.emplace_back(field.name, field.value);
  }
  response.body = reader.body();
  return response;
}

// `out` outlives the coroutine: it lives as long as the io_context that runs this.
asio::awaitable<void> fetch(host_port to, std::string bytes, bool is_head, fetched& out) {
  const auto executor = co_await asio::this_coro::executor;
  tcp::resolver resolver(executor);
  auto [resolve_error, found] = co_await resolver.async_resolve(to.host, to.port, as_result);
  if (resolve_error) {
    out.error = resolve_error.message();
    co_return;
  }
  tcp::socket socket(executor);
  auto [connect_error, endpoint] = co_await asio::async_connect(socket, found, as_result);
  if (connect_error) {
    out.error = connect_error.message();
    co_return;
  }
  // A server may answer, and close, before it has read all: the answer counts.
  co_await asio::async_write(socket, asio::buffer(bytes), as_result);
  http_response_reader reader(head_bytes_max, body_bytes_max);
  reader.begin(is_head);
  auto state = http_response_reader::state::more;
  while (state == http_response_reader::state::more) {
    const auto room = reader.prepare();
    auto [error, count] =
        co_await socket.async_read_some(asio::buffer(room.data(), room.size()), as_result);
    if (error && error != asio::error::eof) {
      out.error = error.message();
      co_return;
    }
    state = error ? reader.end() : reader.commit(count);
  }
  if (state == http_response_reader::state::done) {
    out.response = to_response(reader);
  } else {
    out.error = "what came is no whole HTTP response, or too large";
  }
}

}  // namespace

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
                           request.path + ": " + (ended ? result.error : "it took too long") + '.');
}

}  // namespace understudy::net
