#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "wire/frame.hpp"

namespace understudy::wire {
namespace {

std::string header(std::uint32_t length, std::uint32_t type) {
  std::string out;
  for (const std::uint32_t value : {length, type}) {
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xFF);
  }
  return out;
}

std::string framed(std::string_view body, frame_type type = frame_type::message) {
  std::string out;
  append_frame(out, type, body);
  return out;
}

void feed(frame_reader& reader, std::string_view bytes) {
  const std::span<char> room = reader.prepare(bytes.size());
  ASSERT_GE(room.size(), bytes.size());
  std::copy(bytes.begin(), bytes.end(), room.begin());
  reader.commit(bytes.size());
}

std::string body_of(const frame_result& result) {
  const frame* const found = std::get_if<frame>(&result);
  return found != nullptr ? std::string(found->body) : "(no frame)";
}

std::string refusal_of(const frame_result& result) {
  const frame_error* const found = std::get_if<frame_error>(&result);
  return found != nullptr ? found->message : "(no error)";
}

bool waits(const frame_result& result) {
  return std::holds_alternative<need_more>(result);
}

TEST(frame_reader, needs_more_until_the_last_byte) {
  const std::string bytes = framed("hello");
  frame_reader reader;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_TRUE(waits(reader.next())) << i;
    EXPECT_EQ(reader.buffered(), i);
    feed(reader, bytes.substr(i, 1));
  }
  EXPECT_EQ(body_of(reader.next()), "hello");
  EXPECT_EQ(reader.buffered(), 0u);
  EXPECT_TRUE(waits(reader.next()));
}

TEST(frame_reader, gives_several_frames_of_one_read_in_order) {
  frame_reader reader;
  feed(reader,
       framed("a") + framed("file", frame_type::file) + framed("") + framed("last").substr(0, 9));
  EXPECT_EQ(body_of(reader.next()), "a");
  const frame_result file = reader.next();
  EXPECT_EQ(body_of(file), "file");
  EXPECT_EQ(std::get<frame>(file).type, frame_type::file);
  EXPECT_EQ(body_of(reader.next()), "");
  EXPECT_TRUE(waits(reader.next()));
  EXPECT_EQ(reader.buffered(), 9u);
  feed(reader, framed("last").substr(9));
  EXPECT_EQ(body_of(reader.next()), "last");
}

TEST(frame_reader, a_frame_stays_valid_while_later_ones_are_taken) {
  frame_reader reader;
  feed(reader, framed("first") + framed("second"));
  const frame_result first = reader.next();
  const frame_result second = reader.next();
  EXPECT_EQ(body_of(first), "first");
  EXPECT_EQ(body_of(second), "second");
}

TEST(frame_reader, the_type_is_judged_before_the_length) {
  frame_reader reader;
  feed(reader, header(0xFFFFFFFF, 9));
  const frame_result result = reader.next();
  EXPECT_EQ(refusal_of(result), "unsupported data type: [9");
  EXPECT_EQ(std::get<frame_error>(result).what, frame_error::kind::unknown_type);
}

TEST(frame_reader, unknown_types_are_unsigned_numbers) {
  for (const std::uint32_t type :
       {2U, 0x100U, 0x01000000U, 0x7FFFFFFFU, 0x80000000U, 0xFFFFFFFFU}) {
    frame_reader reader;
    feed(reader, header(0, type));
    EXPECT_EQ(refusal_of(reader.next()), "unsupported data type: [" + std::to_string(type));
  }
}

TEST(frame_reader, a_message_of_the_limit_passes_and_one_byte_more_is_refused_at_the_header) {
  const frame_limits limits{.message_bytes_max = 100};
  frame_reader reader(limits);
  feed(reader, framed(std::string(100, 'x')));
  EXPECT_EQ(body_of(reader.next()), std::string(100, 'x'));
  feed(reader, header(101, 0).substr(0, 7));
  EXPECT_TRUE(waits(reader.next()));
  feed(reader, header(101, 0).substr(7));
  const frame_result result = reader.next();
  EXPECT_EQ(refusal_of(result), "message of 101 bytes is longer than the limit of 100 bytes");
  EXPECT_EQ(std::get<frame_error>(result).what, frame_error::kind::too_long);
}

TEST(frame_reader, four_gibibytes_are_refused_at_the_header) {
  for (const std::uint32_t type : {0U, 1U}) {
    frame_reader reader;
    feed(reader, header(0xFFFFFFFF, type));
    const frame_result result = reader.next();
    ASSERT_TRUE(std::holds_alternative<frame_error>(result));
    EXPECT_NE(refusal_of(result).find("4294967295 bytes"), std::string::npos);
  }
}

TEST(frame_reader, an_error_is_final) {
  frame_reader reader;
  feed(reader, header(0, 7) + framed("good"));
  EXPECT_EQ(refusal_of(reader.next()), "unsupported data type: [7");
  EXPECT_EQ(refusal_of(reader.next()), "unsupported data type: [7");
  feed(reader, framed("good"));
  EXPECT_EQ(refusal_of(reader.next()), "unsupported data type: [7");
}

TEST(frame_reader, the_file_limit_is_for_all_files_of_one_call) {
  const frame_limits limits{.file_bytes_max = 10};
  frame_reader reader(limits);
  const std::string six = framed("123456", frame_type::file);
  const std::string four = framed("1234", frame_type::file);
  for (int call = 0; call < 3; ++call) {
    feed(reader, six + four + framed("call"));
    EXPECT_EQ(body_of(reader.next()), "123456");
    EXPECT_EQ(body_of(reader.next()), "1234");
    EXPECT_EQ(body_of(reader.next()), "call");
  }
  feed(reader, six + header(5, 1));
  EXPECT_EQ(body_of(reader.next()), "123456");
  EXPECT_EQ(refusal_of(reader.next()),
            "files of 11 bytes in one call are longer than the limit of 10 bytes");
}

TEST(frame_reader, the_number_of_files_of_one_call_is_limited) {
  const frame_limits limits{.files_max = 2};
  frame_reader reader(limits);
  const std::string empty = framed("", frame_type::file);
  feed(reader, empty + empty + framed("call") + empty + empty + empty);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(std::holds_alternative<frame>(reader.next())) << i;
  const frame_result result = reader.next();
  EXPECT_EQ(refusal_of(result), "more files in one call than the limit of 2");
  EXPECT_EQ(std::get<frame_error>(result).what, frame_error::kind::too_many_files);
}

TEST(frame_reader, an_announced_length_costs_no_memory) {
  const frame_limits limits{.message_bytes_max = 0xFFFFFFFF};
  frame_reader reader(limits);
  feed(reader, header(0xFFFFFFFF, 0) + "begin");
  EXPECT_TRUE(waits(reader.next()));
  EXPECT_LT(reader.prepare().size(), 1u << 17);
}

TEST(frame_reader, grows_with_what_arrives_and_not_beyond_the_frame) {
  const std::string body(std::size_t{3} << 20, 'x');
  const std::string bytes = framed(body);
  frame_reader reader;
  std::size_t at = 0;
  while (at < bytes.size()) {
    ASSERT_TRUE(waits(reader.next()));
    const std::span<char> room = reader.prepare();
    const std::size_t size = std::min<std::size_t>(1000, bytes.size() - at);
    EXPECT_LE(reader.buffered() + room.size(), std::max<std::size_t>(2 * (at + 16384), 65536));
    EXPECT_LE(reader.buffered() + room.size(), bytes.size() + 16384);
    std::memcpy(room.data(), bytes.data() + at, size);
    reader.commit(size);
    at += size;
  }
  EXPECT_EQ(body_of(reader.next()), body);
}

TEST(frame_reader, shrinks_after_a_large_frame) {
  frame_reader reader;
  feed(reader, framed(std::string(std::size_t{1} << 20, 'x')) + framed("rest").substr(0, 5));
  EXPECT_EQ(body_of(reader.next()).size(), std::size_t{1} << 20);
  EXPECT_TRUE(waits(reader.next()));
  EXPECT_LE(reader.prepare().size(), 65536u);
  feed(reader, framed("rest").substr(5));
  EXPECT_EQ(body_of(reader.next()), "rest");
}

TEST(frame_reader, keeps_its_place_when_the_buffer_is_compacted) {
  frame_reader reader;
  const std::string one = framed(std::string(5000, 'a'));
  const std::string two = framed(std::string(9000, 'b'));
  feed(reader, one + two.substr(0, 8000));
  EXPECT_EQ(body_of(reader.next()), std::string(5000, 'a'));
  EXPECT_TRUE(waits(reader.next()));
  feed(reader, two.substr(8000));
  EXPECT_EQ(body_of(reader.next()), std::string(9000, 'b'));
}

// What the reader sees must not depend on how the bytes were cut into reads.
TEST(frame_reader, random_streams_in_random_reads) {
  std::mt19937 random(1);  // NOLINT: the same every time
  const auto below = [&](std::size_t n) { return random() % n; };
  for (int round = 0; round < 100; ++round) {
    std::vector<std::string> bodies;
    std::string stream;
    for (std::size_t i = 0, n = 1 + below(20); i < n; ++i) {
      const std::size_t size = below(4) == 0 ? below(200000) : below(100);
      bodies.emplace_back(size, static_cast<char>('a' + i));
      append_frame(stream, frame_type::message, bodies.back());
    }
    frame_reader reader;
    std::vector<std::string> seen;
    const std::size_t read_max = std::size_t{16} << below(14);
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t size = std::min(1 + below(read_max), stream.size() - at);
      feed(reader, std::string_view(stream).substr(at, size));
      at += size;
      for (frame_result result = reader.next(); !waits(result); result = reader.next()) {
        seen.push_back(body_of(result));
      }
    }
    ASSERT_TRUE(seen == bodies) << "round " << round;
    ASSERT_EQ(reader.buffered(), 0u);
  }
}

TEST(frame_reader_death, a_commit_beyond_the_room_is_our_bug) {
  frame_reader reader;
  const std::size_t room = reader.prepare().size();
  EXPECT_DEATH(reader.commit(room + 1), "check failed");
}

}  // namespace
}  // namespace understudy::wire
