// The load generator over frames, against a small peer.
#include "app/bench/load.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include "app/bench/load_idle.hpp"
#include "app/load_peer.hpp"

namespace understudy::app {
namespace {

using namespace std::chrono_literals;

TEST(load, closed_loop_makes_exactly_the_calls_it_was_told) {
  load_peer server([](auto) { return good_answer(); });
  load_recorder calls;
  const auto report = run_load(options_for(server, 100), calls);
  EXPECT_EQ(report.calls, 100u);
  EXPECT_EQ(report.reconnects, 0u);
  EXPECT_EQ(server.requests(), 100u);
  EXPECT_EQ(server.connections(), 2u);
  ASSERT_EQ(calls.calls.size(), 100u);
  for (const auto& call : calls.calls) {
    EXPECT_TRUE(call.good());
    EXPECT_GE(call.end, call.start);
    EXPECT_GE(call.start, report.begin);
    EXPECT_LE(call.end, report.end);
  }
  for (std::uint64_t n = 0; n < 100; ++n) EXPECT_EQ(calls.begun[n], n);
}

TEST(load, a_warmup_is_told_to_nobody_and_keeps_its_connections) {
  load_peer server([](auto) { return good_answer(); });
  auto options = options_for(server, 10);
  options.warmup = 200ms;
  load_recorder calls;
  const auto report = run_load(options, calls);
  EXPECT_EQ(report.calls, 10u);
  ASSERT_EQ(calls.calls.size(), 10u);
  for (const auto& call : calls.calls) {
    EXPECT_TRUE(call.good());
    EXPECT_GE(call.start, report.begin);
    EXPECT_LT(call.number, 10u);
  }
  EXPECT_GT(server.requests(), 10u);
  EXPECT_EQ(server.requests(), calls.begun.size());
  EXPECT_EQ(calls.begun[calls.begun.size() - 10], 0u);
  EXPECT_EQ(server.connections(), 2u);
}

TEST(load, pipelines_up_to_its_depth) {
  load_peer server([](auto) { return good_answer(); });
  auto options = options_for(server, 200);
  options.connections = 1;
  options.depth = 16;
  load_recorder calls;
  run_load(options, calls);
  EXPECT_EQ(calls.count(load_end::answered), 200u);
}

TEST(load, stops_after_its_duration) {
  load_peer server([](auto) { return good_answer(); });
  auto options = options_for(server, 0);
  options.duration = 20ms;
  load_recorder calls;
  const auto report = run_load(options, calls);
  EXPECT_GT(report.calls, 0u);
  EXPECT_EQ(report.calls, calls.calls.size());
}

TEST(load, stops_when_told) {
  load_peer server([](auto) { return good_answer(); });
  load_recorder calls;
  std::stop_source stop;
  load_report report;
  std::thread runner([&] { report = run_load(options_for(server, 0), calls, stop.get_token()); });
  while (server.requests() < 10) std::this_thread::yield();
  stop.request_stop();
  runner.join();
  EXPECT_EQ(report.calls, calls.calls.size());
}

TEST(load, open_loop_counts_latency_from_the_intended_start) {
  // The one connection is held up by the first call: all others were meant to start meanwhile.
  load_peer server([&](std::uint64_t n) {
    if (n == 0) std::this_thread::sleep_for(100ms);  // the stall that is to be seen
    return good_answer();
  });
  auto options = options_for(server, 10);
  options.connections = 1;
  options.calls_per_second = 1000;
  load_recorder calls;
  const auto report = run_load(options, calls);
  ASSERT_EQ(calls.count(load_end::answered), 10u);
  for (const auto& call : calls.calls) {
    const auto intended = report.begin + std::chrono::milliseconds(call.number);
    EXPECT_LT(call.start - intended, 1us);
    EXPECT_GE(call.end - call.start, 90ms) << call.number;
  }
}

TEST(load, open_loop_gives_up_calls_that_find_no_place) {
  std::atomic<bool> release = false;
  load_peer server([&](std::uint64_t) {
    while (!release) std::this_thread::sleep_for(1ms);
    return good_answer();
  });
  auto options = options_for(server, 5);
  options.connections = 1;
  options.calls_per_second = 1000;
  options.timeout = 50ms;
  load_recorder calls;
  run_load(options, calls);
  release = true;
  EXPECT_EQ(calls.calls.size(), 5u);
  EXPECT_EQ(calls.count(load_end::answered), 0u);
  EXPECT_GE(calls.count(load_end::timed_out), 1u);
  EXPECT_EQ(calls.count(load_end::timed_out) + calls.count(load_end::not_sent), 5u);
}

TEST(load, a_lost_connection_costs_its_calls_and_is_made_again) {
  load_peer server([](std::uint64_t n) {
    return n == 3 ? std::nullopt : std::optional<std::string>(good_answer());
  });
  auto options = options_for(server, 20);
  options.connections = 1;
  load_recorder calls;
  const auto report = run_load(options, calls);
  EXPECT_EQ(calls.calls.size(), 20u);
  EXPECT_EQ(calls.count(load_end::lost), 1u);
  EXPECT_EQ(calls.count(load_end::answered), 19u);
  EXPECT_EQ(report.reconnects, 1u);
  EXPECT_EQ(server.connections(), 2u);
}

TEST(load, tells_errors_by_their_code) {
  load_peer server([](std::uint64_t n) {
    std::string body;
    if (n % 2 == 0) {
      wire::append_result(body, "null");
    } else {
      wire::append_error(body, -32001, "It may have run.");
    }
    return framed(body);
  });
  load_recorder calls;
  run_load(options_for(server, 40), calls);
  const auto errors = std::count_if(calls.calls.begin(), calls.calls.end(), [](const auto& call) {
    return call.how == load_end::answered && call.error && call.code == -32001 && !call.good();
  });
  EXPECT_EQ(errors, 20);
  EXPECT_EQ(calls.count(load_end::answered), 40u);
}

TEST(load, answers_that_are_none_are_unreadable) {
  for (const std::string_view body : {"", "0", "[]", "{\"jsonrpc\":\"2.0\"}", "nonsense"}) {
    load_peer server([&](auto) { return framed(body); });
    load_recorder calls;
    run_load(options_for(server, 4), calls);
    EXPECT_EQ(calls.count(load_end::unreadable), 4u) << body;
  }
}

TEST(load, a_stream_that_is_no_frames_ends_the_connection) {
  load_peer server([](auto) { return std::string("HTTP/1.1 400 Bad Request\r\n\r\n"); });
  load_recorder calls;
  run_load(options_for(server, 2), calls);
  EXPECT_EQ(calls.count(load_end::unreadable), 2u);
}

TEST(load, files_before_an_answer_are_passed_over) {
  load_peer server([](auto) {
    std::string out;
    wire::append_frame(out, wire::frame_type::file, "bytes");
    return out + good_answer();
  });
  load_recorder calls;
  run_load(options_for(server, 10), calls);
  EXPECT_EQ(calls.count(load_end::answered), 10u);
}

TEST(load, an_address_where_nobody_listens_is_told_in_a_sentence) {
  std::string address;
  {
    address = load_peer([](auto) { return good_answer(); }).address();
  }
  load_options options;
  options.address = address;
  load_recorder calls;
  try {
    run_load(options, calls);
    FAIL() << "it found somebody at " << address;
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(error.what(), "Cannot connect to " + address + ": Connection refused.");
  }
  EXPECT_TRUE(calls.calls.empty());
}

TEST(load, addresses_that_are_none_are_refused) {
  for (const std::string address : {"", "nowhere", ":80", "127.0.0.1:"}) {
    EXPECT_THROW((void)resolve_address(address), std::runtime_error) << address;
  }
  EXPECT_EQ(resolve_address("[::1]:80").storage.ss_family, AF_INET6);
}

TEST(load, idle_connections_have_each_made_a_call) {
  load_peer server([](auto) { return good_answer(); });
  std::string request;
  load_recorder{}.append_call(0, request);
  const auto connections = open_idle(server.address(), 20, request, 10s);
  EXPECT_EQ(connections.size(), 20u);
  EXPECT_EQ(server.requests(), 20u);
}

TEST(load, reads_the_resident_memory_of_a_process) {
  EXPECT_GT(resident_bytes(::getpid()), std::uint64_t{1} << 20);
  EXPECT_THROW((void)resident_bytes(-1), std::runtime_error);
}

}  // namespace
}  // namespace understudy::app
