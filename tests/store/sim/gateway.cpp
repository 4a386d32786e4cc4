#include "store/sim/gateway.hpp"

namespace understudy::store::sim {

gateway::gateway(gateway_plan plan, loop& time, ledger& book, engine& store, pools& servers)
    : plan_(plan), time_(time), book_(book), store_(store), servers_(servers) {}

// In this life of the process alone.
void gateway::in_life(duration in, std::function<void()> what) {
  time_.after(in, [this, life = life_, does = std::move(what)] {
    if (up_ && life == life_) does();
  });
}

void gateway::start() {
  if (up_) return;
  const auto first = store_.start(time_.wall());
  if (!first) {
    // It never was up.
    store_.kill(cuts_power_, time_.dice);
    ++deaths_;
    book_.died({});
    time_.after(time_.upto(500), [this] { start(); });
    return;
  }
  ++life_;
  up_ = true;
  draining_ = flushing_ = false;
  running_ = 0;
  clock_seen_ = time_.offset();
  book_.reconcile(store_.list(), store_.counts(), store_.verify(), time_.wall());
  book_.judge(rule::limit_is_kept, first->claimed.empty(), "a start claims before it has places");
  for (const call_ending& each : first->ended) time_.mix(static_cast<std::uint64_t>(each.id));
  begin_desk();
}

void gateway::end_life() {
  up_ = false;
  asked_.clear();
  held_.clear();
  waiting_.clear();
  const auto all = std::exchange(all_waiters_, {});
  for (const auto& [number, who] : all) {
    heard nothing;
    nothing.lost = true;
    leave(who, nothing);
  }
}

void gateway::crash(ledger::doubt in_doubt) {
  ++deaths_;
  time_.mix(deaths_);
  store_.kill(cuts_power_, time_.dice);
  book_.died(std::move(in_doubt));
  end_life();
  time_.after(duration(10) + time_.upto(3000), [this] { start(); });
}

void gateway::kill(bool power_cut) {
  if (!up_) return;
  cuts_power_ = power_cut;
  crash({});
}

void gateway::heal() {
  plan_.deaf = 0;
  store_.live_on();
  start();
}

void gateway::die_in_disk(std::uint64_t calls, bool power_cut) {
  cuts_power_ = power_cut;
  store_.die_after(calls);
}

void gateway::terminate() {
  if (!up_) return;
  draining_ = true;
  if (running_ > 0 || flushing_ || !asked_.empty()) {
    return in_life(duration(20), [this] { terminate(); });
  }
  if (!store_.stop(time_.wall())) return crash({});
  book_.died({});
  end_life();
  time_.after(time_.upto(300), [this] { start(); });
}

// What happens while one commit is flushed goes into the next.
void gateway::ask(operation what) {
  if (!up_) return;
  asked_.push_back(std::move(what));
  if (!flushing_ && asked_.size() == 1) wake(time_.upto(1));
}

void gateway::wake(duration in) {
  const std::uint64_t ticket = ++wake_;
  in_life(in, [this, ticket] {
    if (ticket == wake_ && !flushing_) turn();
  });
}

void gateway::watch_clock() {
  const duration drift = time_.offset() - clock_seen_;
  clock_seen_ = time_.offset();
  if (drift > 5s || drift < -5s) store_.clock_jumped();
  if (time_.now() > refuses_since_ + 1s) store_.make_room();
}

void gateway::turn() {
  watch_clock();
  operations all;
  all.swap(asked_);
  if (all.empty() && store_.next() > time_.wall()) {
    const auto until = store_.next() - time_.wall();
    return wake(std::clamp<duration>(until, duration(1), duration(1000)));
  }
  auto what = commit(all);
  if (!what) {
    ledger::doubt in_doubt;
    in_doubt.commit = true;
    for (const operation& each : all) {
      if (each.doubt) each.doubt(in_doubt);
    }
    return crash(std::move(in_doubt));
  }
  flushing_ = true;
  const auto kept = std::make_shared<operations>(std::move(all));
  const auto tells = std::make_shared<told>(*std::move(what));
  in_life(time_.upto(2), [this, kept, tells] { answer(kept, tells); });
}

std::optional<told> gateway::commit(operations& all) {
  const wall_time now = time_.wall();
  std::vector<engine::step> steps;
  for (const operation& each : all) steps.push_back(each.apply);
  auto what = store_.commit(now, steps);
  if (what) {
    learn(all, *what, now);
  } else {
    book_.saw(now);
  }
  return what;
}

// From here on it is durable, whether anyone hears of it or not.
void gateway::learn(const operations& all, const told& what, wall_time now) {
  book_.begin(now);
  for (const operation& each : all) {
    if (each.durable) each.durable();
  }
  for (const call_ending& each : what.ended) {
    time_.mix(static_cast<std::uint64_t>(each.id) * 7 + static_cast<std::uint64_t>(each.state));
    book_.ended(each);
  }
  for (const claimed_call& each : what.claimed) {
    time_.mix(static_cast<std::uint64_t>(each.id) * 5 + each.token.number);
    book_.claimed(each);
  }
  book_.settle(what.claimed);
}

void gateway::answer(const std::shared_ptr<operations>& all, const std::shared_ptr<told>& what) {
  flushing_ = false;
  for (const operation& each : *all) {
    if (each.answer) each.answer();
  }
  const duration claimed = time_.now();
  for (const claimed_call& each : what->claimed) carry(each, claimed);
  for (const call_ending& each : what->ended) {
    const auto found = waiting_.find(each.id);
    if (found == waiting_.end()) continue;
    const auto waiters = std::move(found->second);
    waiting_.erase(found);
    for (const waiter_ptr& who : waiters) {
      heard end;
      end.accepted = who->accepted;
      end.ended = each;
      leave(who, end);
    }
  }
  wake(duration(0));
}

void gateway::call(new_call call, duration wait, std::function<void(heard)> answered) {
  if (!up_ || draining_) {
    heard nothing;
    nothing.lost = true;
    return answered(nothing);
  }
  const auto who = std::make_shared<waiter>();
  who->answered = std::move(answered);
  who->number = ++waiters_made_;
  all_waiters_[who->number] = who;
  const auto kept = std::make_shared<new_call>(std::move(call));
  const auto got = std::make_shared<acceptance>();
  operation asks;
  asks.apply = [kept, got](transaction& to) { *got = to.accept(*kept); };
  asks.durable = [this, kept, got] { book_.accepted(*kept, *got); };
  asks.doubt = [kept](ledger::doubt& in) { in.accepted.push_back(*kept); };
  asks.answer = [this, who, got, wait] {
    who->accepted = *got;
    heard now;
    now.accepted = *got;
    now.ended = got->ended;
    const bool lives =
        got->what == acceptance::kind::accepted || got->what == acceptance::kind::repeated;
    if (!lives || got->ended || wait == duration(0)) return leave(who, now);
    waiting_[got->id].push_back(who);
    in_life(wait, [this, who, now] {
      std::erase(waiting_[now.accepted->id], who);
      leave(who, now);
    });
  };
  ask(std::move(asks));
}

void gateway::leave(const waiter_ptr& who, heard what) {
  if (std::exchange(who->left, true)) return;
  all_waiters_.erase(who->number);
  who->answered(std::move(what));
}

void gateway::cancel(call_id id) {
  const auto got = std::make_shared<std::optional<call_state>>();
  operation asks;
  asks.apply = [id, got](transaction& to) { *got = to.cancel(id); };
  asks.durable = [this, id, got] { book_.cancelled(id, *got); };
  asks.doubt = [id](ledger::doubt& in) { in.touched.insert(id); };
  ask(std::move(asks));
}

void gateway::retry(call_id id, bool as_new) {
  const auto got = std::make_shared<std::optional<call_id>>();
  operation asks;
  asks.apply = [id, as_new, got](transaction& to) { *got = to.retry(id, as_new); };
  asks.durable = [this, id, as_new, got] { book_.retried(id, *got, as_new); };
  asks.doubt = [id](ledger::doubt& in) { in.touched.insert(id); };
  ask(std::move(asks));
}

void gateway::purge(call_id id) {
  const auto got = std::make_shared<bool>();
  operation asks;
  asks.apply = [id, got](transaction& to) { *got = to.purge(id); };
  asks.durable = [this, id, got] { book_.purged(id, *got); };
  asks.doubt = [id](ledger::doubt& in) { in.touched.insert(id); };
  ask(std::move(asks));
}

void gateway::pause(const std::string& service, bool paused) {
  operation asks;
  asks.apply = [service, paused](transaction& to) { static_cast<void>(to.pause(service, paused)); };
  asks.durable = [this, service, paused] { book_.paused(service, paused); };
  asks.doubt = [service](ledger::doubt& in) { in.paused.insert(service); };
  ask(std::move(asks));
}

void gateway::limit(const std::string& service, std::size_t most) {
  limits_[service] = most;
  operation asks;
  asks.apply = [service, most](transaction& to) { to.limit(service, most); };
  asks.durable = [this, service, most] { book_.limited(service, most); };
  ask(std::move(asks));
}

}  // namespace understudy::store::sim
