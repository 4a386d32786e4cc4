// A connection to a server, where it is easier to hold in the hand than through the dispatcher.
#include "net/upstream.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/write.hpp>
#include <stdexcept>
#include <string>

#include "net/outbox.hpp"
#include "wire/frame.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr std::string_view call_body = R"({"jsonrpc":"2.0","method":"T@call","params":[],"id":""})";

asio::awaitable<void> connect_it(std::shared_ptr<upstream> which, tcp::endpoint server) {
  const auto error = co_await which->connect(server, clock::now() + 5s);
  if (error) throw std::runtime_error(error.message());
}

class upstream_test : public testing::Test {
 protected:
  upstream_test() {
    asio::co_spawn(io_, connect_it(up_, acceptor_.local_endpoint()), [](std::exception_ptr failed) {
      if (failed) std::rethrow_exception(failed);
    });
    io_.poll();  // connects, as far as the kernel
    peer_ = acceptor_.accept();
    peer_.non_blocking(true);
    io_.run();
    io_.restart();
  }

  /// At most so many bytes of an answer.
  void answer(std::size_t bytes_max = 1000) {
    std::string frame;
    wire::append_frame(frame, wire::frame_type::message, R"({"jsonrpc":"2.0","id":"","result":1})");
    asio::write(peer_, asio::buffer(frame, bytes_max));
  }
  void start() { up_->start(outgoing{call_body}, clock::now() + 5s); }
  /// It waits in the outbox for a turn of the loop more.
  void start_among_others() {
    outbox::of(io_.get_executor()).add([] {});
    start();
  }
  void run() {
    io_.restart();
    io_.run_one_for(1s);
  }
  /// Runs until the call has ended.
  exchange end() {
    while (!up_->ended(clock::now())) run();
    return up_->take();
  }
  /// What has come to the server.
  std::string received() {
    io_.restart();
    io_.poll();
    std::string text(4096, '\0');
    boost::system::error_code ignored;
    text.resize(peer_.read_some(asio::buffer(text), ignored));
    return text;
  }
  void rest() {
    up_->rest(clock::now());
    up_->watch_rest();
  }

  asio::io_context io_{1};
  tcp::acceptor acceptor_{io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  tcp::socket peer_{io_};
  std::string idle_end_;
  std::shared_ptr<upstream> up_ = std::make_shared<upstream>(
      io_.get_executor(), make_frame_codec(wire::frame_limits{}),
      [this](upstream&, bool closed) { idle_end_ = closed ? "closed" : "unasked"; });
};

TEST_F(upstream_test, carries_a_call) {
  start();
  answer();
  const auto got = end();
  EXPECT_EQ(got.how, core::outcome::answered);
  EXPECT_EQ(got.body.substr(got.payload.at, got.payload.bytes), "1");
  EXPECT_TRUE(up_->clean());
  EXPECT_NE(received().find(call_body), std::string::npos);
}

TEST_F(upstream_test, an_answer_that_came_before_the_call_left_is_none) {
  rest();
  answer();
  start_among_others();
  EXPECT_EQ(end().how, core::outcome::stale);
  EXPECT_EQ(received(), "");
}

TEST_F(upstream_test, nor_is_one_that_began_before) {
  rest();
  answer(10);
  start_among_others();
  EXPECT_EQ(end().how, core::outcome::stale);
  EXPECT_EQ(received(), "");
}

TEST_F(upstream_test, an_end_that_came_before_the_call_left_says_that_it_was_not_sent) {
  rest();
  peer_.shutdown(tcp::socket::shutdown_send);
  start_among_others();
  EXPECT_EQ(end().how, core::outcome::stale);
  EXPECT_EQ(received(), "");
}

TEST_F(upstream_test, a_call_given_up_before_it_left_never_leaves) {
  start();
  ASSERT_TRUE(up_->ended(clock::now() + 1h)) << "its deadline has passed";
  EXPECT_EQ(up_->take().how, core::outcome::stale);
  EXPECT_EQ(received(), "");
}

TEST_F(upstream_test, a_call_closed_before_it_left_never_leaves) {
  start();
  up_->close();
  EXPECT_EQ(end().how, core::outcome::stale);
  EXPECT_EQ(received(), "");
}

TEST_F(upstream_test, watched_or_not_a_resting_connection_is_used_again) {
  for (const bool watched : {false, true, false}) {
    up_->rest(clock::now());
    if (watched) up_->watch_rest();
    ASSERT_TRUE(up_->reusable());
    start();
    ASSERT_NE(received(), "") << "it has left";
    answer();
    EXPECT_EQ(end().how, core::outcome::answered);
  }
  EXPECT_EQ(idle_end_, "");
}

TEST_F(upstream_test, a_watched_one_tells_its_end) {
  rest();
  peer_.close();
  while (idle_end_.empty()) run();
  EXPECT_EQ(idle_end_, "closed");
}

TEST_F(upstream_test, one_that_is_not_watched_is_found_ended_before_use) {
  up_->rest(clock::now());
  ASSERT_TRUE(up_->reusable());
  peer_.close();
  EXPECT_FALSE(up_->reusable());
}

TEST_F(upstream_test, an_end_just_before_a_call_leaves_on_an_unwatched_one_says_it_was_not_sent) {
  up_->rest(clock::now());
  start_among_others();
  peer_.shutdown(tcp::socket::shutdown_send);
  while (!up_->ended(clock::now())) run();
  EXPECT_TRUE(up_->sent_nothing());
  EXPECT_EQ(up_->take().how, core::outcome::stale);
  EXPECT_EQ(received(), "");
}

TEST_F(upstream_test, nor_is_one_sent_behind_bytes_that_nobody_asked_for) {
  up_->rest(clock::now());
  start_among_others();
  answer();
  EXPECT_EQ(end().how, core::outcome::stale);
  EXPECT_EQ(received(), "");
}

TEST_F(upstream_test, what_the_kernel_does_not_take_at_once_follows) {
  const std::string large = R"({"x":")" + std::string(8U << 20, 'x') + R"("})";
  up_->start(outgoing{large}, clock::now() + 20s);
  io_.poll();
  EXPECT_FALSE(up_->sent_all());
  std::string text(1U << 20, '\0');
  std::size_t total = 0;
  while (total < large.size() + wire::frame_header_bytes) {
    boost::system::error_code error;
    total += peer_.read_some(asio::buffer(text), error);
    ASSERT_TRUE(!error || error == asio::error::would_block) << error.message();
    io_.restart();
    io_.poll();
  }
  EXPECT_TRUE(up_->sent_all());
  answer();
  EXPECT_EQ(end().how, core::outcome::answered);
}

TEST_F(upstream_test, a_large_call_that_is_cut_may_have_run) {
  const std::string large(8U << 20, 'x');
  up_->start(outgoing{large}, clock::now() + 20s);
  io_.poll();
  peer_.close();
  EXPECT_EQ(end().how, core::outcome::lost);
}

}  // namespace
}  // namespace understudy::net
