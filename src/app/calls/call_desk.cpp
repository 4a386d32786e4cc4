#include "app/calls/call_desk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "app/gateway/own_error.hpp"
#include "understudy/error.hpp"
#include "wire/answer.hpp"

namespace understudy::app {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

constexpr auto as_value = asio::as_tuple(asio::use_awaitable);
// A caller who asks for a ticket at once still has to hear that its call is durable.
constexpr milliseconds durable_wait_min{1000};
constexpr milliseconds durable_wait_max{10000};

// The store has it, now or since before.
bool lives(const store::acceptance& accepted) {
  return accepted.what == store::acceptance::kind::accepted ||
         accepted.what == store::acceptance::kind::repeated;
}

routed refused(std::string_view why) {
  return own_error(code::overloaded, fmt::format("Nothing was stored: {}.", why),
                   R"({"retry":true,"retry_after_ms":1000})", 1000);
}

}  // namespace

call_desk::call_desk(desk_parts parts)
    : parts_(std::move(parts)), jitter_(parts_.seed), held_timer_(std::in_place, parts_.home) {}

void call_desk::start(std::shared_ptr<store::call_store> store) {
  store_ = std::move(store);
  store_->grant(parts_.running_max);
}

void call_desk::drain() {
  draining_ = true;
}

void call_desk::stop() {
  draining_ = true;
  if (store_) give_back_claims();
  // Nothing that belongs to home's loop stays.
  held_timer_.reset();
  parts_.attempt = nullptr;
  parts_.usable = nullptr;
  parts_.tell = nullptr;
  for (auto& [id, waiters] : waiting_) {
    for (const waiter_ptr& who : waiters) {
      who->left = true;
      who->wake.cancel();
    }
  }
  waiting_.clear();
  store_.reset();
}

milliseconds call_desk::patience(milliseconds wait) const {
  return std::min(std::clamp(wait, durable_wait_min, durable_wait_max), rules().answer_within());
}

std::string call_desk::ticket(store::call_id id) const {
  return store::format_ticket(store_->tag(), id);
}

void call_desk::hand_over(const waiter_ptr& who, store::new_call call) {
  const auto refuse = [&](std::string why) {
    who->accepted.emplace();
    who->accepted->what = store::acceptance::kind::refused;
    who->accepted->reason = std::move(why);
  };
  if (!store_ || draining_) return refuse("the gateway is about to end");
  if (store_->accepting() >= parts_.accepting_max) {
    return refuse("too many calls wait to be stored");
  }
  store_->accept(std::move(call), [self = shared_from_this(), who](store::acceptance accepted) {
    self->acceptances_->put(self->parts_.home, {who, std::move(accepted)}, [self](auto& all) {
      for (auto& [each, its] : all) self->heard(each, std::move(its));
    });
  });
}

asio::awaitable<void> call_desk::durable(waiter_ptr who, core::time_point durable_by) {
  const auto self = shared_from_this();
  while (!who->accepted && !who->left && clock::now() < durable_by) {
    who->wake.expires_at(durable_by);
    co_await who->wake.async_wait(as_value);
  }
  if (!who->accepted) who->left = true;
}

asio::awaitable<std::variant<store::call_id, routed>> call_desk::accept(store::new_call call) {
  const auto self = shared_from_this();
  const auto who = std::make_shared<waiter>(parts_.home);
  const auto durable_by = clock::now() + patience();
  hand_over(who, std::move(call));
  co_await durable(who, durable_by);
  if (who->accepted) leave(who, who->accepted->id);
  if (who->accepted && lives(*who->accepted)) co_return who->accepted->id;
  co_return answer_for(*who);
}

asio::awaitable<std::variant<std::vector<store::call_id>, routed>> call_desk::accept_all(
    std::vector<store::new_call> calls) {
  const auto self = shared_from_this();
  const auto durable_by = clock::now() + patience();
  // They go to the store together, and so into one commit.
  std::vector<waiter_ptr> all;
  for (store::new_call& call : calls) {
    all.push_back(std::make_shared<waiter>(parts_.home));
    hand_over(all.back(), std::move(call));
  }
  std::vector<store::call_id> ids;
  std::optional<routed> refused;
  for (const waiter_ptr& who : all) {
    co_await durable(who, durable_by);
    if (who->accepted) leave(who, who->accepted->id);
    if (who->accepted && lives(*who->accepted)) {
      ids.push_back(who->accepted->id);
    } else if (!refused) {
      refused = answer_for(*who);
    }
  }
  if (refused) co_return *std::move(refused);
  co_return ids;
}

asio::awaitable<routed> call_desk::serve(store::new_call call, milliseconds wait) {
  const auto self = shared_from_this();
  const auto start = clock::now();
  const bool waits = call.terms.mode == core::call_mode::durable;
  const auto who = std::make_shared<waiter>(parts_.home);
  hand_over(who, std::move(call));
  co_await durable(who, start + patience(wait));
  if (!who->accepted) co_return answer_for(*who);
  while (lives(*who->accepted) && waits && !who->ended && !who->left &&
         clock::now() < start + wait) {
    who->wake.expires_at(start + wait);
    co_await who->wake.async_wait(as_value);
  }
  leave(who, who->accepted->id);
  co_return answer_for(*who);
}

// The waiter is entered before anything that happens to the call later can be told.
void call_desk::heard(const waiter_ptr& who, store::acceptance accepted) {
  if (who->left) return;
  who->ended = std::move(accepted.ended);
  const auto id = accepted.id;
  who->accepted = std::move(accepted);
  if (lives(*who->accepted) && !who->ended) await_end(who, id);
  who->wake.cancel();
}

void call_desk::await_end(const waiter_ptr& who, store::call_id id) {
  waiting_[static_cast<std::uint64_t>(id)].push_back(who);
}

void call_desk::leave(const waiter_ptr& who, store::call_id id) {
  who->left = true;
  const auto found = waiting_.find(static_cast<std::uint64_t>(id));
  if (found == waiting_.end()) return;
  std::erase(found->second, who);
  if (found->second.empty()) waiting_.erase(found);
}

asio::awaitable<routed> call_desk::result(store::call_id id, milliseconds wait) {
  const auto self = shared_from_this();
  if (!store_) co_return refused("the gateway is about to end");
  const auto until = clock::now() + wait;
  const auto who = std::make_shared<waiter>(parts_.home);
  bool answered = false;
  bool known = false;
  // What ends while the store looks is told to the waiter, who is entered before.
  await_end(who, id);
  store_->look(id, [self, who, &answered, &known](std::optional<store::call_view> view) {
    asio::post(self->parts_.home, [who, &answered, &known, view = std::move(view)]() mutable {
      if (who->left) return;
      answered = true;
      known = view.has_value();
      const bool over = view && view->state != store::call_state::waiting &&
                        view->state != store::call_state::running;
      if (over && !who->ended) {
        store::call_ending ending;
        ending.id = view->id;
        ending.state = view->state;
        ending.error = view->error;
        ending.reason = view->reason;
        ending.payload = std::move(view->payload);
        who->ended = std::move(ending);
      }
      who->wake.cancel();
    });
  });
  const auto looked_by = std::max(until, clock::now() + patience(wait));
  while (!who->left && !answered && clock::now() < looked_by) {
    who->wake.expires_at(looked_by);
    co_await who->wake.async_wait(as_value);
  }
  while (known && !who->ended && !who->left && clock::now() < until) {
    who->wake.expires_at(until);
    co_await who->wake.async_wait(as_value);
  }
  leave(who, id);
  if (who->ended) co_return ending_answer(*who->ended);
  if (!answered) co_return own_error(code::outcome_unknown, "The store does not answer.");
  if (!known) {
    co_return own_error(code::invalid_params, "There is no call with this ticket.");
  }
  who->accepted.emplace();
  who->accepted->id = id;
  co_return answer_for(*who);
}

routed call_desk::answer_for(const waiter& who) const {
  if (!who.accepted) {
    return own_error(code::outcome_unknown,
                     "The store has not said in time whether it has the call: it may be stored. "
                     "To send it again with the same key is safe.");
  }
  const store::acceptance& accepted = *who.accepted;
  if (accepted.what == store::acceptance::kind::refused) return refused(accepted.reason);
  if (accepted.what == store::acceptance::kind::key_conflict) {
    return own_error(code::key_conflict,
                     "The key was used before for a call with another method or other parameters.");
  }
  if (who.ended) return ending_answer(*who.ended);
  if (!store_) {
    return own_error(code::accepted, "The call is stored, and goes on.");
  }
  return own_error(code::accepted, "The call is stored, and goes on.",
                   fmt::format(R"({{"retry":false,"ticket":"{}"}})", ticket(accepted.id)));
}

routed call_desk::ending_answer(const store::call_ending& ending) const {
  if (ending.state == store::call_state::done) {
    routed answer;
    answer.error = ending.error;
    wire::append_with_id(answer.body, ending.payload, ending.error, wire::empty_id);
    return answer;
  }
  const std::string name = store_ ? ticket(ending.id) : std::string();
  const auto reason = core::to_string(ending.reason);
  const bool unknown = ending.reason == core::dead_reason::outcome_unknown;
  std::string data = fmt::format(R"({{"retry":false,"ticket":"{}","state":"{}","reason":"{}")",
                                 name, core::to_string(ending.state), reason);
  if (!ending.payload.empty()) data += ",\"error\":" + ending.payload;
  data += '}';
  const std::string message =
      fmt::format("The stored call is {}{}{}.", core::to_string(ending.state),
                  reason.empty() ? "" : ": ", reason);
  return own_error(unknown ? code::outcome_unknown : code::call_ended, message, data);
}

void call_desk::ended(std::vector<store::call_ending> calls) {
  asio::post(parts_.home, [self = shared_from_this(), calls = std::move(calls)]() mutable {
    for (store::call_ending& call : calls) {
      self->failed_at_.erase(static_cast<std::uint64_t>(call.id));
      const auto found = self->waiting_.find(static_cast<std::uint64_t>(call.id));
      if (found == self->waiting_.end()) continue;
      const auto waiters = std::move(found->second);
      self->waiting_.erase(found);
      for (const waiter_ptr& who : waiters) {
        who->ended = call;
        who->wake.cancel();
      }
    }
  });
}

}  // namespace understudy::app
