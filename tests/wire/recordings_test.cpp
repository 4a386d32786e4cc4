// The codec on what a real think-swoole server and client said to one another.
#include "support/recordings.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <understudy/error.hpp>
#include <vector>

#include "wire/answer.hpp"
#include "wire/description.hpp"
#include "wire/frame.hpp"
#include "wire/json_text.hpp"
#include "wire/request.hpp"

namespace understudy::wire {
namespace {

using test::recorded_connection;
using test::recording;

// What a stream holds: its frames, then why no more could be read.
struct content {
  std::vector<std::pair<frame_type, std::string>> frames;
  std::string refusal;
  std::size_t rest = 0;

  bool operator==(const content&) const = default;
};

void take_frames(frame_reader& reader, content& into) {
  for (;;) {
    const frame_result result = reader.next();
    if (const frame* const found = std::get_if<frame>(&result)) {
      into.frames.emplace_back(found->type, found->body);
      continue;
    }
    if (const frame_error* const error = std::get_if<frame_error>(&result)) {
      into.refusal = error->message;
    }
    return;
  }
}

content read_in_pieces(std::string_view stream, const std::vector<std::size_t>& cuts) {
  content found;
  frame_reader reader;
  std::size_t at = 0;
  const auto feed_until = [&](std::size_t end) {
    const std::span<char> room = reader.prepare(std::max<std::size_t>(end - at, 1));
    std::copy(stream.begin() + at, stream.begin() + end, room.begin());
    reader.commit(end - at);
    at = end;
    take_frames(reader, found);
  };
  for (const std::size_t cut : cuts) feed_until(cut);
  feed_until(stream.size());
  found.rest = found.refusal.empty() ? reader.buffered() : 0;
  return found;
}

content read_whole(std::string_view stream) {
  return read_in_pieces(stream, {});
}

std::vector<std::string> messages(std::string_view stream) {
  std::vector<std::string> bodies;
  for (auto& [type, body] : read_whole(stream).frames) {
    if (type == frame_type::message) bodies.push_back(std::move(body));
  }
  return bodies;
}

// Each way of each connection of each case.
template <typename Visit>
void for_each_stream(Visit&& visit) {
  for (const recording& one : test::recordings()) {
    for (const recorded_connection& connection : one.connections) {
      visit(one.name + " to server", connection.to_server);
      visit(one.name + " to client", connection.to_client);
    }
  }
}

TEST(recordings, are_complete) {
  EXPECT_EQ(test::recordings().size(), 69u);
  for (const recording& one : test::recordings()) {
    // Their streams and events differ: see README.md there.
    if (one.name == "params_string" || one.name == "client_timeout_retry") continue;
    for (std::size_t i = 0; i < one.connections.size(); ++i) {
      std::size_t to_server = 0;
      std::size_t to_client = 0;
      for (const test::recorded_event& event : one.events) {
        if (event.connection != i) continue;
        (event.where == test::direction::to_server ? to_server : to_client) += event.bytes;
      }
      EXPECT_EQ(one.connections[i].to_server.size(), to_server) << one.name;
      EXPECT_EQ(one.connections[i].to_client.size(), to_client) << one.name;
    }
  }
}

TEST(recordings, frames_are_the_same_byte_by_byte) {
  for_each_stream([](const std::string& name, const std::string& stream) {
    if (stream.size() > 100000) return;  // big_1mib: below, in larger pieces
    std::vector<std::size_t> cuts(stream.size());
    std::iota(cuts.begin(), cuts.end(), 0);
    EXPECT_TRUE(read_in_pieces(stream, cuts) == read_whole(stream)) << name;
  });
}

TEST(recordings, frames_are_the_same_cut_in_two_at_every_byte) {
  for_each_stream([](const std::string& name, const std::string& stream) {
    const content whole = read_whole(stream);
    // Long streams: every byte around each header and at the end of real reads, and some between.
    std::set<std::size_t> cuts;
    const auto around = [&](std::size_t at) {
      for (std::size_t cut = at < 10 ? 0 : at - 10; cut < std::min(at + 10, stream.size()); ++cut) {
        cuts.insert(cut);
      }
    };
    const bool is_long = stream.size() > 4096;
    std::size_t at = 0;
    for (const auto& [type, body] : whole.frames) around(at += frame_header_bytes + body.size());
    for (std::size_t cut = 0; cut < stream.size(); cut += is_long ? 65504 : 1) around(cut);
    for (const std::size_t cut : cuts) {
      ASSERT_TRUE(read_in_pieces(stream, {cut}) == whole) << name << " cut at " << cut;
    }
  });
}

TEST(recordings, only_the_known_ones_end_inside_a_frame_or_out_of_step) {
  std::map<std::string, std::string> odd;
  for_each_stream([&](const std::string& name, const std::string& stream) {
    const content found = read_whole(stream);
    if (!found.refusal.empty()) odd[name] = found.refusal;
    if (found.rest != 0) odd[name] = "ends inside a frame";
  });
  const std::map<std::string, std::string> expected = {
      {"bad_type9 to server", "unsupported data type: [9"},
      {"bad_type9_then_call to server", "unsupported data type: [9"},
      {"http_request to server", "unsupported data type: [790644820"},
      {"upload_quirk_zero to server", "unsupported data type: [123"},
      {"file_quirk_zero to client", "unsupported data type: [123"},
      {"truncated_body to server", "ends inside a frame"},
      {"byte_by_byte to server", "ends inside a frame"},
  };
  EXPECT_EQ(odd, expected);
}

TEST(recordings, a_frame_is_refused_in_the_real_servers_words) {
  for (const char* const name :
       {"bad_type9", "bad_type9_then_call", "http_request", "upload_quirk_zero"}) {
    const recorded_connection& connection = test::find_recording(name).connections.at(0);
    const std::string body = messages(connection.to_client).at(0);
    const auto recorded = parse_answer(body);
    ASSERT_TRUE(recorded) << name;
    EXPECT_EQ(recorded->code, code::invalid_request);
    EXPECT_EQ(decode_string(recorded->message), read_whole(connection.to_server).refusal);
  }
}

TEST(recordings, written_frames_are_the_recorded_bytes) {
  for_each_stream([](const std::string& name, const std::string& stream) {
    std::string out;
    const content whole = read_whole(stream);
    for (const auto& [type, body] : whole.frames) append_frame(out, type, body);
    EXPECT_TRUE(stream.starts_with(out)) << name;
    if (whole.refusal.empty()) {
      EXPECT_EQ(out.size() + whole.rest, stream.size()) << name;
    }
  });
}

TEST(recordings, requests_are_taken_or_refused_as_by_the_real_server) {
  // Where ours refuses. Without text: the real server answers otherwise (differences.tsv).
  struct refusal {
    std::int64_t code = 0;
    bool same = false;
  };
  const std::map<std::string, refusal> refused = {
      {"malformed_json", {code::parse_error, true}},
      {"missing_method", {code::invalid_params, true}},
      {"method_without_at", {code::invalid_params, true}},
      {"method_empty_interface", {code::invalid_params, true}},
      {"json_scalar", {code::invalid_params, true}},
      {"json_batch", {code::invalid_params, true}},
      {"method_array", {code::invalid_params, false}},
      {"params_string", {code::invalid_params, false}},
      {"invalid_utf8_request", {code::parse_error, false}},
      {"zero_length", {code::invalid_request, false}},
      {"zero_length_then_call", {code::invalid_request, false}},
      {"body_zero_char_then_call", {code::invalid_request, false}},
      {"client_binary_param", {code::invalid_request, false}},
  };
  std::set<std::string> seen;
  for (const recording& one : test::recordings()) {
    for (const recorded_connection& connection : one.connections) {
      for (const std::string& body : messages(connection.to_server)) {
        const auto result = parse_request(body);
        const auto* const error = std::get_if<request_error>(&result);
        if (error == nullptr) continue;
        seen.insert(one.name);
        const auto expected = refused.find(one.name);
        ASSERT_NE(expected, refused.end()) << one.name << ": " << error->message;
        EXPECT_EQ(error->code, expected->second.code) << one.name;
        EXPECT_NE(test::find_difference(one.name) == nullptr, !expected->second.same) << one.name;
        if (!expected->second.same) continue;
        const std::string reply = messages(connection.to_client).at(0);
        const auto recorded = parse_answer(reply);
        ASSERT_TRUE(recorded) << one.name;
        EXPECT_EQ(error->code, recorded->code) << one.name;
        EXPECT_EQ(error->message, decode_string(recorded->message)) << one.name;
      }
    }
  }
  EXPECT_EQ(seen.size(), refused.size());
}

TEST(recordings, requests_of_the_real_client_are_rebuilt_byte_by_byte) {
  int rebuilt = 0;
  for (const recording& one : test::recordings()) {
    for (const recorded_connection& connection : one.connections) {
      for (const std::string& body : messages(connection.to_server)) {
        const auto result = parse_request(body);
        const auto* const read = std::get_if<request>(&result);
        if (read == nullptr || read->action_interface) continue;
        EXPECT_EQ(read->service(),
                  one.name == "unknown_service" ? "NopeInterface" : "UserInterface");
        if (!find_member(body, "context") || read->id != empty_id) continue;  // sent by hand
        std::string out;
        append_request(out, read->method, read->params, read->context);
        EXPECT_TRUE(out == body) << one.name;
        ++rebuilt;
      }
    }
  }
  EXPECT_GE(rebuilt, 50);
}

TEST(recordings, answers_are_read_and_rebuilt_byte_by_byte) {
  const std::set<std::string> empty_frames = {"binary_result", "invalid_utf8_request"};
  int rebuilt = 0;
  for (const recording& one : test::recordings()) {
    for (const recorded_connection& connection : one.connections) {
      for (const std::string& body : messages(connection.to_client)) {
        const auto read = parse_answer(body);
        EXPECT_EQ(read.has_value(), empty_frames.count(one.name) == 0) << one.name;
        if (!read) continue;
        std::string out;
        append_with_id(out, *read, empty_id);
        EXPECT_TRUE(out == body) << one.name;
        ++rebuilt;
        const bool error = body.starts_with(R"({"jsonrpc":"2.0","id":"","error":)");
        EXPECT_EQ(read->is_error(), error) << one.name;
        if (!error) continue;
        EXPECT_EQ(read->data, "null") << one.name;
        EXPECT_EQ(kind_of(read->message), json_kind::string) << one.name;
      }
    }
  }
  EXPECT_GE(rebuilt, 60);
}

TEST(recordings, answers_hold_what_the_client_printed) {
  const auto body_of = [](const char* name) {
    return messages(test::find_recording(name).connections.at(0).to_client).at(0);
  };
  const auto result_of = [&](const char* name) {
    const std::string body = body_of(name);
    return std::string(parse_answer(body).value().result);
  };
  EXPECT_EQ(decode_string(result_of("hello")), "hello, world");
  EXPECT_EQ(decode_string(result_of("unicode")), "\u4e16\u754c a/b \"q\" \x01 \U0001F600 \u00e9");
  EXPECT_EQ(result_of("void_result"), "null");
  EXPECT_EQ(result_of("context"), R"({"trace":"abc","uid":7})");
  const std::string failed = body_of("exception_unicode");
  EXPECT_EQ(parse_answer(failed)->code, -5);
  EXPECT_EQ(decode_string(parse_answer(failed)->message), "\u5931\u8d25/x");
  const std::string file = body_of("download");
  EXPECT_TRUE(parse_answer(file)->is_file());
}

TEST(recordings, the_service_describes_itself) {
  const std::string body =
      messages(test::find_recording("action_interface").connections.at(0).to_client).at(0);
  const std::string_view result = parse_answer(body).value().result;
  const auto services = parse_description(result);
  ASSERT_TRUE(services);
  ASSERT_EQ(services->size(), 1u);
  EXPECT_EQ(services->at(0).name, "UserInterface");
  const std::vector<method_description>& methods = services->at(0).methods;
  ASSERT_EQ(methods.size(), 20u);
  EXPECT_EQ(methods.front().name, "hello");
  EXPECT_TRUE(methods.front().comment.starts_with("/**\n     * Says hello.\n"));
  EXPECT_EQ(methods.back().name, "failWith");
  for (const method_description& method : methods) EXPECT_FALSE(method.idempotent);
  EXPECT_EQ(format_description(*services), result);
}

TEST(recordings, header_cut_tells_which_burst_breaks_the_real_server) {
  const auto second_header = [](const char* name) {
    const recorded_connection& connection = test::find_recording(name).connections.at(0);
    return frame_header_bytes + read_whole(connection.to_server).frames.at(0).second.size();
  };
  EXPECT_TRUE(header_cut(second_header("pipelined_64k_boundary"), server_read_bytes));
  EXPECT_FALSE(header_cut(second_header("pipelined2"), server_read_bytes));
}

TEST(recordings, the_generated_big_case_has_its_recorded_sizes) {
  const recorded_connection& big = test::find_recording("big_1mib").connections.at(0);
  EXPECT_EQ(big.to_server.size(), 1048667u);
  EXPECT_EQ(big.to_client.size(), 1048621u);
  EXPECT_EQ(big.to_server.substr(0, 4), std::string("\0\x10\0\x53", 4));
}

TEST(recordings, differences_name_cases_and_answers) {
  std::set<std::string> names;
  for (const test::recorded_difference& row : test::recorded_differences()) {
    EXPECT_NO_THROW((void)test::find_recording(row.name));
    EXPECT_TRUE(names.insert(row.name).second) << row.name << " twice";
    for (const std::string& answer : row.answers) {
      EXPECT_TRUE(answer == "result" || decode_int(answer)) << row.name << ": " << answer;
    }
  }
  EXPECT_EQ(names.size(), 20u);
  EXPECT_EQ(test::find_difference("hello"), nullptr);
}

}  // namespace
}  // namespace understudy::wire
