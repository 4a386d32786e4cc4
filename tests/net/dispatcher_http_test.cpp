// Servers that speak JSON-RPC over HTTP: what an answer is, what a failure proves, which
// connections are kept.
#include <boost/asio/ip/tcp.hpp>

#include "dispatcher_fixture.hpp"
#include "net/address.hpp"
#include "wire/answer.hpp"

namespace understudy::test {
namespace {

constexpr std::string_view pong = R"({"jsonrpc":"2.0","id":"","result":"pong"})";
const std::string ask = request_body("T@call");

fake_step http(int status, std::string_view body, std::string_view fields = "") {
  return fake_raw(fake_http(status, body, fields));
}

class dispatcher_http : public dispatcher_test {
 protected:
  fake_server server_{{}, fake_speaks::http};
  fake_server backup_{fake_result(R"("backup")"), fake_speaks::http};
};

TEST_F(dispatcher_http, posts_the_call_as_received_and_keeps_the_connection) {
  use({&server_});
  const std::string odd = R"( {"id" : 1e0, "method":"T@call","params":[ 1.0 ]} )";
  for (int i = 0; i < 3; ++i) {
    const auto result = call(odd);
    EXPECT_EQ(describe(result), R"(result {"jsonrpc":"2.0","id":"","result":"ok"})");
    EXPECT_EQ(std::get<net::forwarded>(result).server, server_.address());
  }
  ASSERT_EQ(server_.call_count(), 3U);
  const auto first = server_.calls().front();
  EXPECT_EQ(first.body, odd);
  EXPECT_TRUE(first.head.starts_with("POST /rpc HTTP/1.1\r\nHost: 127.0.0.1:")) << first.head;
  EXPECT_NE(first.head.find("\r\nContent-Type: application/json\r\n"), std::string::npos);
  run_until([&] { return server_.probe_count() > 0; });
  EXPECT_LE(server_.accepted(), 2U) << "the probe has one of its own, the calls share one";
}

// A notification would not be answered: nobody could say whether it has run.
TEST_F(dispatcher_http, gives_a_call_without_an_id_one) {
  use({&server_});
  call(R"( {"method":"T@call","params":{"id":5}})");
  call(R"({"method":"T@call","i\u0064":7})");
  ASSERT_EQ(server_.call_count(), 2U);
  EXPECT_EQ(server_.calls()[0].body, R"({"id":"","method":"T@call","params":{"id":5}})");
  EXPECT_EQ(server_.calls()[1].body, R"({"method":"T@call","i\u0064":7})");
}

struct answer_case {
  std::string_view name;
  fake_step step;
  std::string_view told;
};

class dispatcher_http_answers : public dispatcher_http,
                                public testing::WithParamInterface<answer_case> {};

TEST_P(dispatcher_http_answers, say_what_is_known) {
  server_.always(GetParam().step);
  use({&server_});
  EXPECT_EQ(describe(call(ask)), GetParam().told);
  EXPECT_EQ(server_.call_count(), 1U) << "not repeated: it is not idempotent";
}

fake_step cut_off(std::string bytes, bool reset) {
  fake_step step = fake_raw(std::move(bytes));
  step.close = true;
  step.reset = reset;
  return step;
}

const std::string chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n29\r\n" +
                           std::string(pong) + "\r\n0\r\n\r\n";
constexpr std::string_view told_pong = R"(result {"jsonrpc":"2.0","id":"","result":"pong"})";
constexpr std::string_view fault =
    R"({"jsonrpc":"2.0","id":"","error":{"code":7,"message":"no","data":null}})";
constexpr std::string_view told_fault =
    R"(result {"jsonrpc":"2.0","id":"","error":{"code":7,"message":"no","data":null}})";
constexpr std::string_view unknown = "error -32001 unknown";

const answer_case answer_cases[] = {
    {"length", http(200, pong), told_pong},
    {"created", http(201, pong), told_pong},
    {"chunked", fake_raw(chunks), told_pong},
    {"until_end", cut_off("HTTP/1.1 200 OK\r\n\r\n" + std::string(pong), false), told_pong},
    {"old_version", cut_off("HTTP/1.0 200 OK\r\n\r\n" + std::string(pong), false), told_pong},
    {"continued", fake_raw("HTTP/1.1 100 Continue\r\n\r\n" + fake_http(200, pong)), told_pong},
    {"error_with_200", http(200, fault), told_fault},
    {"error_with_500", http(500, fault), told_fault},
    {"error_with_503", http(503, fault), told_fault},
    {"result_with_500", http(500, pong), unknown},
    {"nothing", http(200, ""), unknown},
    {"no_content", fake_raw("HTTP/1.1 204 None\r\n\r\n"), unknown},
    {"page", http(200, "<html>"), unknown},
    {"bad_gateway", http(502, "<html>"), unknown},
    {"gateway_timeout", http(504, ""), unknown},
    {"redirect", http(302, "", "Location: /else\r\n"), unknown},
    {"batch", http(200, "[" + std::string(pong) + "]"), unknown},
    {"two_lengths", http(200, pong, "Content-Length: 41\r\n"), unknown},
    {"head_cut", cut_off("HTTP/1.1 200 OK\r\nContent-", false), unknown},
    {"body_cut", cut_off("HTTP/1.1 200 OK\r\nContent-Length: 41\r\n\r\n{", false), unknown},
    {"body_reset", cut_off("HTTP/1.1 200 OK\r\nContent-Length: 41\r\n\r\n{", true), unknown},
    {"chunk_cut", cut_off(chunks.substr(0, chunks.size() - 2), false), unknown},
    {"until_reset", cut_off("HTTP/1.1 200 OK\r\n\r\n" + std::string(pong.substr(0, 9)), true),
     unknown},
    {"closed", cut_off("", false), unknown},
    {"frames", fake_raw(std::string("\0\0\0\x29\0\0\0\0", 8) + std::string(pong)), unknown},
};
INSTANTIATE_TEST_SUITE_P(all, dispatcher_http_answers, testing::ValuesIn(answer_cases),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_F(dispatcher_http, tells_of_a_busy_server_and_does_not_say_that_it_has_not_run) {
  server_.next({http(503, "busy", "Retry-After: 3\r\n"), http(429, ""),
                http(503, "", "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n")});
  use({&server_});
  for (const auto* wanted :
       {R"({"retry":false,"retry_after_ms":3000})", R"({"retry":false,"retry_after_ms":1000})",
        R"({"retry":false,"retry_after_ms":1000})"}) {
    const auto result = call(ask);
    ASSERT_TRUE(std::holds_alternative<net::forwarded>(result)) << describe(result);
    const auto& answer = std::get<net::forwarded>(result);
    EXPECT_EQ(answer.error_code, -32003);
    EXPECT_EQ(wire::parse_answer(answer.body)->data, wanted);
  }
  EXPECT_EQ(server_.call_count(), 3U);
}

TEST_F(dispatcher_http, asks_elsewhere_where_that_is_allowed) {
  server_.always(http(503, ""));
  use({&server_, &backup_});
  call_setup may_repeat;
  may_repeat.idempotent = true;
  EXPECT_EQ(describe(call(ask, may_repeat)),
            R"(result {"jsonrpc":"2.0","id":"","result":"backup"})");
  EXPECT_EQ(server_.call_count(), 1U);
}

TEST_F(dispatcher_http, goes_to_the_backup_when_nobody_listens) {
  server_.stop();
  use({&server_, &backup_});
  EXPECT_EQ(describe(call(ask)), R"(result {"jsonrpc":"2.0","id":"","result":"backup"})");
}

TEST_F(dispatcher_http, shares_a_pool_with_servers_of_frames) {
  fake_server frames(fake_result(R"("frames")"));
  use({&server_, &frames});
  EXPECT_EQ(describe(call(ask)), R"(result {"jsonrpc":"2.0","id":"","result":"ok"})");
  server_.stop();
  run_until([&] { return state_of(server_) != core::server_state::up; });
  EXPECT_EQ(describe(call(ask)), R"(result {"jsonrpc":"2.0","id":"","result":"frames"})");
}

TEST_F(dispatcher_http, refuses_files_and_sends_nothing) {
  use({&server_});
  call_setup with_file;
  with_file.files = {"content"};
  const auto result = call(ask, with_file);
  ASSERT_TRUE(std::holds_alternative<net::forwarded>(result)) << describe(result);
  EXPECT_EQ(std::get<net::forwarded>(result).error_code, -32602);
  EXPECT_EQ(server_.call_count(), 0U);
}

TEST_F(dispatcher_http, says_that_an_answer_is_too_large) {
  server_.always(http(200, std::string(2000, ' ')));
  auto options = quiet_options();
  options.limits.message_bytes_max = 1000;
  use({&server_}, std::move(options));
  EXPECT_EQ(describe(call(ask)), "error -32005 unknown");
}

TEST_F(dispatcher_http, gives_up_at_the_deadline) {
  fake_step held;
  held.hold = true;
  server_.next({held});
  use({&server_});
  call_setup brief;
  brief.within = 200ms;
  EXPECT_EQ(describe(call(ask, brief)), unknown);
  server_.release();
}

/// Whether the connection of a call carries the next one, too: `told` is kept or closed.
class dispatcher_http_endings : public dispatcher_http,
                                public testing::WithParamInterface<answer_case> {};

TEST_P(dispatcher_http_endings, are_respected) {
  server_.next({GetParam().step});
  server_.on_probe(http(200, pong, "Connection: close\r\n"));  // its connection is not kept
  use({&server_});
  run_until([&] { return server_.probe_count() > 0 && server_.accepted() == 1; });
  call(ask);
  const auto before = server_.accepted();
  EXPECT_EQ(describe(call(ask)), R"(result {"jsonrpc":"2.0","id":"","result":"ok"})");
  EXPECT_EQ(server_.accepted(), before + (GetParam().told == "kept" ? 0 : 1));
}

const answer_case endings[] = {
    {"length", http(200, pong), "kept"},
    {"chunked", fake_raw(chunks), "kept"},
    {"fault", http(503, ""), "kept"},
    {"said_close", http(200, pong, "Connection: close\r\n"), "closed"},
    {"old_version", fake_raw("HTTP/1.0 200 OK\r\nContent-Length: 41\r\n\r\n" + std::string(pong)),
     "closed"},
    {"garbage_behind", fake_raw(fake_http(200, pong) + "HTTP/1.1 200 OK\r\n"), "closed"},
    {"second_answer", fake_raw(fake_http(200, pong) + fake_http(200, pong)), "closed"},
    {"unreadable", http(200, "<html>"), "closed"},
};
INSTANTIATE_TEST_SUITE_P(all, dispatcher_http_endings, testing::ValuesIn(endings),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_F(dispatcher_http, learns_services_from_a_server_that_tells_them) {
  server_.on_probe(fake_result(R"({"T":{"call":{"parameters":[],"returnType":"string"}}})"));
  use({&server_});
  run_until([&] { return !learned_.empty(); });
  ASSERT_EQ(learned_.front().size(), 1U);
  EXPECT_EQ(learned_.front().front().name, "T");
}

TEST_F(dispatcher_http, is_alive_if_it_answers_probes_with_any_error) {
  server_.on_probe(http(404, R"({"jsonrpc":"2.0","id":"","error":{"code":-32601,"message":""}})"));
  auto options = quiet_options();
  options.pool.probe_interval = 5ms;
  use({&server_}, std::move(options));
  run_until([&] { return server_.probe_count() > 5; });
  EXPECT_EQ(state_of(server_), core::server_state::up);
}

TEST_F(dispatcher_http, is_avoided_if_something_else_answers) {
  server_.on_probe(http(200, "<html>It works!</html>"));
  auto options = quiet_options();
  options.pool.probe_interval = 5ms;
  use({&server_, &backup_}, std::move(options));
  run_until([&] { return state_of(server_) == core::server_state::suspect; });
  EXPECT_EQ(describe(call(ask)), R"(result {"jsonrpc":"2.0","id":"","result":"backup"})");
}

TEST(server_address, may_be_a_url) {
  const auto read = [](std::string_view text) {
    const auto address = net::split_server_address(text);
    return address ? address->at.host + ' ' + address->at.port + ' ' + address->http_target : "-";
  };
  EXPECT_EQ(read("127.0.0.1:9501"), "127.0.0.1 9501 ");
  EXPECT_EQ(read("http://a.b:80"), "a.b 80 /");
  EXPECT_EQ(read("http://a.b:80/"), "a.b 80 /");
  EXPECT_EQ(read("http://[::1]:80/rpc/v1?x=y:z"), "::1 80 /rpc/v1?x=y:z");
  for (const auto* wrong : {"http://", "http://a", "http://a/rpc", "http://a:0/", "https://a:443/",
                            "http://u@a:80/", "http://a:80/a b", "http://a:80/\r\nX: y",
                            "http://a:80/\xc3\xa9", "http://a:80/#x", "a:80/rpc", "HTTP//a:80"}) {
    EXPECT_EQ(read(wrong), "-") << wrong;
  }
  const boost::asio::ip::tcp::endpoint at(boost::asio::ip::make_address("::1"), 80);
  EXPECT_EQ(net::format_server_address(*net::split_server_address("http://a:80/x"), at),
            "http://[::1]:80/x");
  EXPECT_EQ(net::format_server_address(*net::split_server_address("a:80"), at), "[::1]:80");
}

}  // namespace
}  // namespace understudy::test
