#include "net/http_head.hpp"

#include <gtest/gtest.h>

namespace understudy::net {
namespace {

struct head_case {
  std::string_view name;
  std::string head;
  int status;  // 0: good
};

class http_head_shapes : public testing::TestWithParam<head_case> {};

TEST_P(http_head_shapes, are_judged) {
  http_request_head head;
  const auto refusal = read_http_head(GetParam().head, 100, head);
  EXPECT_EQ(refusal ? refusal->status : 0, GetParam().status)
      << (refusal ? refusal->sentence : "accepted");
  if (refusal) {
    EXPECT_TRUE(refusal->sentence.ends_with('.'));
  }
}

std::string with(std::string_view fields) {
  return "POST /rpc HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

const head_case head_cases[] = {
    {"plain", with(""), 0},
    {"length", with("Content-Length: 5\r\n"), 0},
    {"chunked", with("Transfer-Encoding: Chunked\r\n"), 0},
    {"empty_value", with("X:\r\n"), 0},
    {"tab_in_value", with("X: a\tb\r\n"), 0},
    {"utf8_in_value", with("X: \xc3\xa9\r\n"), 0},
    {"expects_continue", with("Expect: 100-Continue\r\n"), 0},
    {"old_without_host", "GET / HTTP/1.0\r\n\r\n", 0},
    {"absolute_target", "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n", 0},
    {"length_and_coding", with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400},
    {"coding_and_length", with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400},
    {"two_lengths", with("Content-Length: 5\r\nContent-Length: 6\r\n"), 400},
    {"two_equal_lengths", with("Content-Length: 5\r\ncontent-length: 5\r\n"), 400},
    {"length_list", with("Content-Length: 5, 5\r\n"), 400},
    {"length_plus", with("Content-Length: +5\r\n"), 400},
    {"length_minus", with("Content-Length: -5\r\n"), 400},
    {"length_hex", with("Content-Length: 0x5\r\n"), 400},
    {"length_blank", with("Content-Length: \r\n"), 400},
    {"length_fraction", with("Content-Length: 5.0\r\n"), 400},
    {"length_overflow", with("Content-Length: 18446744073709551617\r\n"), 400},
    {"gzip_chunked", with("Transfer-Encoding: gzip, chunked\r\n"), 400},
    {"identity", with("Transfer-Encoding: identity\r\n"), 400},
    {"chunked_twice", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
    {"chunked_list", with("Transfer-Encoding: chunked, chunked\r\n"), 400},
    {"chunked_vertical_tab",
     with("Transfer-Encoding: \x0b"
          "chunked\r\n"),
     400},
    {"space_before_colon", with("Content-Length : 5\r\n"), 400},
    {"tab_before_colon", with("Transfer-Encoding\t: chunked\r\n"), 400},
    {"folded", with("X: a\r\n b\r\n"), 400},
    {"folded_first", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
    {"no_colon", with("X\r\n"), 400},
    {"empty_name", with(": x\r\n"), 400},
    {"quoted_name", with("\"X\": x\r\n"), 400},
    {"control_in_value", with("X: a\x01\r\n"), 400},
    {"nul_in_value", with(std::string("X: a\0b\r\n", 8)), 400},
    {"bare_lf", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
    {"bare_lf_in_value", with("X: a\nY: b\r\n"), 400},
    {"bare_cr", with("X: a\rY: b\r\n"), 400},
    {"no_host", "GET / HTTP/1.1\r\n\r\n", 400},
    {"two_hosts", with("Host: b\r\n"), 400},
    {"coding_in_1_0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"not_http", "hello\r\n\r\n", 400},
    {"old_simple_request", "GET /\r\n\r\n", 400},
    {"no_target", "GET  HTTP/1.1\r\nHost: a\r\n\r\n", 0},  // an empty target: parse_http_target's
    {"space_in_target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"utf8_target", "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"bad_method", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"lower_version", "GET / http/1.1\r\nHost: a\r\n\r\n", 400},
    {"version_2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
    {"version_1_2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
    {"long_target", "GET /" + std::string(100, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
    {"other_expectation", with("Expect: wonders\r\n"), 417},
    {"cut_off", "GET / HTTP/1.1\r\nHost: a", 400},
};

INSTANTIATE_TEST_SUITE_P(all, http_head_shapes, testing::ValuesIn(head_cases),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(http_target, is_cut_and_decoded) {
  const auto target = parse_http_target("/a%2Fb/%C3%A9?x=1+2&y=%26&z&&=e");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/a/b/\xc3\xa9");
  const std::vector<std::pair<std::string, std::string>> query{
      {"x", "1 2"}, {"y", "&"}, {"z", ""}, {"", "e"}};
  EXPECT_EQ(target->query, query);
}

TEST(http_target, may_be_absolute) {
  EXPECT_EQ(parse_http_target("http://host:1/a?b=c")->path, "/a");
  EXPECT_EQ(parse_http_target("http://host")->path, "/");
  EXPECT_EQ(parse_http_target("http://host?b=c")->query.size(), 1U);
  EXPECT_EQ(parse_http_target("*")->path, "*");
}

TEST(http_target, is_absolute_only_with_a_scheme_of_http) {
  EXPECT_EQ(parse_http_target("HTTPS://host/a")->path, "/a");
  for (const auto* target :
       {"://host/a", "ftp://host/a", "a?b=http://host/c", "http", "http:/a", ""}) {
    EXPECT_FALSE(parse_http_target(target)) << target;
  }
}

TEST(http_target, refuses_bad_escapes) {
  for (const auto* bad : {"/%", "/%4", "/%zz", "/%4g", "/a%00b", "/?a=%", "/?%g1=a", "a/b", ""}) {
    EXPECT_FALSE(parse_http_target(bad)) << bad;
  }
}

TEST(http_target, survives_the_way_there_and_back) {
  http_target target;
  for (int c = 1; c < 256; ++c) target.path += static_cast<char>(c);
  target.path.insert(0, "/");
  target.query = {{"a b", "c&d=e+f%"}, {"\xff", ""}};
  const auto text = format_http_target(target);
  const std::string head_text = "GET " + text + " HTTP/1.0\r\n\r\n";
  http_request_head head;
  EXPECT_FALSE(read_http_head(head_text, 4000, head));
  EXPECT_EQ(head.target, text);
  const auto back = parse_http_target(text);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->path, target.path);
  EXPECT_EQ(back->query, target.query);
}

}  // namespace
}  // namespace understudy::net
