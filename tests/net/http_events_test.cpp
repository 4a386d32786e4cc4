#include <atomic>

#include "net/http_event_stream.hpp"
#include "net/http_fixture.hpp"

namespace understudy::test {
namespace {

using boost::asio::awaitable;

// What a test and a handler share: the stream of the last subscriber, and who has gone.
struct stage {
  std::promise<std::shared_ptr<net::http_event_stream>> opened;
  std::atomic<int> ended = 0;
  std::size_t queued_bytes_max = 262144;

  bool comes_to_end(int count) const {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (ended != count && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
    return ended == count;
  }
};

awaitable<net::http_response> subscribe(std::shared_ptr<stage> on) {
  net::http_response response;
  const auto executor = co_await boost::asio::this_coro::executor;
  response.events = net::http_event_stream::make(
      executor, [on] { ++on->ended; }, on->queued_bytes_max);
  on->opened.set_value(response.events);
  co_return response;
}

net::http_handler handler_for(const std::shared_ptr<stage>& on) {
  return [on](net::http_request) { return subscribe(on); };
}

constexpr std::string_view ask = "GET /events HTTP/1.1\r\nHost: a\r\n\r\n";

TEST(http_events, come_in_order_until_the_stream_is_closed) {
  const auto on = std::make_shared<stage>();
  http_fixture fixture(handler_for(on));
  raw_caller caller(fixture.address());
  caller.send(ask);
  const auto stream = on->opened.get_future().get();
  const auto head = caller.read_past("\r\n\r\n");
  EXPECT_NE(head.find("Content-Type: text/event-stream\r\n"), std::string::npos) << head;
  EXPECT_EQ(head.find("Content-Length"), std::string::npos) << head;
  for (unsigned i = 1; i <= 500; ++i)
    EXPECT_TRUE(stream->send(i, "{\"n\":" + std::to_string(i) + '}'));
  stream->close();
  EXPECT_FALSE(stream->send(501, "{}"));
  std::string expected;
  for (unsigned i = 1; i <= 500; ++i) {
    expected += "id: " + std::to_string(i) + "\ndata: {\"n\":" + std::to_string(i) + "}\n\n";
  }
  EXPECT_EQ(caller.read_all(), expected);
  caller.close();
  EXPECT_TRUE(on->comes_to_end(1));
  EXPECT_TRUE(fixture.comes_down_to(0));
}

TEST(http_events, beat_while_nothing_happens) {
  const auto on = std::make_shared<stage>();
  net::http_limits limits;
  limits.event_heartbeat = std::chrono::milliseconds{10};
  http_fixture fixture(handler_for(on), limits);
  raw_caller caller(fixture.address());
  caller.send(ask);
  caller.read_past("\r\n\r\n");
  EXPECT_EQ(caller.read_past(":\n\n"), ":\n\n");
  EXPECT_EQ(caller.read_past(":\n\n"), ":\n\n");
  on->opened.get_future().get()->send(7, "x");
  EXPECT_TRUE(caller.read_past("id: 7\ndata: x\n\n").ends_with("id: 7\ndata: x\n\n"));
}

TEST(http_events, end_with_their_subscriber) {
  const auto on = std::make_shared<stage>();
  http_fixture fixture(handler_for(on));
  auto caller = std::make_unique<raw_caller>(fixture.address());
  caller->send(ask);
  caller->read_past("\r\n\r\n");
  const auto stream = on->opened.get_future().get();
  caller.reset();
  EXPECT_TRUE(on->comes_to_end(1));
  EXPECT_TRUE(fixture.comes_down_to(0));
  EXPECT_FALSE(stream->send(1, "x"));
}

TEST(http_events, drop_a_subscriber_that_does_not_read) {
  const auto on = std::make_shared<stage>();
  on->queued_bytes_max = 65536;
  net::http_limits limits;
  limits.write_timeout = std::chrono::milliseconds{200};
  http_fixture fixture(handler_for(on), limits);
  const raw_caller caller(fixture.address(), 4096);
  caller.send(ask);
  const auto stream = on->opened.get_future().get();
  const std::string data(4096, 'x');
  std::size_t sent = 0;
  while (stream->send(sent, data)) ++sent;  // bounded by the queue and the sockets' buffers
  EXPECT_LT(sent * data.size(), std::size_t{64} << 20);
  EXPECT_TRUE(on->comes_to_end(1));
  EXPECT_TRUE(fixture.comes_down_to(0));
}

TEST(http_events, end_when_the_server_stops) {
  const auto on = std::make_shared<stage>();
  http_fixture fixture(handler_for(on));
  raw_caller caller(fixture.address());
  caller.send(ask);
  caller.read_past("\r\n\r\n");
  fixture.on_owner([&] { fixture.server().stop(); });
  EXPECT_EQ(caller.read_all(), "");
  caller.close();
  EXPECT_TRUE(on->comes_to_end(1));
  EXPECT_TRUE(fixture.comes_down_to(0));
}

TEST(http_events, are_not_opened_by_head) {
  const auto on = std::make_shared<stage>();
  http_fixture fixture(handler_for(on));
  raw_caller caller(fixture.address());
  caller.send("HEAD /events HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(caller.read_all().ends_with("\r\n\r\n"));
  EXPECT_TRUE(on->comes_to_end(1));
}

}  // namespace
}  // namespace understudy::test
