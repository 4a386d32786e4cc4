#include "net/outbox.hpp"

#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <string>

namespace understudy::test {
namespace {

namespace asio = boost::asio;
using net::outbox;

class outbox_test : public testing::Test {
 protected:
  void add(char name) {
    box_.add([this, name] { log_ += name; });
  }
  /// Each of `count` functions, in turns of the loop one after the other, adds two things to send.
  void keep_adding(std::size_t count) {
    if (count == 0) return;
    asio::post(io_, [this, count] {
      log_ += "..";
      add('s');
      add('s');
      keep_adding(count - 1);
    });
  }

  asio::io_context io_{1};
  outbox& box_ = outbox::of(io_.get_executor());
  std::string log_;
};

TEST_F(outbox_test, a_loop_has_one) {
  asio::io_context other;
  EXPECT_EQ(&outbox::of(io_.get_executor()), &box_);
  EXPECT_NE(&outbox::of(other.get_executor()), &box_);
}

TEST_F(outbox_test, nothing_leaves_from_within) {
  add('a');
  EXPECT_EQ(log_, "");
  io_.run();
  EXPECT_EQ(log_, "a");
}

TEST_F(outbox_test, what_is_added_in_one_turn_leaves_in_order_and_together) {
  for (const char name : {'a', 'b', 'c'}) {
    asio::post(io_, [this, name] {
      log_ += '.';
      add(name);
    });
  }
  io_.run();
  EXPECT_EQ(log_, "...abc");
}

TEST_F(outbox_test, who_sends_alone_does_not_wait_for_others) {
  add('a');
  for (int turns = 0; turns < 3; ++turns) {
    asio::post(io_, [this] { log_ += '.'; });
    io_.run_one();
    io_.run_one();
  }
  io_.run();
  EXPECT_EQ(log_.find('a'), 0U) << log_;
}

TEST_F(outbox_test, it_waits_while_more_comes_but_not_for_ever) {
  keep_adding(100);
  io_.run();
  std::size_t longest = 0;
  std::size_t waiting = 0;
  for (const char c : log_) {
    waiting = c == '.' ? waiting + 1 : waiting - 1;
    longest = std::max(longest, waiting);
  }
  EXPECT_EQ(waiting, 0U);
  EXPECT_GT(longest, outbox::together / 2) << log_;
  EXPECT_LE(longest, outbox::together + 1) << log_;
}

TEST_F(outbox_test, what_a_send_adds_leaves_later) {
  box_.add([this] {
    log_ += 'a';
    add('b');
    log_ += '.';
  });
  io_.run();
  EXPECT_EQ(log_, "a.b");
}

asio::awaitable<void> send_in_turn(outbox& box, std::string& log) {
  log += '<';
  co_await box.turn();
  log += '>';
}

TEST_F(outbox_test, a_coroutine_can_wait_for_its_turn) {
  for (int i = 0; i < 2; ++i) {
    asio::co_spawn(io_, send_in_turn(box_, log_), asio::detached);
  }
  io_.run();
  EXPECT_EQ(log_, "<<>>");
}

TEST(outbox, who_waits_goes_with_the_loop) {
  const auto held = std::make_shared<int>(1);
  std::string log;
  {
    asio::io_context io;
    auto& box = outbox::of(io.get_executor());
    box.add([held] {});
    asio::co_spawn(io, send_in_turn(box, log), asio::detached);
    io.run_one();
  }
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace understudy::test
