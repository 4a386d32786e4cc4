// What `understudy bench` sends, read as a gateway reads it.
#include "app/bench/bench_requests.hpp"

#include <gtest/gtest.h>

#include <set>
#include <variant>
#include <vector>

#include "app/calls/call_wishes.hpp"
#include "wire/frame.hpp"
#include "wire/json_text.hpp"
#include "wire/request.hpp"

namespace understudy::app {
namespace {

bench_options hello() {
  bench_options options;
  options.method = "UserInterface@hello";
  options.params = R"(["world"])";
  options.at = "127.0.0.1:9500";
  return options;
}

// The bodies of so many requests, which must come one in a frame.
std::vector<std::string> bodies(bench_requests& requests, std::size_t count) {
  std::vector<std::string> found;
  for (std::size_t i = 0; i < count; ++i) {
    std::string bytes;
    requests.append(bytes);
    constexpr std::size_t head = 8;
    std::string again;
    wire::append_frame(again, wire::frame_type::message, bytes.substr(head));
    EXPECT_EQ(again, bytes);
    found.push_back(bytes.substr(head));
  }
  return found;
}

wire::request parsed(const std::string& body) {
  auto request = wire::parse_request(body);
  EXPECT_TRUE(std::holds_alternative<wire::request>(request)) << body;
  return std::get<wire::request>(request);
}

call_wishes wishes_of(const std::string& body) {
  auto read = read_wishes(parsed(body).context);
  EXPECT_TRUE(std::holds_alternative<call_wishes>(read)) << body;
  return std::get<call_wishes>(read);
}

TEST(bench_requests, a_direct_call_asks_for_nothing_else) {
  const bench_options options = hello();
  bench_requests requests(options, 1);
  for (const std::string& body : bodies(requests, 2)) {
    EXPECT_EQ(parsed(body).method, options.method);
    EXPECT_EQ(parsed(body).params, options.params);
    EXPECT_EQ(parsed(body).context, "[]");
  }
}

TEST(bench_requests, a_mode_and_a_key_are_asked_of_the_gateway) {
  bench_options options = hello();
  options.mode = "queued";
  bench_requests unkeyed(options, 1);
  const auto plain = wishes_of(bodies(unkeyed, 1)[0]);
  EXPECT_EQ(plain.mode, core::call_mode::queued);
  EXPECT_FALSE(plain.key);
  options.keyed = true;
  bench_requests keyed(options, 1);
  EXPECT_EQ(wishes_of(bodies(keyed, 1)[0]).mode, core::call_mode::queued);
}

TEST(bench_requests, no_two_calls_have_the_same_key_in_one_run_or_two) {
  bench_options options = hello();
  options.keyed = true;
  bench_requests first(options, 1);
  bench_requests second(options, 2);
  std::set<std::string> keys;
  for (auto* run : {&first, &second}) {
    for (const std::string& body : bodies(*run, 50)) keys.insert(wishes_of(body).key.value_or(""));
  }
  EXPECT_EQ(keys.size(), 100U);
  EXPECT_FALSE(keys.contains(""));
}

TEST(bench_requests, a_batch_holds_so_many_calls) {
  for (const bool keyed : {false, true}) {
    bench_options options = hello();
    options.batch = 100;
    options.keyed = keyed;
    bench_requests requests(options, 1);
    std::set<std::string> calls;
    std::size_t count = 0;
    for (const std::string& body : bodies(requests, 2)) {
      const auto request = parsed(body);
      EXPECT_EQ(request.method, "CallsInterface@enqueueMany");
      ASSERT_EQ(request.element_count, 1U);
      wire::for_each_member(request.elements[0], [&](const wire::json_member& call) {
        ++count;
        calls.emplace(call.value);
        return true;
      });
    }
    EXPECT_EQ(count, 200U);
    EXPECT_EQ(calls.size(), keyed ? 200U : 1U);
  }
}

TEST(bench_requests, over_http_each_tells_the_length_of_its_body) {
  bench_options options = hello();
  options.http = true;
  options.keyed = true;
  bench_requests requests(options, 1);
  for (int i = 0; i < 12; ++i) {  // keys of one digit and of two
    std::string bytes;
    requests.append(bytes);
    const auto end = bytes.find("\r\n\r\n");
    ASSERT_NE(end, std::string::npos);
    const std::string length = std::to_string(bytes.size() - end - 4);
    EXPECT_NE(bytes.find("\r\nContent-Length: " + length + "\r\n"), std::string::npos) << bytes;
    EXPECT_TRUE(wishes_of(bytes.substr(end + 4)).key);
  }
}

}  // namespace
}  // namespace understudy::app
