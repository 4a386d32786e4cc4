#include <malloc.h>

#include <atomic>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <future>

#include "net/http_event_stream.hpp"
#include "net/http_fixture.hpp"

namespace understudy::test {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

awaitable<net::http_response> echo(net::http_request request) {
  net::http_response response;
  response.content_type = "text/plain";
  response.body = request.method + ' ' + request.path;
  for (const auto& [name, value] : request.query) response.body += " {" + name + '=' + value + '}';
  response.body += " [" + request.body + ']';
  response.headers.emplace_back("X-Seen", request.header("x-sent"));
  co_return response;
}

net::http_request make(std::string method, std::string path, std::string body = {}) {
  net::http_request request;
  request.method = std::move(method);
  request.path = std::move(path);
  request.body = std::move(body);
  return request;
}

TEST(http_server, answers_a_fetch) {
  http_fixture fixture(echo);
  auto request = make("POST", "/a b/\xc3\xa9", "body");
  request.query = {{"x", "1&2"}};
  request.headers = {{"X-Sent", "yes"}};
  const auto response = net::http_fetch(fixture.address(), request);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "text/plain");
  EXPECT_EQ(response.body, "POST /a b/\xc3\xa9 {x=1&2} [body]");
  EXPECT_EQ(response.header("x-seen"), "yes");
  EXPECT_TRUE(fixture.comes_down_to(0));
}

// Ten thousand of them are allowed by default. (A sanitizer's allocator tells nothing: its builds
// cannot see this fail.)
TEST(http_server, a_connection_that_has_sent_little_holds_little_memory) {
  http_fixture fixture(echo);
  constexpr std::size_t count = 100;
  std::size_t before = 0;
  std::size_t after = 0;
  const auto allocated = [](std::size_t& into) {
    const auto all = ::mallinfo2();
    into = all.uordblks + all.hblkhd;
  };
  net::http_fetch(fixture.address(), make("GET", "/"));
  fixture.on_owner([&] { allocated(before); });
  std::deque<raw_caller> callers;
  for (std::size_t i = 0; i < count; ++i) {
    callers.emplace_back(fixture.address());
    callers.back().send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nX: ");
    callers.back().read_past(" []");
  }
  fixture.on_owner([&] { allocated(after); });
  EXPECT_LT((after - before) / count, 32768U);
}

awaitable<net::http_response> count_body(const net::http_request& request) {
  net::http_response response;
  response.body = '[' + std::to_string(request.body.size()) + ']';
  co_return response;
}

TEST(http_server, a_connection_that_rests_gives_back_what_a_large_request_took) {
  http_fixture fixture(count_body);
  constexpr std::size_t count = 20;
  constexpr std::size_t body_bytes = std::size_t{1} << 20;
  std::size_t before = 0;
  std::size_t after = 0;
  const auto allocated = [](std::size_t& into) {
    const auto all = ::mallinfo2();
    into = all.uordblks + all.hblkhd;
  };
  const std::string request =
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body_bytes) + "\r\n\r\n" +
      std::string(body_bytes, 'x');
  std::deque<raw_caller> callers;
  for (std::size_t i = 0; i < count; ++i) callers.emplace_back(fixture.address());
  fixture.on_owner([&] { allocated(before); });
  for (auto& caller : callers) {
    caller.send(request);
    caller.read_past("[1048576]");
  }
  fixture.on_owner([&] { allocated(after); });
  EXPECT_LT(after, before + count * 65536);
}

TEST(http_server, keeps_the_connection_and_answers_in_order) {
  http_fixture fixture(echo);
  raw_caller caller(fixture.address());
  std::string requests;
  for (int i = 0; i < 20; ++i) {
    requests += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  }
  caller.send(requests);
  for (int i = 0; i < 20; ++i) {
    const auto answer = caller.read_past(" []");
    EXPECT_TRUE(answer.ends_with("\r\n\r\nGET /" + std::to_string(i) + " []")) << answer;
    EXPECT_NE(answer.find("Connection: keep-alive"), std::string::npos);
  }
  EXPECT_EQ(fixture.server().connections(), 1U);
}

TEST(http_server, takes_a_request_cut_anywhere) {
  http_fixture fixture(echo);
  raw_caller caller(fixture.address());
  const std::string request =
      "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  for (const char c : request) caller.send({&c, 1});
  EXPECT_TRUE(caller.read_past("[abc]").ends_with("POST /x [abc]"));
}

struct ending {
  std::string_view name;
  std::string request;
  bool stays;
};

class http_endings : public testing::TestWithParam<ending> {};

TEST_P(http_endings, are_as_the_version_says) {
  http_fixture fixture(echo);
  raw_caller caller(fixture.address());
  caller.send(GetParam().request);
  const auto answer = caller.read_past(" []");
  EXPECT_NE(answer.find(GetParam().stays ? "Connection: keep-alive" : "Connection: close"),
            std::string::npos)
      << answer;
  if (GetParam().stays) {
    caller.send("GET /again HTTP/1.0\r\n\r\n");
    EXPECT_NE(caller.read_all().find("GET /again []"), std::string::npos);
  } else {
    EXPECT_EQ(caller.read_all(), "");
  }
}

INSTANTIATE_TEST_SUITE_P(
    all, http_endings,
    testing::Values(ending{"new_version", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
                    ending{"new_version_close",
                           "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false},
                    ending{"old_version", "GET / HTTP/1.0\r\n\r\n", false},
                    ending{"old_keep_alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                           true},
                    ending{"empty_line_before", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", true}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(http_server, sends_no_body_to_head) {
  http_fixture fixture(echo);
  raw_caller caller(fixture.address());
  caller.send("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\nGET /y HTTP/1.0\r\n\r\n");
  const auto answers = caller.read_all();
  EXPECT_NE(answers.find("Content-Length: 10\r\n"), std::string::npos) << answers;
  EXPECT_EQ(answers.find("HEAD /x []"), std::string::npos) << answers;
  EXPECT_TRUE(answers.ends_with("GET /y []")) << answers;
  EXPECT_EQ(net::http_fetch(fixture.address(), make("HEAD", "/")).body, "");
}

TEST(http_server, asks_for_the_body_that_waits_for_a_100) {
  http_fixture fixture(echo);
  raw_caller caller(fixture.address());
  caller.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(caller.read_past("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  caller.send("abc");
  EXPECT_TRUE(caller.read_past("[abc]").ends_with("POST /x [abc]"));
}

struct refusal_case {
  std::string_view name;
  std::string request;
  int status;
};

class http_refusals : public testing::TestWithParam<refusal_case> {};

TEST_P(http_refusals, are_answered_and_closed) {
  net::http_limits limits;
  limits.header_bytes_max = 1000;
  limits.target_bytes_max = 200;
  limits.body_bytes_max = 100;
  http_fixture fixture(echo, limits);
  raw_caller caller(fixture.address());
  caller.send(GetParam().request);
  const auto answer = caller.read_all();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + std::to_string(GetParam().status) + ' ')) << answer;
  EXPECT_TRUE(answer.ends_with(".\"}\n")) << answer;
  EXPECT_EQ(count_of(answer, "\r\nConnection: close\r\n"), 1U) << answer;
}

const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
const refusal_case refusal_cases[] = {
    {"body_length", post + "Content-Length: 101\r\n\r\n" + std::string(101, 'x'), 413},
    {"body_length_only", post + "Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n", 413},
    {"body_large", post + "Content-Length: 3000000\r\n\r\n" + std::string(3000000, 'x'), 413},
    {"body_chunked", post + "Transfer-Encoding: chunked\r\n\r\n65\r\n" + std::string(101, 'x'),
     413},
    {"body_two_chunks",
     post + "Transfer-Encoding: chunked\r\n\r\n40\r\n" + std::string(64, 'x') + "\r\n40\r\n" +
         std::string(64, 'x') + "\r\n0\r\n\r\n",
     413},
    {"target", "GET /" + std::string(200, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
    {"target_endless", "GET /" + std::string(5000, 'a'), 414},
    {"headers", post + "X: " + std::string(1000, 'a') + "\r\n\r\n", 431},
    {"headers_endless", post + "X: " + std::string(5000, 'a'), 431},
    {"headers_many",
     [] {
       std::string all = post;
       for (int i = 0; i < 300; ++i) all += "A:\r\n";
       return all + "\r\n";
     }(),
     431},
    {"escape", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"escape_in_query", "GET /?a=%1 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"empty_target", "GET  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"bare_lf_only", "GET / HTTP/1.1\nHost: a\n\n", 400},
    {"tls", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", 12), 400},
    {"expectation", post + "Expect: more\r\n\r\n", 417},
    {"version", "GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
};

INSTANTIATE_TEST_SUITE_P(all, http_refusals, testing::ValuesIn(refusal_cases),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(http_server, refuses_connections_over_the_limit) {
  net::http_limits limits;
  limits.connections_max = 2;
  http_fixture fixture(echo, limits);
  auto first = std::make_unique<raw_caller>(fixture.address());
  const raw_caller second(fixture.address());
  ASSERT_TRUE(fixture.comes_down_to(2));
  raw_caller third(fixture.address());
  third.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto answer = third.read_all();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
  EXPECT_NE(answer.find("Retry-After: 1\r\n"), std::string::npos) << answer;
  first.reset();
  ASSERT_TRUE(fixture.comes_down_to(1));
  raw_caller fourth(fixture.address());
  fourth.send("GET /ok HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(fourth.read_all().ends_with("GET /ok []"));
}

// Each waits for nothing but the server's own clock: it must let go of a peer that stands still.
TEST(http_server, lets_go_of_slow_and_silent_peers) {
  net::http_limits limits;
  limits.request_timeout = std::chrono::milliseconds{50};
  limits.idle_timeout = std::chrono::milliseconds{100};
  http_fixture fixture(echo, limits);
  for (const auto* sent :
       {"", "GET / HT", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na",
        "GET / HTTP/1.1\r\nHost: a\r\nX: "}) {
    raw_caller caller(fixture.address());
    caller.send(sent);
    EXPECT_EQ(caller.read_all(), "") << sent;
  }
  EXPECT_TRUE(fixture.comes_down_to(0));
}

// A byte now and then does not renew the time that a request has.
TEST(http_server, does_not_renew_the_time_of_a_request) {
  net::http_limits limits;
  limits.request_timeout = std::chrono::milliseconds{100};
  http_fixture fixture(echo, limits);
  raw_caller caller(fixture.address());
  std::atomic<bool> closed = false;
  std::thread drip([&] {
    caller.send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!closed && std::chrono::steady_clock::now() < end) {
      caller.send("x");
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
  });
  EXPECT_EQ(caller.read_all(), "");
  EXPECT_TRUE(fixture.comes_down_to(0));
  closed = true;
  drip.join();
}

awaitable<net::http_response> huge(net::http_request) {
  net::http_response response;
  response.body.assign(std::size_t{32} << 20, 'x');
  co_return response;
}

TEST(http_server, lets_go_of_a_peer_that_does_not_read) {
  net::http_limits limits;
  limits.write_timeout = std::chrono::milliseconds{100};
  http_fixture fixture(huge, limits);
  const raw_caller caller(fixture.address(), 4096);
  caller.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(fixture.comes_down_to(1));
  EXPECT_TRUE(fixture.comes_down_to(0));
}

TEST(http_server, carries_a_large_answer) {
  http_fixture fixture(huge);
  EXPECT_EQ(net::http_fetch(fixture.address(), make("GET", "/"), patience).body.size(),
            std::size_t{32} << 20);
}

awaitable<net::http_response> broken(net::http_request) {
  throw std::runtime_error("out of \"luck\"");
  co_return net::http_response();
}

TEST(http_server, answers_for_a_handler_that_throws) {
  http_fixture fixture(broken);
  const auto response = net::http_fetch(fixture.address(), make("GET", "/"));
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body,
            "{\"error\":\"The request failed inside the server: out of \\\"luck\\\"\"}\n");
}

awaitable<net::http_response> split(net::http_request) {
  net::http_response response;
  response.headers.emplace_back("X-Said", "a\r\nX-Injected: b");
  co_return response;
}

TEST(http_server, lets_no_header_break_the_line) {
  http_fixture fixture(split);
  const auto response = net::http_fetch(fixture.address(), make("GET", "/"));
  EXPECT_EQ(response.header("X-Said"), "a  X-Injected: b");
  EXPECT_EQ(response.header("X-Injected"), "");
}

struct gate {
  explicit gate(asio::any_io_executor executor)
      : timer(executor, asio::steady_timer::time_point::max()) {}
  asio::steady_timer timer;
  std::promise<void> entered;
};

awaitable<net::http_response> wait_at(std::shared_ptr<std::unique_ptr<gate>> where) {
  (*where)->entered.set_value();
  boost::system::error_code ignored;
  co_await (*where)->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  net::http_response response;
  response.body = "late";
  co_return response;
}

TEST(http_server, answers_what_runs_when_it_stops) {
  const auto where = std::make_shared<std::unique_ptr<gate>>();
  http_fixture fixture([where](net::http_request) { return wait_at(where); });
  fixture.on_owner([&] { *where = std::make_unique<gate>(fixture.executor()); });
  raw_caller resting(fixture.address());
  raw_caller running(fixture.address());
  running.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  (*where)->entered.get_future().wait();
  const auto address = fixture.address();
  fixture.on_owner([&] { fixture.server().stop(); });
  EXPECT_EQ(resting.read_all(), "");
  EXPECT_THROW(net::http_fetch(address, make("GET", "/")), std::runtime_error);
  fixture.on_owner([&] { (*where)->timer.cancel(); });
  const auto answer = running.read_all();
  EXPECT_TRUE(answer.ends_with("late")) << answer;
  EXPECT_NE(answer.find("Connection: close"), std::string::npos) << answer;
  running.close();
  EXPECT_TRUE(fixture.comes_down_to(0));
  fixture.on_owner([&] { where->reset(); });
}

TEST(http_server, says_why_it_cannot_listen) {
  http_fixture fixture(echo);
  asio::io_context io;
  const auto other = net::http_server::make(io.get_executor(), {}, echo);
  for (const auto& address : {fixture.address(), std::string("nowhere"), std::string("127.0.0.1:"),
                              std::string(":80"), std::string("256.1.1.1:0")}) {
    EXPECT_THROW(other->listen(address), std::runtime_error) << address;
  }
}

TEST(http_fetch, says_why_there_is_no_answer) {
  http_fixture fixture(echo);
  const auto address = fixture.address();
  fixture.on_owner([&] { fixture.server().stop(); });
  try {
    net::http_fetch(address, make("GET", "/x"));
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_EQ(std::string(e.what()).find("No answer from " + address + " to GET /x: "), 0U);
  }
}

TEST(http_fetch, gives_up_in_time) {
  const auto where = std::make_shared<std::unique_ptr<gate>>();
  http_fixture fixture([where](net::http_request) { return wait_at(where); });
  fixture.on_owner([&] { *where = std::make_unique<gate>(fixture.executor()); });
  EXPECT_THROW(net::http_fetch(fixture.address(), make("GET", "/"), std::chrono::milliseconds{50}),
               std::runtime_error);
  fixture.on_owner([&] { (*where)->timer.cancel(); });
  EXPECT_TRUE(fixture.comes_down_to(0));
  fixture.on_owner([&] { where->reset(); });
}

}  // namespace
}  // namespace understudy::test
