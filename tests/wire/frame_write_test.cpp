#include <gtest/gtest.h>

#include <string>

#include "wire/frame.hpp"

namespace understudy::wire {
namespace {

using namespace std::string_literals;

TEST(append_frame, writes_length_and_type_big_endian) {
  std::string out = "before";
  append_frame(out, frame_type::message, "{}");
  append_frame(out, frame_type::file, "");
  EXPECT_EQ(out, "before\0\0\0\2\0\0\0\0{}\0\0\0\0\0\0\0\1"s);
}

TEST(append_frame, uses_all_bytes_of_the_length) {
  std::string out;
  append_frame(out, frame_type::file, std::string(0x010203, 'x'));
  EXPECT_EQ(out.substr(0, 8), "\0\1\2\3\0\0\0\1"s);
  EXPECT_EQ(out.size(), 8u + 0x010203);
}

TEST(begin_frame, counts_what_is_appended_until_end_frame) {
  std::string out;
  const std::size_t file_at = begin_frame(out);
  out += "abc";
  end_frame(out, file_at, frame_type::file);
  const std::size_t message_at = begin_frame(out);
  EXPECT_EQ(message_at, 11u);
  out += "[1]";
  end_frame(out, message_at, frame_type::message);
  EXPECT_EQ(out, "\0\0\0\3\0\0\0\1abc\0\0\0\3\0\0\0\0[1]"s);
}

TEST(begin_frame_death, end_without_begin_is_our_bug) {
  std::string out = "short";
  EXPECT_DEATH(end_frame(out, 0, frame_type::message), "check failed");
}

TEST(is_poison, is_what_php_calls_empty) {
  EXPECT_TRUE(is_poison(""));
  EXPECT_TRUE(is_poison("0"));
  for (const std::string& body : {"00"s, "\0"s, " "s, "0 "s, "1"s, "0.0"s, "{}"s}) {
    EXPECT_FALSE(is_poison(body)) << body;
  }
}

TEST(header_cut, is_true_where_a_read_ends_inside_the_header) {
  for (const std::uint64_t read : {server_read_bytes, client_read_bytes}) {
    for (const std::uint64_t burst : {std::uint64_t{0}, read, 1000 * read, read << 20}) {
      EXPECT_FALSE(header_cut(burst, read));
      EXPECT_FALSE(header_cut(burst + 1, read));
      EXPECT_FALSE(header_cut(burst + read - 8, read)) << "the header ends with the read";
      for (std::uint64_t back = 1; back < 8; ++back) {
        EXPECT_TRUE(header_cut(burst + read - back, read)) << back;
      }
    }
  }
}

}  // namespace
}  // namespace understudy::wire
