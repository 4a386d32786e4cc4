// The load generator against a small peer that answers, delays, hangs up or talks nonsense.
#include "app/load.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "app/load_idle.hpp"
#include "wire/answer.hpp"
#include "wire/frame.hpp"
#include "wire/request.hpp"

namespace understudy::app {
namespace {

using namespace std::chrono_literals;

/// Accepts connections, one thread each; `answer` makes the bytes that answer the n-th frame of
/// the peer's life, or says to hang up by returning nothing.
class peer {
 public:
  using answer_function = std::function<std::optional<std::string>(std::uint64_t)>;

  explicit peer(answer_function answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, generic, length) != 0 || ::listen(listener_, 64) != 0) {
      throw std::runtime_error("The test's peer cannot listen.");
    }
    ::getsockname(listener_, generic, &length);
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    acceptor_ = std::thread([this] { accept_all(); });
  }

  ~peer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (const int fd : fds_) ::shutdown(fd, SHUT_RDWR);
    for (auto& thread : threads_) thread.join();
    for (const int fd : fds_) ::close(fd);
    ::close(listener_);
  }

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] std::uint64_t frames() const { return frames_; }
  [[nodiscard]] std::uint64_t connections() const { return connections_; }

 private:
  void accept_all() {
    while (true) {
      const int fd = ::accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      ++connections_;
      fds_.push_back(fd);
      threads_.emplace_back([this, fd] { serve(fd); });
    }
  }

  void serve(int fd) {
    wire::frame_reader reader;
    while (true) {
      const auto room = reader.prepare();
      const ssize_t count = ::recv(fd, room.data(), room.size(), 0);
      if (count <= 0) return;
      reader.commit(static_cast<std::size_t>(count));
      while (std::holds_alternative<wire::frame>(reader.next())) {
        const auto answer = answer_(frames_++);
        if (!answer) {
          ::shutdown(fd, SHUT_RDWR);
          return;
        }
        ::send(fd, answer->data(), answer->size(), MSG_NOSIGNAL);
      }
    }
  }

  answer_function answer_;
  int listener_ = -1;
  std::string address_;
  std::atomic<std::uint64_t> frames_ = 0;
  std::atomic<std::uint64_t> connections_ = 0;
  std::vector<int> fds_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

class script : public load_script {
 public:
  void append_call(std::uint64_t number, std::string& out) override {
    begun.push_back(number);
    std::string body;
    wire::append_request(body, "UserInterface@hello", "[]");
    wire::append_frame(out, wire::frame_type::message, body);
  }
  void ended(const load_call& call) override { calls.push_back(call); }

  [[nodiscard]] std::size_t count(load_end how) const {
    return static_cast<std::size_t>(
        std::count_if(calls.begin(), calls.end(), [&](const auto& c) { return c.how == how; }));
  }

  std::vector<std::uint64_t> begun;
  std::vector<load_call> calls;
};

std::string framed(std::string_view body) {
  std::string out;
  wire::append_frame(out, wire::frame_type::message, body);
  return out;
}

std::string good_answer() {
  std::string body;
  wire::append_result(body, "\"hello\"");
  return framed(body);
}

load_options options_for(const peer& server, std::uint64_t calls) {
  load_options options;
  options.address = server.address();
  options.connections = 2;
  options.calls_max = calls;
  options.duration = 60s;
  return options;
}

TEST(load, closed_loop_makes_exactly_the_calls_it_was_told) {
  peer server([](auto) { return good_answer(); });
  script calls;
  const auto report = run_load(options_for(server, 100), calls);
  EXPECT_EQ(report.calls, 100u);
  EXPECT_EQ(report.reconnects, 0u);
  EXPECT_EQ(server.frames(), 100u);
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

TEST(load, pipelines_up_to_its_depth) {
  peer server([](auto) { return good_answer(); });
  auto options = options_for(server, 200);
  options.connections = 1;
  options.depth = 16;
  script calls;
  run_load(options, calls);
  EXPECT_EQ(calls.count(load_end::answered), 200u);
}

TEST(load, stops_after_its_duration) {
  peer server([](auto) { return good_answer(); });
  auto options = options_for(server, 0);
  options.duration = 20ms;
  script calls;
  const auto report = run_load(options, calls);
  EXPECT_GT(report.calls, 0u);
  EXPECT_EQ(report.calls, calls.calls.size());
}

TEST(load, stops_when_told) {
  peer server([](auto) { return good_answer(); });
  script calls;
  std::stop_source stop;
  load_report report;
  std::thread runner([&] { report = run_load(options_for(server, 0), calls, stop.get_token()); });
  while (server.frames() < 10) std::this_thread::yield();
  stop.request_stop();
  runner.join();
  EXPECT_EQ(report.calls, calls.calls.size());
}

TEST(load, open_loop_counts_latency_from_the_intended_start) {
  // The one connection is held up by the first call: all others were meant to start meanwhile.
  peer server([&](std::uint64_t n) {
    if (n == 0) std::this_thread::sleep_for(100ms);  // the stall that is to be seen
    return good_answer();
  });
  auto options = options_for(server, 10);
  options.connections = 1;
  options.calls_per_second = 1000;
  script calls;
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
  peer server([&](std::uint64_t) {
    while (!release) std::this_thread::sleep_for(1ms);
    return good_answer();
  });
  auto options = options_for(server, 5);
  options.connections = 1;
  options.calls_per_second = 1000;
  options.timeout = 50ms;
  script calls;
  run_load(options, calls);
  release = true;
  EXPECT_EQ(calls.calls.size(), 5u);
  EXPECT_EQ(calls.count(load_end::answered), 0u);
  EXPECT_GE(calls.count(load_end::timed_out), 1u);
  EXPECT_EQ(calls.count(load_end::timed_out) + calls.count(load_end::not_sent), 5u);
}

TEST(load, a_lost_connection_costs_its_calls_and_is_made_again) {
  peer server([](std::uint64_t n) {
    return n == 3 ? std::nullopt : std::optional<std::string>(good_answer());
  });
  auto options = options_for(server, 20);
  options.connections = 1;
  script calls;
  const auto report = run_load(options, calls);
  EXPECT_EQ(calls.calls.size(), 20u);
  EXPECT_EQ(calls.count(load_end::lost), 1u);
  EXPECT_EQ(calls.count(load_end::answered), 19u);
  EXPECT_EQ(report.reconnects, 1u);
  EXPECT_EQ(server.connections(), 2u);
}

TEST(load, tells_errors_by_their_code) {
  peer server([](std::uint64_t n) {
    std::string body;
    if (n % 2 == 0) {
      wire::append_result(body, "null");
    } else {
      wire::append_error(body, -32001, "It may have run.");
    }
    return framed(body);
  });
  script calls;
  run_load(options_for(server, 40), calls);
  const auto errors = std::count_if(calls.calls.begin(), calls.calls.end(), [](const auto& call) {
    return call.how == load_end::answered && call.error && call.code == -32001 && !call.good();
  });
  EXPECT_EQ(errors, 20);
  EXPECT_EQ(calls.count(load_end::answered), 40u);
}

TEST(load, answers_that_are_none_are_unreadable) {
  for (const std::string_view body : {"", "0", "[]", "{\"jsonrpc\":\"2.0\"}", "nonsense"}) {
    peer server([&](auto) { return framed(body); });
    script calls;
    run_load(options_for(server, 4), calls);
    EXPECT_EQ(calls.count(load_end::unreadable), 4u) << body;
  }
}

TEST(load, a_stream_that_is_no_frames_ends_the_connection) {
  peer server([](auto) { return std::string("HTTP/1.1 400 Bad Request\r\n\r\n"); });
  script calls;
  run_load(options_for(server, 2), calls);
  EXPECT_EQ(calls.count(load_end::unreadable), 2u);
}

TEST(load, files_before_an_answer_are_passed_over) {
  peer server([](auto) {
    std::string out;
    wire::append_frame(out, wire::frame_type::file, "bytes");
    return out + good_answer();
  });
  script calls;
  run_load(options_for(server, 10), calls);
  EXPECT_EQ(calls.count(load_end::answered), 10u);
}

TEST(load, an_address_where_nobody_listens_is_told_in_a_sentence) {
  std::string address;
  {
    address = peer([](auto) { return good_answer(); }).address();
  }
  load_options options;
  options.address = address;
  script calls;
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
  peer server([](auto) { return good_answer(); });
  std::string request;
  script{}.append_call(0, request);
  const auto connections = open_idle(server.address(), 20, request, 10s);
  EXPECT_EQ(connections.size(), 20u);
  EXPECT_EQ(server.frames(), 20u);
}

TEST(load, reads_the_resident_memory_of_a_process) {
  EXPECT_GT(resident_bytes(::getpid()), std::uint64_t{1} << 20);
  EXPECT_THROW((void)resident_bytes(-1), std::runtime_error);
}

}  // namespace
}  // namespace understudy::app
