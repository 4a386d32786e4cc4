#include "core/call.hpp"

#include <algorithm>
#include <utility>

#include "core/pool_state.hpp"
#include "understudy/detail/check.hpp"

namespace understudy::core {
namespace {

/// A parked call looks again this often, so that it depends on no wake that never comes.
constexpr duration look_again = std::chrono::seconds{1};
/// An attempt that could not be hedged is looked at again after this.
constexpr duration hedge_again = std::chrono::milliseconds{50};
/// The hint for callers that were refused for lack of a server: a restart takes about as long.
constexpr duration retry_hint = std::chrono::seconds{1};
/// The same for want of a connection: others end all the time.
constexpr duration crowded_hint = std::chrono::milliseconds{100};

std::string what_happened(outcome how, std::string_view server) {
  const std::string name = "server " + std::string(server);
  switch (how) {
    case outcome::lost:
      return "the connection to " + name + " was lost after it had been sent";
    case outcome::unreadable:
      return name + " sent something that is no answer";
    case outcome::timed_out:
      return name + " gave no answer in time";
    default:
      return "it was given up while " + name + " worked on it";
  }
}

std::string reason_of(refusal why, const pool_options& options) {
  switch (why) {
    case refusal::not_idempotent:
      return "the method is not declared idempotent";
    case refusal::killer:
      return "it has cost " + std::to_string(options.lost_max) + " connections";
    case refusal::attempts:
      return "it was tried " + std::to_string(options.attempts_max) + " times";
    case refusal::budget:
      return "the pool has no retries left for now";
    case refusal::parked_full:
      return "too many calls wait for a server";
    case refusal::crowded:
      return "no connection to another server could be spared";
    case refusal::overloaded:
      return "the other servers have as many calls as they can take";
    default:
      return "no other server could take it";
  }
}

}  // namespace

call::call(pool& servers, call_options options)
    : pool_(servers), options_(std::move(options)), method_(servers.method(options_.method)) {}

call::~call() {
  leave_parking();
  (void)leave_queue();
  while (!out_.empty()) end_attempt(out_.back().started, out_.back().server, outcome::abandoned);
}

call_step call::begin(time_point now) {
  shared().budget.earn();
  if (now >= options_.deadline) return deadline_passed();
  if (auto next = go_on(now)) return std::move(*next);
  return wait_for_server(now);
}

/// Another server, or a place at one; nothing where none could take it.
std::optional<call_step> call::go_on(time_point now) {
  if (const auto fresh = untried(now)) return start(now, *fresh);
  const pool::choice next = pool_.pick(now, tried_, method_, options_.key);
  if (next.server) return start(now, *next.server);
  if (next.full) return wait_for_place(now);
  return std::nullopt;
}

/// One that has not failed it, in this life or before.
std::optional<server_id> call::untried(time_point now) {
  if (options_.failed_at.empty()) return std::nullopt;
  std::vector<server_id> all(tried_.begin(), tried_.end());
  all.insert(all.end(), options_.failed_at.begin(), options_.failed_at.end());
  return pool_.pick(now, all, method_, options_.key).server;
}

call_step call::failed(time_point now, server_id server, outcome how) {
  UNDERSTUDY_CHECK(how != outcome::answered);
  const bool sent = was_sent(how);
  if (!sent) {
    --attempts_;
  } else if (how != outcome::faulted) {
    unknown_at_ = shared().address(server);
    unknown_ = what_happened(how, unknown_at_);
  }
  end_attempt(now, server, how);
  faulted_ = faulted_ || how == outcome::faulted;
  pushed_back_ = pushed_back_ || how == outcome::pushed_back;
  if (how == outcome::lost) ++lost_;
  if (!out_.empty()) return core::wait{};
  if (how == outcome::pushed_back && !shared().budget.take())
    return has_answer() ? call_step(deliver{}) : not_repeated(refusal::budget);
  if (!sent) return after_not_sent(now);
  if (how == outcome::abandoned)
    return give_up{code::outcome_unknown, unknown_, delivery::unknown, {}, unknown_at_};
  return after_sent(now);
}

call_step call::crowded(time_point now, server_id server) {
  --attempts_;
  const std::string name(shared().address(server));
  end_attempt(now, server, outcome::abandoned);
  if (!out_.empty()) return core::wait{};
  if (now >= options_.deadline) return deadline_passed();
  if (auto next = go_on(now)) return std::move(*next);
  if (has_answer()) return deliver{};
  if (!unknown_.empty()) return not_repeated(refusal::crowded);
  return refuse(refusal::crowded,
                {.code = code::overloaded,
                 .message = "too many connections to server " + name + "; nothing was sent",
                 .retry_after = crowded_hint});
}

void call::finish(time_point now, server_id server, outcome how, bool badly) {
  end_attempt(now, server, how, badly);
  if (how == outcome::answered && !badly && watch::is_shared(method_))
    (void)pool_.know(options_.method);
}

std::optional<time_point> call::look_at() const {
  const bool may_hedge = options_.idempotent && out_.size() == 1 &&
                         attempts_ < pool_.options().attempts_max &&
                         lost_ < pool_.options().lost_max && !shared().alone();
  if (!may_hedge) return std::nullopt;
  const auto delay = pool_.hedge_delay(method_);
  if (!delay) return std::nullopt;
  return std::max(out_.front().started + *delay, looked_);
}

call_step call::look(time_point now) {
  looked_ = now + hedge_again;
  if (!look_at() || now >= options_.deadline) return core::wait{};
  // Away from a server in doubt it is no luxury.
  const bool doubted = !pool_.trusts(now, out_.front().server, method_);
  if (!doubted && !shared().budget.rich()) return core::wait{};
  const auto server = pool_.pick(now, tried_, method_, options_.key).server;
  if (!server || !pool_.trusts(now, *server, method_) || !shared().budget.take())
    return core::wait{};
  return start(now, *server);
}

attempt_id call::id_of(server_id server) const {
  const auto found = std::find_if(out_.begin(), out_.end(),
                                  [&](const out& each) { return each.server == server; });
  UNDERSTUDY_CHECK(found != out_.end());
  return found->id;
}

attempt_id call::orphan(server_id server) {
  const auto found = std::find_if(out_.begin(), out_.end(),
                                  [&](const out& each) { return each.server == server; });
  UNDERSTUDY_CHECK(found != out_.end());
  const attempt_id id = found->id;
  out_.erase(found);
  return id;
}

call_step call::woken(time_point now) {
  if (turn_) return turn_came(now);
  UNDERSTUDY_CHECK(parked_);
  if (now >= options_.deadline) {
    leave_parking();
    if (!unknown_.empty()) return deadline_passed();
    return refuse(refusal::no_server,
                  {code::no_server, "no server of pool " + pool_.options().name +
                                        " was usable before the deadline; nothing was sent"});
  }
  const pool::choice next = pool_.pick(now, {}, method_, options_.key);
  if (!next.server && !next.full) {
    slot_.reset();
    return stay(now);
  }
  if (!slot_) slot_ = shared().waiting.slot(now);
  if (now < *slot_ && *slot_ < options_.deadline) return park{*slot_, {}};
  leave_parking();
  tried_.clear();
  return next.server ? start(now, *next.server) : wait_for_place(now);
}

call_step call::stopped() {
  UNDERSTUDY_CHECK(parked_ || turn_);
  leave_parking();
  (void)leave_queue();
  if (!unknown_.empty()) return not_repeated(refusal::no_server);
  return give_up{.code = code::no_server,
                 .message = "stopped before a server could be reached; nothing was sent"};
}

call_step call::start(time_point now, server_id server) {
  tried_.push_back(server);
  ++attempts_;
  out_.push_back({server, pool_.begin(now, server, method_, options_.idempotent), now});
  if (!options_.idempotent || attempts_ > 1) return attempt{server, {}};
  const auto canary = pool_.canary_due(now, method_);
  return attempt{server, canary == server ? std::nullopt : canary};
}

call_step call::after_not_sent(time_point now) {
  if (now >= options_.deadline) return deadline_passed();
  if (const auto why = limit_reached(); why && !unknown_.empty())
    return has_answer() ? call_step(deliver{}) : not_repeated(*why);
  if (auto next = go_on(now)) return std::move(*next);
  return wait_for_server(now);
}

/// Which limit forbids another attempt after one that reached a server.
std::optional<refusal> call::limit_reached() const {
  if (!options_.idempotent) return refusal::not_idempotent;
  if (lost_ >= pool_.options().lost_max) return refusal::killer;
  if (attempts_ >= pool_.options().attempts_max) return refusal::attempts;
  return std::nullopt;
}

call_step call::after_sent(time_point now) {
  if (now >= options_.deadline) return deadline_passed();
  std::optional<refusal> why = limit_reached();
  if (!why) {
    const pool::choice next = pool_.pick(now, tried_, method_, options_.key);
    const bool may_wait = !has_answer() && (next.full || shared().any_recovering());
    if (!next.server && !may_wait) {
      why = next.full ? refusal::overloaded : refusal::alone;
    } else if (!shared().budget.take()) {
      why = refusal::budget;
    } else if (next.server) {
      return start(now, *next.server);
    } else {
      return next.full ? wait_for_place(now) : wait_for_server(now);
    }
  }
  return has_answer() ? call_step(deliver{}) : not_repeated(*why);
}

/// Nothing is left to try at this moment.
call_step call::wait_for_server(time_point now) {
  if (has_answer()) return deliver{};
  const bool sent = !unknown_.empty();
  if (!shared().any_in_service()) {
    if (sent) return not_repeated(refusal::alone);
    const bool none = shared().servers.servers().empty();
    return refuse(
        refusal::no_server,
        {.code = code::no_server,
         .message = (none ? "there is no server in pool " : "no server takes calls in pool ") +
                    pool_.options().name + (none ? "" : ": all are drained or removed"),
         .retry_after = retry_hint});
  }
  if (!options_.parks) {
    if (sent) return not_repeated(refusal::alone);
    return refuse(refusal::no_server, {.code = code::no_server,
                                       .message = "no server of pool " + pool_.options().name +
                                                  " is usable; nothing was sent",
                                       .retry_after = retry_hint});
  }
  if (!shared().waiting.enter()) {
    if (sent) return not_repeated(refusal::parked_full);
    return refuse(refusal::parked_full, {.code = code::overloaded,
                                         .message = "no server of pool " + pool_.options().name +
                                                    " is usable, and no more than " +
                                                    std::to_string(pool_.options().parked_max) +
                                                    " calls may wait for one; nothing was sent",
                                         .retry_after = retry_hint});
  }
  parked_ = true;
  return stay(now);
}

park call::stay(time_point now) const {
  return {std::min(options_.deadline, now + look_again), {}};
}

/// What it takes once it has a place.
duration call::needs() const {
  return shared().attempts.usual_median(method_);
}

call_step call::wait_for_place(time_point now) {
  if (has_answer()) return deliver{};
  const pending_call me{.deadline = options_.deadline,
                        .needs = needs(),
                        .priority = options_.priority,
                        .caller = options_.caller};
  const auto entered = shared().queue.enter(now, me);
  if (const auto* away = std::get_if<turned_away>(&entered))
    return no_place(now, away->retry_after);
  turn_ = std::get<pending_id>(entered);
  return park{std::min(options_.deadline, now + look_again), turn_};
}

/// It has a place, or has waited too long; or it only looks again.
call_step call::turn_came(time_point now) {
  const bool too_late = now >= options_.deadline - needs();
  if (shared().queue.waits(*turn_) && !too_late && shared().any_in_service())
    return park{std::min(options_.deadline, now + look_again), turn_};
  const auto place = leave_queue();
  if (now >= options_.deadline || (too_late && !place)) return no_place(now, crowded_hint);
  const bool may = place && std::find(tried_.begin(), tried_.end(), *place) == tried_.end();
  if (may && !options_.key && pool_.trusts(now, *place, method_)) return start(now, *place);
  const pool::choice next = pool_.pick(now, tried_, method_, options_.key);
  if (next.server) return start(now, *next.server);
  if (!next.full) return wait_for_server(now);
  if (may) return start(now, *place);  // better ones are full
  // To wait again would be to be told again of the same place.
  return place ? no_place(now, crowded_hint) : wait_for_place(now);
}

call_step call::no_place(time_point now, duration retry_after) {
  shared().refused_at = now;
  if (has_answer()) return deliver{};
  if (!unknown_.empty()) return not_repeated(refusal::overloaded);
  return refuse(refusal::overloaded,
                {.code = code::overloaded,
                 .message = "the servers of pool " + pool_.options().name +
                            " have as many calls as they can take; nothing was sent",
                 .retry_after = retry_after});
}

call_step call::not_repeated(refusal why) {
  return refuse(why, {.code = code::outcome_unknown,
                      .message = options_.method + " may have run: " + unknown_ +
                                 "; it was not repeated: " + reason_of(why, pool_.options()),
                      .sent = delivery::unknown,
                      .server = unknown_at_});
}

call_step call::deadline_passed() {
  if (has_answer()) return deliver{};
  if (unknown_.empty()) {
    return refuse(refusal::deadline, {.code = code::deadline_passed,
                                      .message = "the deadline passed before the call was sent"});
  }
  if (!options_.idempotent) return not_repeated(refusal::not_idempotent);
  return give_up{.code = code::deadline_passed,
                 .message = "the deadline passed: " + unknown_ + "; it may have run",
                 .sent = delivery::unknown,
                 .server = unknown_at_};
}

call_step call::refuse(refusal why, give_up answer) {
  shared().refused.note(why, options_.method);
  return answer;
}

void call::end_attempt(time_point now, server_id server, outcome how, bool badly) {
  const outcome says = as_evidence(now, how, options_.deadline, options_.hurried);
  pool_.end(now, orphan(server), says, badly);
}

outcome call::as_evidence(time_point now, outcome how, time_point deadline, bool hurried) {
  const bool cut_short =
      now >= deadline && (how == outcome::unreached || (how == outcome::timed_out && hurried));
  return cut_short ? outcome::abandoned : how;
}

std::optional<server_id> call::leave_queue() {
  if (!turn_) return std::nullopt;
  shared().queue.cancel(*turn_);
  return pool_.take_grant(*std::exchange(turn_, std::nullopt));
}

void call::leave_parking() {
  if (parked_) shared().waiting.leave();
  parked_ = false;
}

}  // namespace understudy::core
