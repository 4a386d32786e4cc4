// To wait for what a store's thread answers and tells.
#pragma once

#include <condition_variable>
#include <future>
#include <mutex>
#include <vector>

#include "store/support/calls.hpp"

namespace understudy::store {

/// Keeps what it is told.
class listening_sink : public call_sink {
 public:
  void claimed(std::vector<claimed_call> calls) override {
    const std::lock_guard lock(mutex_);
    for (auto& each : calls) claimed_.push_back(std::move(each));
    changed_.notify_all();
  }
  void ended(std::vector<call_ending> calls) override {
    const std::lock_guard lock(mutex_);
    for (auto& each : calls) ended_.push_back(std::move(each));
    changed_.notify_all();
  }
  std::vector<claimed_call> wait_claimed(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return claimed_.size() >= count; });
    return claimed_;
  }
  std::vector<call_ending> wait_ended(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ended_.size() >= count; });
    return ended_;
  }
  std::size_t claims() {
    const std::lock_guard lock(mutex_);
    return claimed_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<claimed_call> claimed_;
  std::vector<call_ending> ended_;
};

/// What a function with an answer answers.
template <typename T, typename Ask>
T answer_of(Ask ask) {
  std::promise<T> promise;
  auto future = promise.get_future();
  ask([&](T value) { promise.set_value(std::move(value)); });
  return future.get();
}

/// Of the time that the store's thread sees.
inline new_call call_now(const std::string& service) {
  new_call call = call_of(service);
  call.terms.deadline =
      std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()) + 1h;
  return call;
}

}  // namespace understudy::store
