#include "app/common/event_log.hpp"

#include <chrono>

#include "app/common/json_out.hpp"

namespace understudy::app {

std::string to_json(const event& e) {
  std::string out;
  {
    json_object object(out);
    object.number("number", e.number);
    object.number("time_ms", e.time_ms);
    object.text("kind", e.record.kind);
    object.text("subject", e.record.subject);
    {
      json_object evidence(object.key("evidence"));
      for (const auto& [name, value] : e.record.evidence) evidence.text(name, value);
    }
    object.text("rule", e.record.rule);
    object.text("effect", e.record.effect);
    object.raw("epoch", e.record.epoch ? std::to_string(*e.record.epoch) : "null");
  }
  return out;
}

event_log::event_log(std::size_t kept_max) : kept_max_(kept_max) {}

void event_log::write(const core::record& record) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::lock_guard lock(mutex_);
  event& e = events_.emplace_back();
  e.number = ++last_;
  e.time_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  e.record = record;
  for (const auto& [handle, watch] : watchers_) watch(e);
  while (events_.size() > kept_max_) events_.pop_front();
}

template <typename Visit>
void event_log::each_since(std::uint64_t after, Visit&& visit) const {
  if (after > last_) after = 0;
  for (const auto& e : events_) {
    if (e.number > after) visit(e);
  }
}

std::vector<event> event_log::since(std::uint64_t after) const {
  const std::lock_guard lock(mutex_);
  std::vector<event> out;
  each_since(after, [&out](const event& e) { out.push_back(e); });
  return out;
}

std::uint64_t event_log::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

std::uint64_t event_log::watch(watcher w, std::optional<std::uint64_t> replay_after) {
  const std::lock_guard lock(mutex_);
  if (replay_after) each_since(*replay_after, w);
  watchers_.emplace_back(++handles_, std::move(w));
  return handles_;
}

void event_log::unwatch(std::uint64_t handle) {
  const std::lock_guard lock(mutex_);
  std::erase_if(watchers_, [handle](const auto& one) { return one.first == handle; });
}

}  // namespace understudy::app
