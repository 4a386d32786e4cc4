// Coroutines for handlers and callers: task<T>, and the executor that resumes them.
#pragma once

#include <chrono>
#include <concepts>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

#include "understudy/error.hpp"

namespace understudy {

/// Where coroutines are resumed: one thread of a server, or the thread inside sync_wait().
/// A cheap handle; an empty one runs what is posted at once, in place. Copies refer to the same
/// thread. What is posted after that thread has ended is dropped.
class executor {
 public:
  /// What a thread that runs coroutines has to offer. Every function may be called from any thread.
  class target {
   public:
    virtual ~target() = default;
    virtual void post(std::function<void()> work) = 0;
    virtual void post_after(std::chrono::nanoseconds delay, std::function<void()> work) = 0;
    /// Runs `work` where blocking is allowed. False, and nothing done, where there is no room.
    [[nodiscard]] virtual bool post_blocking(std::function<void()> work) = 0;
  };

  executor() = default;
  explicit executor(std::shared_ptr<target> runs) : target_(std::move(runs)) {}

  /// The one that runs the calling coroutine; empty on a thread that runs none.
  /// Whoever suspends a coroutine takes it before, and posts the coroutine to it afterwards.
  [[nodiscard]] static executor current() noexcept;

  void post(std::function<void()> work) const;
  void post(std::coroutine_handle<> waiting) const;
  /// `work` runs after `delay`, on that thread. std::logic_error if this executor is empty.
  void post_after(std::chrono::nanoseconds delay, std::function<void()> work) const;
  [[nodiscard]] bool post_blocking(std::function<void()> work) const;

  explicit operator bool() const noexcept { return target_ != nullptr; }
  friend bool operator==(const executor&, const executor&) = default;

 private:
  std::shared_ptr<target> target_;
};

/// Makes an executor the current one of this thread while it lives.
class executor_scope {
 public:
  explicit executor_scope(executor runs) noexcept;
  ~executor_scope();
  executor_scope(const executor_scope&) = delete;
  executor_scope& operator=(const executor_scope&) = delete;

 private:
  executor mine_;
  const executor* before_;
};

template <typename T>
class task;

namespace detail {

struct task_promise_base {
  std::coroutine_handle<> continuation = std::noop_coroutine();

  struct resume_continuation {
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      return ended.promise().continuation;
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  resume_continuation final_suspend() const noexcept { return {}; }
};

/// What a piece of work came to: its value, or what it threw.
template <typename T>
class outcome {
 public:
  template <typename U>
  void set_value(U&& value) {
    held_.template emplace<1>(std::forward<U>(value));
  }
  void set_exception(std::exception_ptr thrown) noexcept { held_.template emplace<2>(thrown); }
  T take() {
    if (held_.index() == 2) std::rethrow_exception(std::get<2>(held_));
    return std::move(std::get<1>(held_));
  }

 private:
  std::variant<std::monostate, T, std::exception_ptr> held_;
};

template <>
class outcome<void> {
 public:
  void set_exception(std::exception_ptr thrown) noexcept { thrown_ = std::move(thrown); }
  void take() const {
    if (thrown_) std::rethrow_exception(thrown_);
  }

 private:
  std::exception_ptr thrown_;
};

template <typename T>
struct task_promise : task_promise_base {
  outcome<T> ended;

  task<T> get_return_object() noexcept;
  template <std::convertible_to<T> U = T>
  void return_value(U&& value) {
    ended.set_value(std::forward<U>(value));
  }
  void unhandled_exception() noexcept { ended.set_exception(std::current_exception()); }
};

template <>
struct task_promise<void> : task_promise_base {
  outcome<void> ended;

  task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void unhandled_exception() noexcept { ended.set_exception(std::current_exception()); }
};

}  // namespace detail

/// A coroutine that starts when it is awaited (once, as an rvalue) and hands its value or
/// exception to the one who awaits it. Owns its frame: destroying a suspended task destroys all
/// that hangs on it. Not thread-safe.
template <typename T = void>
class [[nodiscard]] task {
  static_assert(!std::is_reference_v<T>, "a task yields a value");

 public:
  using promise_type = detail::task_promise<T>;
  using value_type = T;

  task(task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  task& operator=(task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  ~task() {
    if (handle_) handle_.destroy();
  }

  auto operator co_await() && noexcept {
    struct awaiter {
      std::coroutine_handle<promise_type> running;
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiting) const noexcept {
        running.promise().continuation = waiting;
        return running;
      }
      T await_resume() const { return running.promise().ended.take(); }
    };
    return awaiter{handle_};
  }

 private:
  friend promise_type;
  explicit task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

namespace detail {

template <typename T>
task<T> task_promise<T>::get_return_object() noexcept {
  return task<T>(std::coroutine_handle<task_promise>::from_promise(*this));
}
inline task<void> task_promise<void>::get_return_object() noexcept {
  return task<void>(std::coroutine_handle<task_promise>::from_promise(*this));
}

/// Runs a task from outside of any coroutine. Owns it: destroying the driver destroys the task.
class driver {
 public:
  explicit driver(task<void> work);
  ~driver();
  driver(const driver&) = delete;
  driver& operator=(const driver&) = delete;

  /// Starts it; `done` is called once, on whatever thread it ends, and may destroy the driver.
  void start(std::function<void()> done);
  /// After `done`: rethrows what the task threw.
  void result() const;

 private:
  struct frame;
  static frame drive(task<void> work);
  std::coroutine_handle<> handle_;
};

/// Runs `work` on the calling thread until it has ended; throws what it threw.
void run_to_end(task<void> work);

template <typename T>
task<void> keep_value(task<T> work, std::optional<T>& value) {
  value.emplace(co_await std::move(work));
}

}  // namespace detail

/// Runs a task on the calling thread, with everything it awaits, and returns its value or throws
/// its exception. For plain threads: never call it on a server's own thread.
template <typename T>
T sync_wait(task<T> work) {
  if constexpr (std::is_void_v<T>) {
    detail::run_to_end(std::move(work));
  } else {
    std::optional<T> value;
    detail::run_to_end(detail::keep_value(std::move(work), value));
    return std::move(*value);
  }
}

/// `co_await sleep_for(50ms)`: others run meanwhile on the same thread.
class sleep_for {
 public:
  explicit sleep_for(std::chrono::nanoseconds delay) noexcept : delay_(delay) {}
  bool await_ready() const noexcept { return delay_.count() <= 0; }
  void await_suspend(std::coroutine_handle<> waiting) const {
    executor::current().post_after(delay_, [waiting] { waiting.resume(); });
  }
  void await_resume() const noexcept {}

 private:
  std::chrono::nanoseconds delay_;
};

/// `co_await run_blocking(f)`: f() runs on a worker thread, where it may block; its value or
/// exception comes back to the coroutine's own thread. rpc_error -32003 where the workers' queue is
/// full. `f` is kept until it has returned, even where the waiting coroutine is gone by then: what
/// it refers to must live as long.
template <std::invocable F>
class run_blocking {
  using value_type = std::invoke_result_t<F>;

 public:
  explicit run_blocking(F f) : state_(std::make_shared<state>(std::move(f))) {}

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> waiting) {
    const auto back = executor::current();
    state_->queued = true;  // before it can be resumed
    if (!back.post_blocking([job = state_, waiting, back] {
          job->run();
          back.post(waiting);
        }))
      state_->queued = false;
    return state_->queued;
  }
  value_type await_resume() {
    if (!state_->queued)
      throw rpc_error(code::overloaded, "All workers are busy; retry later", R"({"retry":true})",
                      delivery::not_sent);
    return state_->ended.take();
  }

 private:
  struct state {
    explicit state(F f) : work(std::move(f)) {}
    void run() noexcept {
      try {
        if constexpr (std::is_void_v<value_type>)
          work();
        else
          ended.set_value(work());
      } catch (...) {
        ended.set_exception(std::current_exception());
      }
    }
    F work;
    detail::outcome<value_type> ended;
    bool queued = false;
  };
  std::shared_ptr<state> state_;
};

}  // namespace understudy
