// Queues of waiting calls to compare ours with, rebuilt from what their authors publish.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/pending.hpp"

namespace understudy::core::overload {

using call_index = std::size_t;

/// The simulated gateway's view of a queue. `enter` gives nothing if the call is taken, else when
/// to come again.
class queue_policy {
 public:
  virtual ~queue_policy() = default;
  virtual std::optional<duration> enter(time_point now, call_index call,
                                        const pending_call& what) = 0;
  virtual std::optional<call_index> next(time_point now) = 0;
  virtual void cancel(call_index call) = 0;
  /// Calls that it gave up.
  virtual std::vector<call_index> expire(time_point now) = 0;
  [[nodiscard]] virtual std::size_t size() const = 0;
};
using make_queue = std::function<std::unique_ptr<queue_policy>()>;

class our_queue final : public queue_policy {
 public:
  std::optional<duration> enter(time_point now, call_index call,
                                const pending_call& what) override {
    const auto answer = pending_.enter(now, what);
    if (const auto* away = std::get_if<turned_away>(&answer)) return away->retry_after;
    const pending_id id = std::get<pending_id>(answer);
    calls_[id] = call;
    ids_[call] = id;
    return std::nullopt;
  }
  std::optional<call_index> next(time_point now) override {
    const auto id = pending_.next(now);
    if (!id) return std::nullopt;
    return forget(*id);
  }
  void cancel(call_index call) override {
    const auto at = ids_.find(call);
    if (at == ids_.end()) return;
    const pending_id id = at->second;
    (void)pending_.cancel(id);
    forget(id);
  }
  std::vector<call_index> expire(time_point now) override {
    std::vector<call_index> out;
    for (const pending_id id : pending_.expire(now)) out.push_back(forget(id));
    return out;
  }
  [[nodiscard]] std::size_t size() const override { return pending_.size(); }

 private:
  call_index forget(pending_id id) {
    const call_index call = calls_.at(id);
    calls_.erase(id);
    ids_.erase(call);
    return call;
  }
  pending pending_;
  std::unordered_map<pending_id, call_index> calls_;
  std::unordered_map<call_index, pending_id> ids_;
};

/// First come, first served, at most 1000: what a listen backlog or a plain queue does. With
/// `adaptive`, as Facebook runs it (Maurer, "Fail at Scale", 2015): last come, first served while
/// a queue stands, and a wait of at most 5 ms if the queue was not empty in the last 100 ms.
class plain_queue final : public queue_policy {
 public:
  explicit plain_queue(bool adaptive) : adaptive_(adaptive) {}

  std::optional<duration> enter(time_point now, call_index call, const pending_call&) override {
    if (calls_.empty()) empty_at_ = now;
    if (calls_.size() >= 1000) return std::chrono::milliseconds{100};
    const auto wait = stands(now) ? std::chrono::milliseconds{5} : std::chrono::milliseconds{100};
    calls_.push_back({call, adaptive_ ? now + wait : time_point::max()});
    return std::nullopt;
  }
  std::optional<call_index> next(time_point now) override {
    if (calls_.empty()) return std::nullopt;
    const bool last = adaptive_ && stands(now);
    const call_index call = last ? calls_.back().call : calls_.front().call;
    last ? calls_.pop_back() : calls_.pop_front();
    return call;
  }
  void cancel(call_index call) override {
    std::erase_if(calls_, [call](const waiting& w) { return w.call == call; });
  }
  std::vector<call_index> expire(time_point now) override {
    std::vector<call_index> out;
    if (!adaptive_) return out;
    std::erase_if(calls_, [&](const waiting& w) {
      if (w.until > now) return false;
      out.push_back(w.call);
      return true;
    });
    return out;
  }
  [[nodiscard]] std::size_t size() const override { return calls_.size(); }

 private:
  struct waiting {
    call_index call;
    time_point until;
  };
  [[nodiscard]] bool stands(time_point now) const {
    return !calls_.empty() && now - empty_at_ > std::chrono::milliseconds{100};
  }
  bool adaptive_;
  std::deque<waiting> calls_;
  time_point empty_at_{};
};

}  // namespace understudy::core::overload
