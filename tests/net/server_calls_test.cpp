// How calls are carried: order, batches, half-close, workers, coroutines, draining.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <semaphore>
#include <set>
#include <thread>

#include "support/test_server.hpp"
#include "wire/frame.hpp"

namespace understudy::test {
namespace {

using namespace std::chrono_literals;

const std::string ping = request_text("UserInterface@ping", "[]");

/// A service whose methods wait until the test lets them go.
struct gate {
  std::atomic<int> entered{0};
  std::counting_semaphore<> go{0};
  int pass() {
    ++entered;
    go.acquire();
    return entered;
  }
  task<int> pass_later() {
    ++entered;
    while (!go.try_acquire()) co_await sleep_for(1ms);
    co_return entered.load();
  }
};

service<gate> gate_service(const std::shared_ptr<gate>& shared) {
  service<gate> gates("Gate", shared);
  gates.method("pass", &gate::pass).method("passLater", &gate::pass_later);
  return gates;
}

class ServerCalls : public testing::Test {
 protected:
  void start(server_options options = {}) {
    server_.emplace(options, [this](server& serving) { serving.add(gate_service(gate_)); });
  }
  std::shared_ptr<gate> gate_ = std::make_shared<gate>();
  std::optional<test_server> server_;
};

TEST_F(ServerCalls, AnswersOfABufferedBatchLeaveTogether) {
  start();
  wire_socket peer(server_->port());
  std::string batch;
  for (int i = 0; i < 50; ++i) batch += message_frame(ping);
  peer.send(batch);
  const auto answer = message_frame(R"({"jsonrpc":"2.0","id":"","result":null})");
  EXPECT_EQ(peer.read_once(1 << 20).size(), 50 * answer.size());
}

TEST_F(ServerCalls, ARunningCallDoesNotHoldBackTheAnswersBeforeIt) {
  start();
  wire_socket peer(server_->port());
  peer.send(message_frame(ping) + message_frame(request_text("Gate@pass", "[]")) +
            message_frame(ping));
  EXPECT_TRUE(peer.receive());
  EXPECT_TRUE(peer.quiet());
  gate_->go.release();
  EXPECT_EQ(peer.receive().value().body, R"({"jsonrpc":"2.0","id":"","result":1})");
  EXPECT_TRUE(peer.receive());
}

TEST_F(ServerCalls, OneConnectionsCallsRunOneAtATime) {
  start();
  wire_socket peer(server_->port());
  const auto call = message_frame(request_text("Gate@passLater", "[]"));
  peer.send(call + call);
  ASSERT_TRUE(eventually([&] { return gate_->entered == 1; }));
  EXPECT_TRUE(peer.quiet());
  EXPECT_EQ(gate_->entered, 1);
  gate_->go.release(2);
  EXPECT_EQ(peer.receive().value().body, R"({"jsonrpc":"2.0","id":"","result":1})");
  EXPECT_EQ(peer.receive().value().body, R"({"jsonrpc":"2.0","id":"","result":2})");
}

TEST_F(ServerCalls, BlockedWorkersDoNotHoldUpOthers) {
  server_options options;
  options.workers = 1;
  options.waiting_max = 1;
  start(options);
  wire_socket running(server_->port());
  running.send_message(request_text("Gate@pass", "[]"));
  ASSERT_TRUE(eventually([&] { return gate_->entered == 1; }));
  wire_socket one(server_->port());
  wire_socket two(server_->port());
  one.send_message(request_text("Gate@pass", "[]"));
  two.send_message(request_text("Gate@pass", "[]"));
  wire_socket other(server_->port());
  EXPECT_EQ(answer_kind(other.ask(ping)), "result");
  // One of the two waits, the other finds no room and is told so.
  ASSERT_TRUE(eventually([&] { return !one.quiet() || !two.quiet(); }));
  gate_->go.release(2);
  const std::multiset<std::string> kinds = {answer_kind(one.receive().value().body),
                                            answer_kind(two.receive().value().body)};
  EXPECT_EQ(kinds, (std::multiset<std::string>{"-32003", "result"}));
  EXPECT_EQ(answer_kind(running.receive().value().body), "result");
}

TEST_F(ServerCalls, AHalfClosedPeerStillGetsItsAnswers) {
  start();
  wire_socket peer(server_->port());
  peer.send(message_frame(request_text("Gate@pass", "[]")) + message_frame(ping));
  peer.end_sending();
  gate_->go.release();
  EXPECT_TRUE(peer.receive());
  EXPECT_TRUE(peer.receive());
  EXPECT_TRUE(peer.closed());
}

TEST_F(ServerCalls, AHandlerOutlivesItsConnection) {
  start();
  {
    wire_socket peer(server_->port());
    peer.send_message(request_text("Gate@pass", "[]"));
    ASSERT_TRUE(eventually([&] { return gate_->entered == 1; }));
    peer.reset();
  }
  wire_socket other(server_->port());
  EXPECT_EQ(answer_kind(other.ask(ping)), "result");
  gate_->go.release();
  EXPECT_TRUE(eventually([&] { return server_->get().connections() == 1; }));
}

TEST_F(ServerCalls, StoppingLeavesWaitingAndBlockedHandlersBehindSafely) {
  start();
  wire_socket blocked(server_->port());
  wire_socket waiting(server_->port());
  blocked.send_message(request_text("Gate@pass", "[]"));
  waiting.send_message(request_text("Gate@passLater", "[]"));
  ASSERT_TRUE(eventually([&] { return gate_->entered == 2; }));
  server_.reset();
  EXPECT_TRUE(waiting.closed());
  EXPECT_TRUE(blocked.closed());
  const std::weak_ptr<gate> object = gate_;
  gate_->go.release(2);
  gate_.reset();
  EXPECT_TRUE(eventually([&] { return object.expired(); })) << "the blocked worker has not ended";
}

TEST_F(ServerCalls, DrainLetsRunningCallsEndAndIdleConnectionsClose) {
  start();
  wire_socket idle(server_->port());
  EXPECT_EQ(answer_kind(idle.ask(ping)), "result");
  wire_socket busy(server_->port());
  busy.send_message(request_text("Gate@pass", "[]"));
  ASSERT_TRUE(eventually([&] { return gate_->entered == 1; }));
  auto drained = std::async(std::launch::async, [&] { return server_->get().drain(patience); });
  EXPECT_TRUE(idle.closed());
  EXPECT_TRUE(busy.quiet()) << "a running call was cut off";
  EXPECT_ANY_THROW(wire_socket(server_->port()).ask(ping)) << "it still accepts";
  gate_->go.release();
  EXPECT_EQ(answer_kind(busy.receive().value().body), "result");
  EXPECT_TRUE(busy.closed());
  EXPECT_TRUE(drained.get());
}

// Whoever always has the next call on its way is never at rest.
TEST_F(ServerCalls, DrainEndsForACallerThatNeverPauses) {
  start();
  wire_socket eager(server_->port());
  std::string calls;
  for (int i = 0; i < 1000; ++i) calls += message_frame(ping);
  std::atomic<bool> flooding = false;
  auto flood = std::async(std::launch::async, [&] {
    for (;;) eager.send(calls);  // until the connection is gone
  });
  auto answers = std::async(std::launch::async, [&] {
    while (!eager.read_once(1 << 20).empty()) flooding = true;
  });
  ASSERT_TRUE(eventually([&] { return flooding.load(); }));
  EXPECT_TRUE(server_->get().drain(patience));
  answers.get();
  EXPECT_ANY_THROW(flood.get());
}

TEST_F(ServerCalls, DrainGivesUpInTime) {
  start();
  wire_socket busy(server_->port());
  busy.send_message(request_text("Gate@pass", "[]"));
  ASSERT_TRUE(eventually([&] { return gate_->entered == 1; }));
  EXPECT_FALSE(server_->get().drain(50ms));
  gate_->go.release();
}

// Deadlines count from when it serves, not from when it was made.
TEST(ServerStart, AServerThatStartsLateClosesNobodyEarly) {
  server_options options;
  options.idle_timeout = 2s;
  server late(options);
  late.add(gate_service(std::make_shared<gate>()));
  late.listen("127.0.0.1:0");
  const auto address = late.addresses().at(0);
  wire_socket early(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  std::this_thread::sleep_for(options.idle_timeout + 500ms);  // it loads its data
  late.start();
  std::this_thread::sleep_for(options.idle_timeout / 4);  // silent, as it may be
  EXPECT_EQ(answer_kind(early.ask("@action_interface")), "result");
}

// The real client reads 65504 bytes at a time, and cannot take a header that a read cuts.
TEST_F(ServerCalls, ADownloadsSecondHeaderIsNeverCut) {
  start();
  for (const std::size_t bytes : {65489, 65492, 65495, 2 * 65504 - 12}) {
    wire_socket peer(server_->port());
    peer.send_message(request_text("UserInterface@download", "[" + std::to_string(bytes) + "]"));
    const std::size_t header_at = wire::frame_header_bytes + bytes;
    std::size_t total = 0;
    while (total < header_at + wire::frame_header_bytes) {
      const auto got = peer.read_once(65504).size();
      ASSERT_NE(got, 0U);
      total += got;
      EXPECT_FALSE(total > header_at && total < header_at + wire::frame_header_bytes) << bytes;
    }
  }
}

TEST_F(ServerCalls, ManyCallersOnManyThreads) {
  server_options options;
  options.threads = 3;
  start(options);
  std::vector<std::future<int>> callers;
  for (int caller = 0; caller < 8; ++caller) {
    callers.push_back(std::async(std::launch::async, [this, caller] {
      wire_socket peer(server_->port());
      int good = 0;
      for (int i = 0; i < 200; ++i) {
        const auto number = std::to_string(caller * 1000 + i);
        const auto text = peer.ask(request_text("UserInterface@hello", "[\"" + number + "\"]"));
        good += text == R"({"jsonrpc":"2.0","id":"","result":"hello, )" + number + "\"}";
        const auto count = peer.ask(request_text("UserInterface@counter", "[]"));
        good += count == R"({"jsonrpc":"2.0","id":"","result":)" + std::to_string(i + 1) + "}";
      }
      return good;
    }));
  }
  for (auto& caller : callers) EXPECT_EQ(caller.get(), 400);
}

}  // namespace
}  // namespace understudy::test
