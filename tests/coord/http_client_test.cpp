// Addresses, and peers that do not answer as they should.
#include "coord/http_client.hpp"

#include <gtest/gtest.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "coord_support.hpp"

namespace understudy::coord {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

TEST(Peer, IsHostAndPort) {
  const auto named = parse_peer("etcd-1.example:2379");
  ASSERT_TRUE(named);
  EXPECT_EQ(named->host, "etcd-1.example");
  EXPECT_EQ(named->port, "2379");
  EXPECT_EQ(parse_peer("[::1]:2379")->host, "::1");
  for (const char* bad : {"", "a", "a:", ":1", "a:0", "a:65536", "a:1x", "::1:2379", "[a]:1",
                          "http://a:1", "a b:1", "[::1:1"}) {
    EXPECT_FALSE(parse_peer(bad)) << bad;
  }
}

/// Answers the first connection with these bytes, and closes; what it was sent stays here.
class canned {
 public:
  canned(loop& events, std::string answer)
      : acceptor_(events.executor(), tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        answer_(std::move(answer)) {
    asio::co_spawn(events.executor(), serve(this), asio::detached);
  }
  [[nodiscard]] http_peer peer() const {
    http_peer out;
    out.host = "localhost";
    out.port = std::to_string(acceptor_.local_endpoint().port());
    return out;
  }
  [[nodiscard]] const std::string& received() const { return received_; }

 private:
  static asio::awaitable<void> serve(canned* self) {
    tcp::socket socket = co_await self->acceptor_.async_accept(asio::use_awaitable);
    while (!self->received_.ends_with('}')) {
      char byte = 0;
      co_await socket.async_read_some(asio::buffer(&byte, 1), asio::use_awaitable);
      self->received_ += byte;
    }
    co_await asio::async_write(socket, asio::buffer(self->answer_), asio::use_awaitable);
  }
  tcp::acceptor acceptor_;
  std::string answer_;
  std::string received_;
};

http_answer post(loop& events, const http_peer& peer, core::duration time = 20s) {
  http_patience patience;
  patience.connected = in(time);
  patience.answered = in(time);
  return events.run(http_post(peer, "/v3/x", "{}", patience));
}

TEST(HttpPost, BringsTheAnswer) {
  loop events;
  canned server(events,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n");
  const auto answer = post(events, server.peer());
  EXPECT_EQ(answer.status, 200) << answer.error;
  EXPECT_EQ(answer.body, "ab");
  EXPECT_EQ(server.received(), "POST /v3/x HTTP/1.1\r\nHost: localhost:" + server.peer().port +
                                   "\r\nContent-Type: application/json\r\nConnection: close\r\n"
                                   "Content-Length: 2\r\n\r\n{}");
}

TEST(HttpPost, SaysWhetherAnythingWasSent) {
  loop events;
  http_peer nobody;
  nobody.host = "127.0.0.1";
  {
    const tcp::acceptor once(events.executor(), tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    nobody.port = std::to_string(once.local_endpoint().port());
    // It is in the queue of the kernel, and nobody reads it.
    const auto unheard = post(events, nobody, 100ms);
    EXPECT_TRUE(unheard.sent);
    EXPECT_EQ(unheard.status, 0);
  }
  const auto refused = post(events, nobody);
  EXPECT_FALSE(refused.sent);
  EXPECT_EQ(refused.error, "Connection refused");
}

TEST(HttpPost, TakesHalfAnAnswerForNone) {
  for (const char* bytes :
       {"", "HTTP/1.1 200", "junk\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\nab"}) {
    loop events;
    canned server(events, bytes);
    const auto answer = post(events, server.peer());
    EXPECT_TRUE(answer.sent);
    EXPECT_EQ(answer.status, 0) << bytes;
    EXPECT_NE(answer.error, "") << bytes;
  }
}

TEST(HttpLines, ComeAsTheyAre) {
  loop events;
  canned server(events,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                "3\r\nab\n\r\n1\r\nc\r\n4\r\nd\ne\n\r\n1\r\nf\r\n0\r\n\r\n");
  const auto lines = http_lines::make(events.executor());
  ASSERT_TRUE(events.run(lines->open(server.peer(), "/v3/x", "{}", in(20s))));
  EXPECT_EQ(events.run(lines->next()), "ab");
  EXPECT_EQ(events.run(lines->next()), "cd");
  EXPECT_EQ(events.run(lines->next()), "e");
  EXPECT_EQ(events.run(lines->next()), std::nullopt);
}

TEST(HttpLines, EndWhenTheyAreClosed) {
  loop events;
  canned server(events, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab\n\r\n");
  const auto lines = http_lines::make(events.executor());
  ASSERT_TRUE(events.run(lines->open(server.peer(), "/v3/x", "{}", in(20s))));
  EXPECT_EQ(events.run(lines->next()), "ab");
  lines->close();
  EXPECT_EQ(events.run(lines->next()), std::nullopt);
  const auto refused = http_lines::make(events.executor());
  canned other(events, "HTTP/1.1 503 Not Now\r\nContent-Length: 0\r\n\r\n");
  EXPECT_FALSE(events.run(refused->open(other.peer(), "/v3/x", "{}", in(20s))));
}

}  // namespace
}  // namespace understudy::coord
