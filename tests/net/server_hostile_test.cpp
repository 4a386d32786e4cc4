// Peers that break the rules. After each of them, another caller is served as before.
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/socket.h>

#include <deque>
#include <thread>

#include "support/test_server.hpp"
#include "wire/frame.hpp"

namespace understudy::test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t limit = 1 << 20;
const std::string ping = request_text("UserInterface@ping", "[]");

std::string header(std::size_t length, std::uint32_t type) {
  std::string bytes;
  for (const auto number : {static_cast<std::uint32_t>(length), type})
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 0xFF);
  return bytes;
}

server_options strict() {
  server_options options;
  options.message_bytes_max = limit;
  options.file_bytes_max = limit;
  return options;
}

class HostilePeer : public testing::Test {
 protected:
  void start(const server_options& options) { server_.emplace(options); }
  ~HostilePeer() override {
    wire_socket another(server_->port());
    EXPECT_EQ(answer_kind(another.ask(ping)), "result");
  }
  std::optional<test_server> server_;
};

TEST_F(HostilePeer, UnreadableFramesAreAnsweredThenTheConnectionCloses) {
  start(strict());
  const std::string frames[] = {
      header(2, 9) + "{}",  header(0xFFFFFFFF, 0), header(limit + 1, 0),    header(0xFFFFFFFF, 1),
      header(limit + 1, 1), header(0, 0xFFFFFFFF), "GET / HTTP/1.1\r\n\r\n"};
  for (const auto& bytes : frames) {
    wire_socket peer(server_->port());
    // What is sent behind it is not read, and must not turn the answer into a reset.
    peer.send(bytes + std::string(1000, 'x'));
    const auto answer = peer.receive();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer_kind(answer->body), "-32600");
    EXPECT_TRUE(peer.closed());
  }
}

// A sanitizer's allocator tells nothing: its builds cannot see this fail.
TEST_F(HostilePeer, OneThatRestsLeavesNothingOfALongMethodName) {
  start(strict());
  const auto allocated = [] {
    const auto all = ::mallinfo2();
    return all.uordblks + all.hblkhd;
  };
  constexpr std::size_t count = 20;
  constexpr std::size_t name_bytes = limit / 2;
  std::deque<wire_socket> peers;
  for (std::size_t i = 0; i < count; ++i) {
    peers.emplace_back(server_->port());
    EXPECT_EQ(answer_kind(peers.back().ask(ping)), "result");
  }
  const auto before = allocated();
  for (auto& peer : peers) {
    (void)peer.ask(request_text("UserInterface@" + std::string(name_bytes, 'x'), "[]"));
  }
  const auto until = std::chrono::steady_clock::now() + 20s;
  bool gone = false;
  while (!gone && std::chrono::steady_clock::now() < until) {
    gone = allocated() < before + count * 65536;
    std::this_thread::yield();
  }
  EXPECT_TRUE(gone);
}

TEST_F(HostilePeer, FilesOfOneCallCountTogether) {
  start(strict());
  wire_socket peer(server_->port());
  const std::string half(limit / 2 + 1, 'f');
  peer.send(header(half.size(), 1) + half + header(half.size(), 1));
  EXPECT_EQ(answer_kind(peer.receive().value().body), "-32600");
  EXPECT_TRUE(peer.closed());
}

TEST_F(HostilePeer, AMessageAtTheLimitIsTaken) {
  start(strict());
  wire_socket peer(server_->port());
  const std::string around = request_text("UserInterface@mixed", R"([""])");
  const auto body =
      request_text("UserInterface@mixed", "[\"" + std::string(limit - around.size(), 'x') + "\"]");
  ASSERT_EQ(body.size(), limit);
  EXPECT_EQ(answer_kind(peer.ask(body)), "result");
}

TEST_F(HostilePeer, MessagesThatAreNoRequestsAreAnsweredAndTheConnectionStays) {
  start(strict());
  wire_socket peer(server_->port());
  const std::string deep(100000, '[');
  EXPECT_EQ(answer_kind(peer.ask("")), "-32600");
  EXPECT_EQ(answer_kind(peer.ask("0")), "-32600");
  EXPECT_EQ(answer_kind(peer.ask("{")), "-32700");
  EXPECT_EQ(answer_kind(peer.ask("\xFF")), "-32700");
  EXPECT_EQ(answer_kind(peer.ask(deep)), "-32700");
  EXPECT_EQ(answer_kind(peer.ask(R"({"method":"UserInterface@mixed","params":[)" + deep)),
            "-32700");
  const auto name = std::string(limit / 2, 'n');
  EXPECT_EQ(answer_kind(peer.ask(request_text("UserInterface@" + name, "[]"))), "-32601");
  EXPECT_EQ(answer_kind(peer.ask(request_text(name + "@x", "[]"))), "-32601");
  EXPECT_EQ(answer_kind(peer.ask(ping)), "result");
}

TEST_F(HostilePeer, DepthThatIsAllowedIsAnswered) {
  start(strict());
  wire_socket peer(server_->port());
  const std::string params = std::string(500, '[') + std::string(500, ']');
  EXPECT_EQ(answer_kind(peer.ask(request_text("UserInterface@mixed", params))), "result");
}

TEST_F(HostilePeer, ACallThatTricklesInIsCutOff) {
  auto options = strict();
  options.frame_timeout = 300ms;  // the idle timeout is a minute: it is not what ends it
  start(options);
  wire_socket peer(server_->port());
  const auto bytes = header(1000, 0) + std::string(1000, ' ');
  std::size_t sent = 0;
  while (peer.quiet()) {
    ASSERT_LT(sent, bytes.size() - 1) << "each byte renewed the deadline";
    peer.send(bytes.substr(sent++, 1));
  }
  EXPECT_TRUE(peer.closed());
}

TEST_F(HostilePeer, FilesWithoutACallAreCutOff) {
  auto options = strict();
  options.frame_timeout = 300ms;
  start(options);
  wire_socket peer(server_->port());
  peer.send(header(3, 1) + "abc");
  EXPECT_TRUE(peer.closed());
}

TEST_F(HostilePeer, AnIdleConnectionIsClosed) {
  auto options = strict();
  options.idle_timeout = 300ms;
  start(options);
  wire_socket peer(server_->port());
  EXPECT_EQ(answer_kind(peer.ask(ping)), "result");
  EXPECT_TRUE(peer.closed());
}

// A connection that is silent gives its buffers back at the next tick (5 ms here): calls that come
// before, at and after it must all be read.
TEST_F(HostilePeer, ACallAfterAnySilenceIsAnswered) {
  auto options = strict();
  options.write_timeout = 40ms;
  start(options);
  wire_socket peer(server_->port());
  for (auto silence = 0us; silence < 16ms; silence += 125us) {
    ASSERT_EQ(answer_kind(peer.ask(ping)), "result");
    std::this_thread::sleep_for(silence);
  }
  for (auto silence = 0us; silence < 16ms; silence += 1ms) {
    const auto call = message_frame(ping);
    peer.send(call.substr(0, 20));
    std::this_thread::sleep_for(silence);
    peer.send(call.substr(20));
    ASSERT_EQ(answer_kind(peer.receive()->body), "result");
  }
}

TEST_F(HostilePeer, APeerThatDoesNotReadIsNotReadFromEither) {
  auto options = strict();
  options.write_timeout = 2000ms;
  start(options);
  wire_socket peer(server_->port(), 4096);
  const auto call =
      message_frame(request_text("UserInterface@mixed", "[\"" + std::string(8000, 'x') + "\"]"));
  // What is taken from it has to fit the socket buffers and one answer buffer.
  constexpr std::size_t far_too_much = std::size_t{256} << 20;
  std::size_t sent = 0;
  std::string left = call;
  while (sent < far_too_much) {
    const auto taken = peer.send_some(left);
    sent += taken;
    left.erase(0, taken);
    if (left.empty()) left = call;
    if (taken == 0 && !peer.writable_within(500ms)) break;
  }
  EXPECT_LT(sent, std::size_t{64} << 20);
  EXPECT_TRUE(eventually([&] { return server_->get().connections() == 0; }))
      << "it is not closed after write_timeout";
}

TEST_F(HostilePeer, PeersThatVanishLeaveNothingBehind) {
  start(strict());
  const std::string beginnings[] = {
      "",
      header(100, 0).substr(0, 3),
      header(100, 0) + "{",
      header(100, 1) + "file",
      message_frame(request_text("UserInterface@download", "[900000]")),
      message_frame(request_text("UserInterface@slow", "[50]"))};
  for (const auto& bytes : beginnings) {
    for (const bool with_reset : {false, true}) {
      wire_socket peer(server_->port());
      peer.send(bytes);
      if (with_reset) peer.reset();
    }
  }
  EXPECT_TRUE(eventually([&] { return server_->get().connections() == 0; }));
}

TEST_F(HostilePeer, LargeRequestsTogetherStayWithinTheirLimit) {
  auto options = strict();
  options.message_bytes_max = 1 << 20;
  options.received_bytes_max = 1 << 20;
  start(options);
  const std::string big(600'000, ' ');
  const auto frame = message_frame(big + ping);
  auto first = std::make_unique<wire_socket>(server_->port());
  first->send(std::string_view(frame).substr(0, 500'000));
  // The first is in the middle of its request: there is no room for another one like it.
  bool refused = false;
  EXPECT_TRUE(eventually([&] {
    wire_socket second(server_->port());
    second.send(std::string_view(frame).substr(0, 600'000));
    refused = !second.quiet() && answer_kind(second.receive().value().body) == "-32003";
    return refused;
  }));
  wire_socket small(server_->port());
  EXPECT_EQ(answer_kind(small.ask(ping)), "result");
  first->send(std::string_view(frame).substr(500'000));
  EXPECT_EQ(answer_kind(first->receive().value().body), "result");
  // Both gave back what they kept: the first when it was answered, the others when they went.
  EXPECT_TRUE(eventually([&] {
    wire_socket again(server_->port());
    return answer_kind(again.ask(big + ping)) == "result";
  }));
}

TEST_F(HostilePeer, BeyondConnectionsMaxTheyAreToldSo) {
  auto options = strict();
  options.connections_max = 2;
  start(options);
  auto first = std::make_unique<wire_socket>(server_->port());
  wire_socket second(server_->port());
  EXPECT_EQ(answer_kind(first->ask(ping)), "result");
  EXPECT_EQ(answer_kind(second.ask(ping)), "result");
  wire_socket third(server_->port());
  third.send_message(ping);
  EXPECT_EQ(answer_kind(third.receive().value().body), "-32003");
  EXPECT_TRUE(third.closed());
  first.reset();
  EXPECT_TRUE(eventually([&] {
    wire_socket next(server_->port());
    return answer_kind(next.ask(ping)) == "result";
  }));
  EXPECT_EQ(answer_kind(second.ask(ping)), "result");
  EXPECT_TRUE(eventually([&] { return server_->get().connections() < 2; }));
}

}  // namespace
}  // namespace understudy::test
