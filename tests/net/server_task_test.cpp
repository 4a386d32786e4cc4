// task<T>, sync_wait and the awaitables.
#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

#include "understudy/task.hpp"

namespace understudy {
namespace {

using namespace std::chrono_literals;

task<int> number(int n) {
  co_return n;
}

task<int> sum(int depth) {
  if (depth == 0) co_return 0;
  const int below = co_await sum(depth - 1);
  co_await sleep_for(0ns);
  const int one = co_await number(1);
  co_return below + one;
}

task<std::string> worked() {
  auto work = [] { return std::string("done"); };
  run_blocking blocking(std::move(work));
  auto result = co_await blocking;
  co_return result;
}

task<> throws_after_sleep() {
  co_await sleep_for(1ms);
  throw std::runtime_error("on purpose");
}

task<std::string> catches() {
  try {
    co_await throws_after_sleep();
  } catch (const std::runtime_error& error) {
    co_return error.what();
  }
  co_return "nothing thrown";
}

/// Resumed from a foreign thread through the executor, as a client library does it.
struct from_another_thread {
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    thread = std::thread([waiting, home = executor::current()] { home.post(waiting); });
  }
  void await_resume() { thread.join(); }
  std::thread thread{};
};

task<bool> comes_home() {
  const auto before = std::this_thread::get_id();
  from_another_thread elsewhere;
  co_await elsewhere;
  co_return before == std::this_thread::get_id();
}

TEST(Task, YieldsValuesAndExceptions) {
  EXPECT_EQ(sync_wait(number(3)), 3);
  EXPECT_EQ(sync_wait(sum(100)), 100);
  EXPECT_EQ(sync_wait(worked()), "done");
  EXPECT_EQ(sync_wait(catches()), "on purpose");
  EXPECT_THROW(sync_wait(throws_after_sleep()), std::runtime_error);
  EXPECT_TRUE(sync_wait(comes_home()));
}

TEST(Task, HasAnExecutorOnlyWhileItRuns) {
  EXPECT_FALSE(executor::current());
  sync_wait([]() -> task<> {
    EXPECT_TRUE(executor::current());
    co_return;
  }());
  EXPECT_FALSE(executor::current());
}

TEST(Task, IsDestroyedUnstarted) {
  const auto kept = std::make_shared<int>(1);
  {
    const auto never = [](std::shared_ptr<int>) -> task<> { co_return; }(kept);
    EXPECT_EQ(kept.use_count(), 2);
  }
  EXPECT_EQ(kept.use_count(), 1);
}

}  // namespace
}  // namespace understudy
