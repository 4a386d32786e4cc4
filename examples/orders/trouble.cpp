#include "trouble.hpp"

#include <fnmatch.h>

#include <coroutine>
#include <cstdlib>
#include <thread>
#include <understudy/error.hpp>
#include <understudy/task.hpp>
#include <utility>

namespace {

using std::chrono::milliseconds;

// Shares add up in binary: a hundred times 0.01 is a little more or less than 1.
constexpr double whole = 1 - 1e-9;

void check(const trouble_rule& rule) {
  const double share = rule.share.value_or(1);
  if (!(share >= 0 && share <= 1)) {
    throw understudy::rpc_error(understudy::code::invalid_params, "share must be 0 to 1.");
  }
  if (rule.for_ms.value_or(0) < 0 || rule.delay_ms.value_or(0) < 0) {
    throw understudy::rpc_error(understudy::code::invalid_params, "A time must not be negative.");
  }
}

bool matches(const trouble_rule& rule, const std::string& method, const std::string& context) {
  if (rule.match && ::fnmatch(rule.match->c_str(), method.c_str(), FNM_CASEFOLD) != 0) return false;
  return !rule.context || context.find(*rule.context) != std::string::npos;
}

understudy::task<understudy::reply> suffer(std::shared_ptr<trouble> rules,
                                           understudy::context& about,
                                           const understudy::next_handler& next) {
  if (about.method().starts_with("TroubleInterface@")) co_return co_await next();
  const auto rule = rules->meet(about.method(), about.text(), trouble::clock::now());
  if (!rule) co_return co_await next();
  switch (rule->what) {
    case trouble_kind::delay:
      co_await understudy::sleep_for(milliseconds(rule->delay_ms.value_or(0)));
      break;
    case trouble_kind::error:
      throw understudy::rpc_error(rule->code.value_or(0), rule->message.value_or("trouble"));
    case trouble_kind::hang: {
      const std::suspend_always for_ever;
      co_await for_ever;
      break;
    }
    case trouble_kind::die:
      std::_Exit(1);
  }
  co_return co_await next();
}

/// TroubleInterface.
class switchboard {
 public:
  explicit switchboard(std::shared_ptr<trouble> rules) : rules_(std::move(rules)) {}

  void set(std::vector<trouble_rule> rules) {
    rules_->set(std::move(rules), trouble::clock::now());
  }
  void clear() { rules_->set({}, trouble::clock::now()); }
  std::vector<std::int64_t> met() { return rules_->met(); }
  void work(std::int64_t ms) { std::this_thread::sleep_for(milliseconds(ms)); }

 private:
  std::shared_ptr<trouble> rules_;
};

}  // namespace

void trouble::set(std::vector<trouble_rule> rules, clock::time_point now) {
  std::vector<armed> fresh;
  for (auto& rule : rules) {
    check(rule);
    armed one;
    if (rule.for_ms) one.until = now + milliseconds(*rule.for_ms);
    one.due = 1 - rule.share.value_or(1);
    one.rule = std::move(rule);
    fresh.push_back(std::move(one));
  }
  const std::lock_guard guard(lock_);
  rules_ = std::move(fresh);
}

std::vector<std::int64_t> trouble::met() const {
  const std::lock_guard guard(lock_);
  std::vector<std::int64_t> counts;
  for (const auto& one : rules_) counts.push_back(one.met);
  return counts;
}

std::optional<trouble_rule> trouble::meet(const std::string& method, const std::string& context,
                                          clock::time_point now) {
  const std::lock_guard guard(lock_);
  for (auto& one : rules_) {
    if ((one.until && now >= *one.until) || !matches(one.rule, method, context)) continue;
    one.due += one.rule.share.value_or(1);
    if (one.due < whole) return std::nullopt;
    one.due -= 1;
    ++one.met;
    return one.rule;
  }
  return std::nullopt;
}

understudy::service_definition trouble_interface(std::shared_ptr<trouble> rules) {
  understudy::service<switchboard> control("TroubleInterface",
                                           std::make_shared<switchboard>(std::move(rules)));
  control.method("set", &switchboard::set, {"rules"})
      .comment("Replaces all rules of trouble.")
      .idempotent();
  control.method("clear", &switchboard::clear).comment("Ends all trouble.").idempotent();
  control.method("met", &switchboard::met)
      .comment("How many calls each rule has met.")
      .idempotent();
  control.method("work", &switchboard::work, {"ms"})
      .comment("Keeps a worker thread busy for so many milliseconds.")
      .idempotent();
  return control;
}

understudy::middleware make_trouble(std::shared_ptr<trouble> rules) {
  return
      [rules = std::move(rules)](understudy::context& about, const understudy::next_handler& next) {
        return suffer(rules, about, next);
      };
}
