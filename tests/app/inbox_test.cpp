#include "app/common/inbox.hpp"

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <optional>
#include <thread>

namespace understudy::app {
namespace {

using words = std::vector<int>;

class inbox_test : public testing::Test {
 protected:
  void put(int word) {
    inbox_->put(loop_->get_executor(), word, [this](const words& all) { taken_.push_back(all); });
  }

  std::optional<boost::asio::io_context> loop_{std::in_place, 1};
  std::shared_ptr<inbox<int>> inbox_ = std::make_shared<inbox<int>>();
  std::vector<words> taken_;
};

TEST_F(inbox_test, words_are_taken_together_in_order) {
  for (const int word : {1, 2, 3}) put(word);
  EXPECT_EQ(loop_->run(), 1U) << "one wake-up";
  EXPECT_EQ(taken_, (std::vector<words>{{1, 2, 3}}));
}

TEST_F(inbox_test, what_comes_later_is_taken_later) {
  put(1);
  loop_->run();
  loop_->restart();
  put(2);
  loop_->run();
  EXPECT_EQ(taken_, (std::vector<words>{{1}, {2}}));
}

TEST_F(inbox_test, words_go_with_the_loop_that_they_were_for) {
  const auto word = std::make_shared<int>(1);
  const auto box = std::make_shared<inbox<std::shared_ptr<int>>>();
  box->put(loop_->get_executor(), word, [](const auto&) { FAIL() << "the loop has ended"; });
  loop_.reset();
  EXPECT_EQ(word.use_count(), 1);
}

TEST_F(inbox_test, none_is_lost_between_threads) {
  constexpr int count = 20'000;
  auto busy = boost::asio::make_work_guard(*loop_);
  std::thread writer([&] {
    for (int i = 0; i < count; ++i) put(i);
    boost::asio::post(*loop_, [&] { busy.reset(); });
  });
  loop_->run();
  writer.join();
  int next = 0;
  for (const words& each : taken_) {
    for (const int word : each) EXPECT_EQ(word, next++);
  }
  EXPECT_EQ(next, count);
}

}  // namespace
}  // namespace understudy::app
