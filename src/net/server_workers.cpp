#include "net/server_workers.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

namespace understudy::net {

struct server_workers::shared {
  std::mutex mutex;
  std::condition_variable work_came;
  std::condition_variable thread_ended;
  std::deque<std::function<void()>> waiting;
  std::size_t room = 0;  ///< pieces of work that may wait or run
  std::size_t held = 0;  ///< that do
  std::size_t alive = 0;
  bool stopped = false;

  static void run(const std::shared_ptr<shared>& self) {
    std::unique_lock lock(self->mutex);
    for (;;) {
      self->work_came.wait(lock, [&] { return self->stopped || !self->waiting.empty(); });
      if (self->stopped) break;
      auto work = std::move(self->waiting.front());
      self->waiting.pop_front();
      lock.unlock();
      work();
      work = nullptr;  // what it owned goes before its place is free
      lock.lock();
      --self->held;
    }
    --self->alive;
    self->thread_ended.notify_all();
  }
};

server_workers::server_workers(unsigned threads, std::size_t waiting_max)
    : shared_(std::make_shared<shared>()) {
  shared_->room = threads + waiting_max;
  shared_->alive = threads;
  for (unsigned i = 0; i < threads; ++i)
    threads_.emplace_back([shared = shared_] { shared::run(shared); });
}

server_workers::~server_workers() {
  stop(std::chrono::milliseconds{0});
}

bool server_workers::post(std::function<void()> work) {
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->stopped || shared_->held >= shared_->room) return false;
    ++shared_->held;
    shared_->waiting.push_back(std::move(work));
  }
  shared_->work_came.notify_one();
  return true;
}

void server_workers::stop(std::chrono::milliseconds patience) {
  std::deque<std::function<void()>> dropped;
  bool all_ended = false;
  {
    std::unique_lock lock(shared_->mutex);
    shared_->stopped = true;
    dropped.swap(shared_->waiting);
    shared_->work_came.notify_all();
    all_ended = shared_->thread_ended.wait_for(lock, patience, [&] { return shared_->alive == 0; });
  }
  for (auto& thread : threads_) {
    if (all_ended)
      thread.join();
    else
      thread.detach();
  }
  threads_.clear();
}

}  // namespace understudy::net
