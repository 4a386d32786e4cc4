#include "db/node_link.hpp"

#include <utility>

namespace understudy::db {

node_link::node_link(members all, core::node_id self, std::function<void()> lost)
    : lost_(std::move(lost)),
      session_(std::move(all), self, &interrupt_),
      thread_([this] { serve(); }) {}

bool node_link::look(core::duration time, answer done) {
  return ask({look_only(), std::chrono::steady_clock::now() + time, std::move(done)});
}

bool node_link::check(core::duration time, answer done) {
  return ask({check_only(), std::chrono::steady_clock::now() + time, std::move(done)});
}

bool node_link::carry_out(const core::step& what, core::generation gen, core::duration time,
                          answer done) {
  return ask({one_step{what, gen}, std::chrono::steady_clock::now() + time, std::move(done)});
}

bool node_link::renew_receiver(core::generation gen, core::duration time, answer done) {
  return ask({renewal{gen}, std::chrono::steady_clock::now() + time, std::move(done)});
}

void node_link::use_passwords(std::string supervisor, std::string replication) {
  const std::lock_guard lock(mutex_);
  next_ = passwords{std::move(supervisor), std::move(replication)};
}

bool node_link::busy() const {
  const std::lock_guard lock(mutex_);
  return busy_;
}

bool node_link::ask(request what) {
  const std::lock_guard lock(mutex_);
  if (busy_ || stopping_) return false;
  busy_ = true;
  asked_ = std::move(what);
  changed_.ring();
  return true;
}

void node_link::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.ring();
  }
  interrupt_.stop();
  if (thread_.joinable()) thread_.join();
}

node_report node_link::answer_to(const request& what) {
  if (const auto* const step = std::get_if<one_step>(&what.what)) {
    return session_.carry_out(step->what, step->gen, what.deadline);
  }
  if (const auto* const renews = std::get_if<renewal>(&what.what)) {
    return session_.renew_receiver(renews->gen, what.deadline);
  }
  const bool checks = std::holds_alternative<check_only>(what.what);
  return checks ? session_.check(what.deadline) : session_.look(what.deadline);
}

void node_link::serve() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    changed_.silence();
    if (!asked_) {
      lock.unlock();
      if (session_.rest(changed_) && lost_) lost_();
      lock.lock();
      continue;
    }
    const request now = std::move(*asked_);
    asked_.reset();
    if (next_) session_.use_passwords(std::move(next_->supervisor), std::move(next_->replication));
    next_.reset();
    lock.unlock();
    node_report report = answer_to(now);
    lock.lock();
    busy_ = false;
    if (stopping_) break;
    lock.unlock();
    now.done(std::move(report));
    lock.lock();
  }
  lock.unlock();
  session_.close();
}

}  // namespace understudy::db
