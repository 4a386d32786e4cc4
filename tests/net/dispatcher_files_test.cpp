// Files both ways, also toward a peer that cannot take a header which one of its reads cuts.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "dispatcher_fixture.hpp"
#include "wire/frame.hpp"

namespace understudy::test {
namespace {

std::string content(std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>('a' + i * 7 % 26);
  return text;
}

class dispatcher_files_test : public dispatcher_test {};

TEST_F(dispatcher_files_test, come_before_the_call_in_order) {
  fake_server a;
  use({&a});
  const std::vector<std::vector<std::string>> cases = {{""},
                                                       {"0"},
                                                       {content(1), "", content(1000)},
                                                       {content(16384)},
                                                       {content(65536)},
                                                       {content(3000000), "", content(70000)},
                                                       std::vector<std::string>(200, "x")};
  for (const auto& files : cases) {
    call_setup setup;
    setup.files = files;
    ASSERT_EQ(describe(call(request_body("T@call", "[\"@file\"]"), setup)),
              "result " + fake_step().answer);
    EXPECT_EQ(a.calls().back().files, files);
    EXPECT_EQ(a.calls().back().body, request_body("T@call", "[\"@file\"]"));
  }
}

TEST_F(dispatcher_files_test, come_back_with_the_answer) {
  fake_step step = fake_result("\"@file\"");
  step.files = {content(2000000), ""};
  fake_server a(step);
  use({&a});
  const auto got = call(request_body("T@call"));
  ASSERT_EQ(describe(got), "result " + step.answer);
  EXPECT_EQ(std::get<net::forwarded>(got).files, step.files);
  a.always(fake_result("1"));
  const auto next = call(request_body("T@call"));
  EXPECT_TRUE(std::get<net::forwarded>(next).files.empty());
}

TEST_F(dispatcher_files_test, a_call_with_files_moves_to_another_server_whole) {
  fake_step dies;
  dies.read_only = 100000;
  dies.reset = true;
  fake_server a(dies);
  fake_server b;
  use({&a, &b});
  call_setup setup;
  setup.files = {content(1000000)};
  setup.idempotent = true;
  ASSERT_EQ(describe(call(request_body("T@call"), setup)), "result " + fake_step().answer);
  ASSERT_EQ(b.call_count(), 1U);
  EXPECT_EQ(b.calls()[0].files, setup.files);
}

TEST_F(dispatcher_files_test, a_server_that_answers_before_it_has_read_all_is_heard) {
  // It refuses a large upload: answers after the first bytes, reads no more, and ends.
  fake_step refuses = fake_error(42);
  fake_server a;
  use({&a});
  run_until([&] { return a.probe_count() > 0; });
  call_setup setup;
  setup.files = {content(5000000)};
  const auto running = begin_call(request_body("T@call"), setup);
  std::string answer;
  wire::append_frame(answer, wire::frame_type::message, refuses.answer);
  a.send_to_all(answer);
  run_until_answered(running);
  const auto got = describe(*running->result);
  EXPECT_TRUE(got == "result " + refuses.answer || got == "result " + fake_step().answer) << got;
  EXPECT_EQ(describe(call(request_body("T@call"))), "result " + fake_step().answer);
}

/// Reads as a think-swoole server does: at most 65536 bytes at a time, and each header must be
/// complete in the read in which it begins.
class strict_server {
 public:
  strict_server() : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof at;
    ::bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof at);
    ::listen(listener_, 8);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &length);
    address_ = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    thread_ = std::thread([this] { accept_all(); });
  }
  ~strict_server() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    for (auto& each : serving_) each.join();
    for (const int fd : open_) ::close(fd);
  }
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] int cut_headers() const { return cut_headers_; }

 private:
  void accept_all() {
    for (;;) {
      const int fd = ::accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      open_.push_back(fd);
      serving_.emplace_back([this, fd] { serve(fd); });
    }
  }

  void serve(int fd) {
    std::string answer;
    wire::append_frame(answer, wire::frame_type::message, fake_result("{}").answer);
    std::string buffer(wire::server_read_bytes, '\0');
    std::size_t left = 0;  // of the current body
    bool message = false;
    for (bool open = true; open;) {
      const auto got = ::recv(fd, buffer.data(), buffer.size(), 0);
      if (got <= 0) break;
      std::string_view rest(buffer.data(), static_cast<std::size_t>(got));
      while (!rest.empty()) {
        if (left == 0) {
          if (rest.size() < wire::frame_header_bytes) {
            ++cut_headers_;
            open = false;
            break;
          }
          for (int i = 0; i < 4; ++i) left = left << 8 | static_cast<unsigned char>(rest[i]);
          message = rest[7] == 0;
          rest.remove_prefix(wire::frame_header_bytes);
        }
        const auto part = std::min(left, rest.size());
        rest.remove_prefix(part);
        left -= part;
        if (left == 0 && message) ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
      }
    }
    ::shutdown(fd, SHUT_RDWR);
  }

  int listener_;
  std::string address_;
  std::atomic<int> cut_headers_{0};
  std::vector<int> open_;  // of the accepting thread, until it has ended
  std::vector<std::thread> serving_;
  std::thread thread_;
};

TEST_F(dispatcher_files_test, no_header_is_cut_by_a_real_servers_reads) {
  strict_server a;
  use({});
  core::server_options of;
  of.address = a.address();
  dispatcher_->add(of);
  for (std::size_t times = 1; times <= 3; ++times) {
    for (std::size_t short_of = 0; short_of <= 17; ++short_of) {
      call_setup setup;
      setup.files = {content(times * wire::server_read_bytes - short_of)};
      ASSERT_EQ(describe(call(request_body("T@call", "[\"@file\"]"), setup)),
                "result " + fake_result("{}").answer)
          << times << " reads, less " << short_of;
    }
  }
  EXPECT_EQ(a.cut_headers(), 0);
}

}  // namespace
}  // namespace understudy::test
