// Shapes that two HTTP implementations read differently: each is refused, the connection is
// closed, and the request hidden inside is never answered.
#include "net/http_fixture.hpp"

namespace understudy::test {
namespace {

using boost::asio::awaitable;

awaitable<net::http_response> echo(net::http_request request) {
  net::http_response response;
  response.body = "handled " + request.method + ' ' + request.path + " [" + request.body + "]\n";
  co_return response;
}

struct shape {
  std::string_view name;
  std::string fields;  // of a POST to /outer
  std::string body;
};

const std::string inner = "GET /inner HTTP/1.1\r\nHost: a\r\n\r\n";

const shape shapes[] = {
    {"length_with_chunked", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"},
    {"chunked_with_length", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"},
    {"two_lengths", "Content-Length: 0\r\nContent-Length: 32\r\n", ""},
    {"length_list", "Content-Length: 0, 32\r\n", ""},
    {"length_with_plus", "Content-Length: +0\r\n", ""},
    {"length_with_minus", "Content-Length: -1\r\n", ""},
    {"length_in_hex", "Content-Length: 0x0\r\n", ""},
    {"length_space_colon", "Content-Length : 0\r\n", ""},
    {"length_folded", "Content-Length:\r\n 0\r\n", ""},
    {"length_behind_bare_lf", "X: y\nContent-Length: 0\r\n", ""},
    {"length_behind_bare_cr", "X: y\rContent-Length: 0\r\n", ""},
    {"coding_space_colon", "Transfer-Encoding : chunked\r\n", "0\r\n\r\n"},
    {"coding_folded", "Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"},
    {"coding_identity", "Transfer-Encoding: identity\r\n", ""},
    {"coding_list", "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"},
    {"coding_misspelt", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"},
    {"coding_twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"},
    {"chunk_size_plus", "Transfer-Encoding: chunked\r\n", "+0\r\n\r\n"},
    {"chunk_size_minus", "Transfer-Encoding: chunked\r\n", "-1\r\n\r\n"},
    {"chunk_size_prefix", "Transfer-Encoding: chunked\r\n", "0x0\r\n\r\n"},
    {"chunk_size_letter", "Transfer-Encoding: chunked\r\n", "g\r\n\r\n"},
    {"chunk_size_empty", "Transfer-Encoding: chunked\r\n", "\r\n\r\n"},
    {"chunk_size_overflow", "Transfer-Encoding: chunked\r\n", "10000000000000000\r\n\r\n"},
    {"chunk_size_leading_space", "Transfer-Encoding: chunked\r\n", " 0\r\n\r\n"},
    {"chunk_bare_lf", "Transfer-Encoding: chunked\r\n", "0\n\n"},
    {"chunk_extension_bare_lf", "Transfer-Encoding: chunked\r\n", "0;a\n\r\n"},
    {"chunk_extension_bare_cr", "Transfer-Encoding: chunked\r\n", "0;a\rb\r\n\r\n"},
    {"chunk_longer_than_said", "Transfer-Encoding: chunked\r\n", "1\r\nabc\r\n0\r\n\r\n"},
    {"trailer_space_colon", "Transfer-Encoding: chunked\r\n", "0\r\nX : y\r\n\r\n"},
};

class http_smuggling : public testing::TestWithParam<shape> {};

TEST_P(http_smuggling, is_refused_and_closed) {
  http_fixture fixture(echo);
  raw_caller caller(fixture.address());
  caller.send("POST /outer HTTP/1.1\r\nHost: a\r\n" + GetParam().fields + "\r\n" + GetParam().body +
              inner);
  const auto answer = caller.read_all();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
  EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos) << answer;
  EXPECT_NE(answer.find("{\"error\":\""), std::string::npos) << answer;
  EXPECT_EQ(count_of(answer, "HTTP/1.1 "), 1U) << answer;
  EXPECT_EQ(answer.find("handled"), std::string::npos) << answer;
}

INSTANTIATE_TEST_SUITE_P(all, http_smuggling, testing::ValuesIn(shapes),
                         [](const auto& one) { return std::string(one.param.name); });

// The same frame around it, well-formed: both requests are answered, so that the cases above
// fail for their shape and for nothing else.
TEST(http_smuggling_control, well_formed_bodies_end_where_they_say) {
  http_fixture fixture(echo);
  raw_caller caller(fixture.address());
  caller.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 32\r\n\r\n" + inner +
              "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
              "20;x=y\r\n" +
              inner + "\r\n0\r\nX: y\r\n\r\n" + "GET /c HTTP/1.0\r\n\r\n");
  const auto answers = caller.read_all();
  EXPECT_EQ(count_of(answers, "HTTP/1.1 200 "), 3U) << answers;
  EXPECT_NE(answers.find("handled POST /a [" + inner + ']'), std::string::npos) << answers;
  EXPECT_NE(answers.find("handled POST /b [" + inner + ']'), std::string::npos) << answers;
  EXPECT_NE(answers.find("handled GET /c []"), std::string::npos) << answers;
  EXPECT_EQ(answers.find("handled GET /inner"), std::string::npos) << answers;
}

}  // namespace
}  // namespace understudy::test
