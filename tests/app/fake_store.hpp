// A call store that does what a test tells it to, and remembers what it was asked.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "store/call_store.hpp"

namespace understudy::app {

/// Answers acceptances at once unless `silent`. One thread.
class fake_store final : public store::call_store {
 public:
  struct held_service {
    std::string service;
    bool held;
  };

  bool silent = false;
  std::deque<store::acceptance> answers;  ///< for the next calls; then new ids
  std::vector<store::new_call> accepted;
  std::vector<store::attempt_report> reports;
  std::vector<held_service> holds;
  std::size_t places = 0;
  std::optional<store::call_view> view;
  std::uint64_t last_id = 0;

  [[nodiscard]] std::string tag() const override { return "0123456789"; }
  void accept(store::new_call call, answer<store::acceptance> answered) override {
    accepted.push_back(std::move(call));
    if (silent) return;
    store::acceptance given;
    if (answers.empty()) {
      given.id = store::call_id{++last_id};
    } else {
      given = std::move(answers.front());
      answers.pop_front();
    }
    answered(std::move(given));
  }
  [[nodiscard]] std::size_t accepting() const override { return silent ? accepted.size() : 0; }
  void grant(std::size_t more) override { places += more; }
  void report(store::attempt_report attempt, answer<bool> answered) override {
    reports.push_back(std::move(attempt));
    answered(true);
  }
  void renew(std::vector<store::held_claim>) override {}
  void pause(std::string, bool, answer<bool> answered) override { answered(true); }
  void hold(std::string service, bool held) override { holds.push_back({service, held}); }
  void limit(std::string, std::size_t) override {}
  void cancel(store::call_id, answer<std::optional<store::call_state>> answered) override {
    answered(std::nullopt);
  }
  void retry(store::call_id, bool, answer<std::optional<store::call_id>> answered) override {
    answered(std::nullopt);
  }
  void purge(store::call_id, answer<bool> answered) override { answered(false); }
  void look(store::call_id, answer<std::optional<store::call_view>> answered) override {
    answered(view);
  }
  void list(store::call_filter, answer<std::vector<store::call_view>> answered) override {
    answered({});
  }
  void counts(answer<store::store_counts> answered) override { answered({}); }
  void verify(answer<std::vector<std::string>> answered) override { answered({}); }
};

}  // namespace understudy::app
