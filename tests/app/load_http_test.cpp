// The load generator over HTTP: how answers are cut and judged.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "app/bench/load.hpp"
#include "app/bench/load_reader.hpp"
#include "app/load_peer.hpp"

namespace understudy::app {
namespace {

constexpr std::string_view http_request = "POST /rpc HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}";

class http_recorder : public load_recorder {
 public:
  void append_call(std::uint64_t number, std::string& out) override {
    begun.push_back(number);
    out += http_request;
  }
};

/// Sends `answer` to each of 4 calls over HTTP.
http_recorder http_calls(const std::string& answer, unsigned depth = 1) {
  load_peer server([&](auto) { return answer; }, http_request.size());
  auto options = options_for(server, 4);
  options.connections = 1;
  options.depth = depth;
  options.protocol = load_protocol::http;
  http_recorder calls;
  run_load(options, calls);
  EXPECT_EQ(calls.calls.size(), 4u);
  return calls;
}

std::string http_answer(std::string_view status, std::string_view body) {
  return "HTTP/1.1 " + std::string(status) +
         "\r\nServer: x\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

constexpr std::string_view json_result = R"({"jsonrpc":"2.0","id":1,"result":null})";
constexpr std::string_view json_error =
    R"({"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no","data":null}})";

TEST(load, over_http_each_answer_ends_one_call) {
  for (const unsigned depth : {1U, 4U}) {
    const auto calls = http_calls(http_answer("200 OK", json_result), depth);
    EXPECT_EQ(calls.count(load_end::answered), 4u);
    for (const auto& call : calls.calls) EXPECT_TRUE(call.good());
  }
}

TEST(load, over_http_an_error_of_json_rpc_counts_whatever_the_status) {
  for (const auto* status : {"200 OK", "503 Service Unavailable"}) {
    const auto calls = http_calls(http_answer(status, json_error));
    EXPECT_EQ(calls.count(load_end::answered), 4u);
    EXPECT_EQ(calls.calls.front().code, -32000);
  }
}

TEST(load, over_http_what_is_no_answer_is_unreadable) {
  for (const std::string& answer :
       {http_answer("502 Bad Gateway", "<html>"), std::string("HTTP/1.1 200 OK\r\n\r\n"),
        std::string("HTTP/1.1 204 No Content\r\n\r\n"), framed("{}") + "\r\n\r\n",
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\n{}"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n")}) {
    EXPECT_EQ(http_calls(answer).count(load_end::unreadable), 4u) << answer;
  }
}

TEST(load_http_reader, reads_answers_however_they_are_cut) {
  const std::string stream =
      http_answer("200 OK", json_result) + http_answer("200 OK", std::string(100'000, 'x'));
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, stream.size()}) {
    load_http_reader reader;
    std::vector<std::string> bodies;
    std::size_t at = 0;
    while (at < stream.size()) {
      const auto room = reader.prepare();
      const std::size_t count = std::min({step, room.size(), stream.size() - at});
      std::copy_n(stream.begin() + static_cast<std::ptrdiff_t>(at), count, room.begin());
      reader.commit(count);
      at += count;
      for (auto answer = reader.next(); std::holds_alternative<load_body>(answer);
           answer = reader.next()) {
        bodies.emplace_back(std::get<load_body>(answer).text);
      }
    }
    ASSERT_EQ(bodies.size(), 2u) << step;
    EXPECT_EQ(bodies.front(), json_result);
    EXPECT_EQ(bodies.back().size(), 100'000u);
  }
}

TEST(load_http_reader, a_head_that_does_not_end_is_nonsense) {
  load_http_reader reader;
  load_answer answer;
  for (int i = 0; i < 10 && std::holds_alternative<std::monostate>(answer); ++i) {
    const auto room = reader.prepare();
    std::fill(room.begin(), room.end(), 'x');
    reader.commit(room.size());
    answer = reader.next();
  }
  EXPECT_TRUE(std::holds_alternative<load_nonsense>(answer));
}

}  // namespace
}  // namespace understudy::app
