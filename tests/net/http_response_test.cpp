// What a server's response may look like, whole or cut anywhere.
#include <gtest/gtest.h>

#include <cstring>

#include "net/http_response_reader.hpp"

namespace understudy::net {
namespace {

using state = http_response_reader::state;

constexpr std::size_t head_max = 400;
constexpr std::size_t body_max = 100;

/// Feeds `bytes` in pieces of `cut`; the state that it ends in.
state feed(http_response_reader& reader, std::string_view bytes, std::size_t cut) {
  state now = state::more;
  while (now == state::more && !bytes.empty()) {
    const auto room = reader.prepare();
    const auto part = bytes.substr(0, std::min(cut, room.size()));
    std::memcpy(room.data(), part.data(), part.size());
    bytes.remove_prefix(part.size());
    now = reader.commit(part.size());
  }
  return now;
}

struct good_case {
  std::string_view name;
  std::string bytes;
  int status;
  std::string_view body;
  bool reusable;
};

class http_responses : public testing::TestWithParam<good_case> {};

TEST_P(http_responses, are_read_however_they_are_cut) {
  const auto& one = GetParam();
  for (std::size_t cut = 1; cut <= one.bytes.size(); ++cut) {
    http_response_reader reader(head_max, body_max);
    reader.begin();
    auto ended = feed(reader, one.bytes, cut);
    if (ended == state::more) ended = reader.end();
    ASSERT_EQ(ended, state::done) << cut;
    EXPECT_EQ(reader.head().status, one.status);
    EXPECT_EQ(reader.body(), one.body);
    EXPECT_EQ(reader.reusable(), one.reusable) << cut;
  }
}

const std::string ok = "HTTP/1.1 200 OK\r\n";
const good_case good_cases[] = {
    {"length", ok + "Content-Length: 2\r\n\r\n{}", 200, "{}", true},
    {"length_zero", ok + "content-LENGTH:0\r\n\r\n", 200, "", true},
    {"no_reason", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, "", true},
    {"close", ok + "Connection: close\r\nContent-Length: 2\r\n\r\n{}", 200, "{}", false},
    {"close_in_list", ok + "Connection: x, Close\r\nContent-Length: 2\r\n\r\n{}", 200, "{}", false},
    {"old_version", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, "{}", false},
    {"old_keeps", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}", 200,
     "{}", true},
    {"until_end", ok + "\r\n{\"a\":1}", 200, "{\"a\":1}", false},
    {"chunked", ok + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n", 200,
     "{}", true},
    {"chunked_trailer", ok + "Transfer-Encoding: Chunked\r\n\r\n2\r\n{}\r\n000\r\nA: b\r\n\r\n",
     200, "{}", true},
    {"continue_first", "HTTP/1.1 100 Continue\r\n\r\n" + ok + "Content-Length: 2\r\n\r\n{}", 200,
     "{}", true},
    {"hints_first", "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + ok + "Content-Length: 2\r\n\r\n{}",
     200, "{}", true},
    {"no_content", "HTTP/1.1 204 None\r\n\r\n", 204, "", true},
    {"error", "HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nContent-Length: 1\r\n\r\nx", 503, "x", true},
};
INSTANTIATE_TEST_SUITE_P(all, http_responses, testing::ValuesIn(good_cases),
                         [](const auto& one) { return std::string(one.param.name); });

struct bad_case {
  std::string_view name;
  std::string bytes;
  state ended = state::bad;
};

class http_no_responses : public testing::TestWithParam<bad_case> {};

TEST_P(http_no_responses, are_refused_however_they_are_cut) {
  const auto& one = GetParam();
  // Where long ones are cut makes no difference any more.
  for (std::size_t cut = 1; cut <= std::min<std::size_t>(one.bytes.size(), 100); ++cut) {
    http_response_reader reader(head_max, body_max);
    reader.begin();
    EXPECT_EQ(feed(reader, one.bytes, cut), one.ended) << cut;
    EXPECT_FALSE(reader.reusable());
  }
}

const std::string chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";
const bad_case bad_cases[] = {
    {"not_http", "SSH-2.0-OpenSSH_9.2\r\n\r\n"},
    {"no_line_end", "ready."},
    {"frame", std::string("\0\0\0\x02\0\0\0\0{}\n", 11)},
    {"version", "HTTP/2 200 OK\r\n\r\n"},
    {"status_short", "HTTP/1.1 20 OK\r\n\r\n"},
    {"status_long", "HTTP/1.1 2000 OK\r\n\r\n"},
    {"status_text", "HTTP/1.1 abc OK\r\n\r\n"},
    {"status_zero", "HTTP/1.1 000 OK\r\n\r\n"},
    {"reason_control", "HTTP/1.1 200 O\x01K\r\n\r\n"},
    {"switching", "HTTP/1.1 101 Switching\r\n\r\n"},
    {"interim_with_body", "HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\n{}"},
    {"interim_endless",
     [] {
       std::string all;
       for (int i = 0; i < 9; ++i) all += "HTTP/1.1 100 Continue\r\n\r\n";
       return all;
     }()},
    {"bare_lf", "HTTP/1.1 200 OK\nContent-Length: 2\n\n{}"},
    {"bare_cr", ok + "X: a\rContent-Length: 2\r\n\r\n{}"},
    {"folded", ok + "X: a\r\n b\r\n\r\n"},
    {"no_colon", ok + "X\r\n\r\n"},
    {"space_before_colon", ok + "Content-Length : 2\r\n\r\n{}"},
    {"two_lengths", ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"},
    {"length_list", ok + "Content-Length: 2, 2\r\n\r\n{}"},
    {"length_sign", ok + "Content-Length: +2\r\n\r\n{}"},
    {"length_with_chunked",
     ok + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"},
    {"coding_other", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n"},
    {"coding_old", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {"chunk_no_size", chunked + "\r\n"},
    {"chunk_letter", chunked + "g\r\n"},
    {"chunk_prefix", chunked + "0x2\r\n"},
    {"chunk_space", chunked + "2 \r\n"},
    {"chunk_overflow", chunked + "10000000000000000\r\n"},
    {"chunk_bare_lf", chunked + "2\n{}\n0\n\n"},
    {"chunk_longer", chunked + "1\r\n{}\r\n"},
    {"chunk_line_endless", chunked + "2;" + std::string(5000, 'x')},
    {"trailer_bad", chunked + "0\r\nX : y\r\n\r\n"},
    {"trailer_endless", chunked + "0\r\n" +
                            [] {
                              std::string all;
                              for (int i = 0; i < 2000; ++i) all += "Abc: defgh\r\n";
                              return all;
                            }()},
    {"head_large", ok + "X: " + std::string(head_max, 'x')},
    {"length_large", ok + "Content-Length: 101\r\n\r\n", state::too_large},
    {"chunk_large", chunked + "65\r\n", state::too_large},
    {"chunks_large", chunked + "32\r\n" + std::string(50, 'x') + "\r\n33\r\n", state::too_large},
    {"until_end_large", ok + "\r\n" + std::string(101, 'x'), state::too_large},
};
INSTANTIATE_TEST_SUITE_P(all, http_no_responses, testing::ValuesIn(bad_cases),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(http_response, that_ends_too_soon_is_none) {
  for (const std::string& bytes : {std::string(), ok, ok + "Content-Length: 2\r\n\r\n{",
                                   chunked + "2\r\n{}\r\n", chunked + "2\r\n{}\r\n0\r\n"}) {
    http_response_reader reader(head_max, body_max);
    reader.begin();
    EXPECT_EQ(feed(reader, bytes, 1000), state::more) << bytes;
    EXPECT_EQ(reader.end(), state::bad) << bytes;
    EXPECT_FALSE(reader.reusable());
  }
}

TEST(http_response, with_bytes_behind_it_ends_the_connection) {
  http_response_reader reader(head_max, body_max);
  reader.begin();
  EXPECT_EQ(feed(reader, ok + "Content-Length: 2\r\n\r\n{}" + ok, 1000), state::done);
  EXPECT_EQ(reader.body(), "{}");
  EXPECT_FALSE(reader.reusable());
}

TEST(http_response, may_follow_another) {
  http_response_reader reader(head_max, body_max);
  for (const auto& one : good_cases) {
    if (!one.reusable) continue;
    reader.begin();
    EXPECT_EQ(feed(reader, one.bytes, 7), state::done) << one.name;
    EXPECT_EQ(reader.body(), one.body);
    EXPECT_TRUE(reader.reusable());
  }
}

TEST(http_response, to_head_has_no_body_whatever_it_says) {
  http_response_reader reader(head_max, body_max);
  reader.begin(true);
  EXPECT_EQ(feed(reader, ok + "Content-Length: 50\r\n\r\n", 1000), state::done);
  EXPECT_EQ(reader.body(), "");
  EXPECT_TRUE(reader.reusable());
}

}  // namespace
}  // namespace understudy::net
