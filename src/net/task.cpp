#include "understudy/task.hpp"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>

namespace understudy {

namespace {

thread_local const executor* current_executor = nullptr;

/// The loop of one sync_wait(): work and timers, run by the thread that waits.
class waiting_loop : public executor::target {
 public:
  void post(std::function<void()> work) override {
    {
      const std::lock_guard lock(mutex_);
      due_.push_back(std::move(work));
    }
    wake_.notify_one();
  }

  void post_after(std::chrono::nanoseconds delay, std::function<void()> work) override {
    {
      const std::lock_guard lock(mutex_);
      later_.emplace(std::chrono::steady_clock::now() + delay, std::move(work));
    }
    wake_.notify_one();
  }

  /// The thread in sync_wait() is a plain one: it may block.
  bool post_blocking(std::function<void()> work) override {
    post(std::move(work));
    return true;
  }

  /// Runs the next piece of work, waiting for it.
  void run_one() {
    std::function<void()> work;
    {
      std::unique_lock lock(mutex_);
      while (!take_due(work)) {
        if (later_.empty())
          wake_.wait(lock);
        else
          wake_.wait_until(lock, later_.begin()->first);
      }
    }
    work();
  }

 private:
  bool take_due(std::function<void()>& work) {
    if (!later_.empty() && later_.begin()->first <= std::chrono::steady_clock::now()) {
      due_.push_back(std::move(later_.begin()->second));
      later_.erase(later_.begin());
    }
    if (due_.empty()) return false;
    work = std::move(due_.front());
    due_.pop_front();
    return true;
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> due_;
  std::multimap<std::chrono::steady_clock::time_point, std::function<void()>> later_;
};

}  // namespace

executor executor::current() noexcept {
  return current_executor ? *current_executor : executor();
}

void executor::post(std::function<void()> work) const {
  if (target_)
    target_->post(std::move(work));
  else
    work();
}

void executor::post(std::coroutine_handle<> waiting) const {
  post([waiting] { waiting.resume(); });
}

void executor::post_after(std::chrono::nanoseconds delay, std::function<void()> work) const {
  if (!target_) throw std::logic_error("no executor runs this coroutine: use sync_wait()");
  target_->post_after(delay, std::move(work));
}

bool executor::post_blocking(std::function<void()> work) const {
  if (!target_) throw std::logic_error("no executor runs this coroutine: use sync_wait()");
  return target_->post_blocking(std::move(work));
}

executor_scope::executor_scope(executor runs) noexcept
    : mine_(std::move(runs)), before_(std::exchange(current_executor, &mine_)) {}

executor_scope::~executor_scope() {
  current_executor = before_;
}

namespace detail {

struct driver::frame {
  struct promise_type {
    std::function<void()> done;
    std::exception_ptr failure;

    struct call_done {
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<promise_type> ended) const noexcept {
        const auto then = std::move(ended.promise().done);
        then();  // may destroy the frame: nothing of it is used from here on
      }
      void await_resume() const noexcept {}
    };

    frame get_return_object() noexcept {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    call_done final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() noexcept { failure = std::current_exception(); }
  };
  using handle = std::coroutine_handle<promise_type>;
  handle coroutine;

  static promise_type& promise_of(std::coroutine_handle<> any) {
    return handle::from_address(any.address()).promise();
  }
};

driver::frame driver::drive(task<void> work) {
  co_await std::move(work);
}

driver::driver(task<void> work) : handle_(drive(std::move(work)).coroutine) {}

driver::~driver() {
  handle_.destroy();
}

void driver::start(std::function<void()> done) {
  frame::promise_of(handle_).done = std::move(done);
  handle_.resume();
}

void driver::result() const {
  if (const auto failure = frame::promise_of(handle_).failure) std::rethrow_exception(failure);
}

void run_to_end(task<void> work) {
  const auto loop = std::make_shared<waiting_loop>();
  const executor_scope scope{executor(loop)};
  bool ended = false;
  driver drive(std::move(work));
  drive.start([loop, &ended] { loop->post([&ended] { ended = true; }); });
  while (!ended) loop->run_one();
  drive.result();
}

}  // namespace detail
}  // namespace understudy
