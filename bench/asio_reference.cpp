// The second floor of bench/run: what an Asio coroutine per connection costs by itself. As the
// epoll reference, it cuts frames and writes one fixed answer for each.
//
//   asio_reference     (prints `listening 127.0.0.1:PORT`; stops on SIGTERM)
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <string>
#include <utility>
#include <variant>

#include "wire/frame.hpp"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using understudy::wire::frame;

constexpr auto as_values = asio::as_tuple(asio::use_awaitable);

asio::awaitable<void> serve(tcp::socket socket) {
  std::string answer;
  understudy::wire::append_frame(answer, understudy::wire::frame_type::message,
                                 R"({"jsonrpc":"2.0","id":"","result":"hello, world"})");
  understudy::wire::frame_reader reader;
  std::string out;
  while (true) {
    const auto room = reader.prepare();
    const auto buffer = asio::buffer(room.data(), room.size());
    const auto [read_error, count] = co_await socket.async_read_some(buffer, as_values);
    if (read_error) co_return;
    reader.commit(count);
    out.clear();
    while (std::holds_alternative<frame>(reader.next())) out += answer;
    if (out.empty()) continue;
    const auto [write_error, written] =
        co_await asio::async_write(socket, asio::buffer(out), as_values);
    if (write_error) co_return;
  }
}

asio::awaitable<void> accept_all(tcp::acceptor acceptor) {
  while (true) {
    auto [error, socket] = co_await acceptor.async_accept(as_values);
    if (error) continue;
    socket.set_option(tcp::no_delay(true));
    asio::co_spawn(acceptor.get_executor(), serve(std::move(socket)), asio::detached);
  }
}

}  // namespace

int main() {
  asio::io_context context{1};
  tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  std::printf("listening 127.0.0.1:%u\n", unsigned{acceptor.local_endpoint().port()});
  std::fflush(stdout);
  asio::co_spawn(context, accept_all(std::move(acceptor)), asio::detached);
  context.run();
}
