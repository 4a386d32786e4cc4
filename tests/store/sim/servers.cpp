#include "store/sim/servers.hpp"

#include <algorithm>

namespace understudy::store::sim {

using core::attempt_fate;

server_pool::server_pool(service_plan plan, loop& time, ledger& book)
    : plan_(std::move(plan)), time_(time), book_(book), up_(plan_.servers, true) {}

bool server_pool::usable() const {
  return std::ranges::find(up_, true) != up_.end();
}

void server_pool::heal() {
  trouble_ = false;
  up_.assign(up_.size(), true);
}

void server_pool::attempt(const claimed_call& call, duration claimed, duration deadline,
                          answer answered) {
  outcome put_off;
  put_off.end.fate = attempt_fate::not_sent;
  put_off.no_server = !usable();
  if (put_off.no_server) return answered(put_off);
  if (trouble_ && time_.chance(0.08)) {
    put_off.end.retry_after = time_.upto(2000);
    return answered(put_off);
  }
  const auto of = std::make_shared<work>();
  of->call = call.id;
  do {
    of->server = time_.below(up_.size());
  } while (!up_[of->server]);
  of->answer_to = std::move(answered);
  book_.received(call, time_.now() - claimed, time_.wall());
  time_.mix(static_cast<std::uint64_t>(call.id) ^ call.token.number);
  std::erase_if(works_, [](const work_ptr& each) { return each->gone; });
  works_.push_back(of);
  time_.after(deadline, [this, of] { tell_unknown(of); });
  if (plan_.once && known(of)) return;
  const auto is = static_cast<nature>(call.params.at(1));
  const duration takes = duration(1) + time_.upto(trouble_ ? 200 : 20);
  if (is == nature::good) return run(of, draw());
  // It is refused before it has any effect.
  time_.after(takes, [this, of, is] {
    leave(of);
    tell_error(of, attempt_fate::error, is == nature::refused ? refused_for_good : -32602);
  });
}

server_pool::fate server_pool::draw() {
  if (!trouble_) return fate::fine;
  const double draw = time_.dice.unit();
  if (draw < 0.50) return fate::fine;
  if (draw < 0.58) return fate::error;
  if (draw < 0.68) return fate::fault;
  if (draw < 0.76) return fate::lost_before;
  if (draw < 0.86) return fate::lost_after;
  if (draw < 0.92) return fate::lost_late;
  return fate::hangs;
}

// `once`: it has been done, or another attempt is about to.
bool server_pool::known(const work_ptr& of) {
  if (const auto found = done_.find(of->call); found != done_.end()) {
    outcome stored;
    stored.payload = found->second;
    time_.after(duration(1) + time_.upto(10), [this, of, stored] {
      leave(of);
      tell(of, stored);
    });
    return true;
  }
  of->holds = at_work_.insert(of->call).second;
  if (of->holds) return false;
  book_.put_off(of->call);
  time_.after(duration(1) + time_.upto(50), [this, of] {
    leave(of);
    tell_error(of, attempt_fate::elsewhere, -32014);
  });
  return true;
}

void server_pool::run(const work_ptr& of, fate how) {
  const duration takes = duration(1) + time_.upto(trouble_ ? 200 : 20);
  const duration late = takes + time_.upto(static_cast<std::uint64_t>(latest_effect.count()) - 300);
  const auto fails = [this, of] { leave(of); };
  const auto works = [this, of] { effect(of); };
  const auto lost = [this, of] { tell_unknown(of); };
  switch (how) {
    case fate::fine:
      time_.after(takes, [this, of] {
        if (of->gone) return;
        effect(of);
        outcome told;
        told.payload = replies_[of->call];
        tell(of, told);
      });
      return;
    case fate::error:
    case fate::fault:
      time_.after(takes, [this, of, how] {
        if (of->gone) return;
        leave(of);
        if (how == fate::fault) return tell_error(of, attempt_fate::fault, -32603);
        tell_error(of, attempt_fate::error, time_.chance(0.5) ? refused_for_now : retried_by_rule);
      });
      return;
    case fate::lost_before:
      time_.after(takes, fails);
      time_.after(takes, lost);
      return;
    case fate::lost_after:
      time_.after(takes, works);
      time_.after(takes, lost);
      return;
    case fate::lost_late:
      time_.after(takes, lost);
      time_.after(late, works);
      return;
    case fate::hangs:
      if (time_.chance(0.5)) {
        time_.after(late, works);
      } else {
        time_.after(late, fails);
      }
  }
}

void server_pool::tell(const work_ptr& of, outcome how) {
  if (of->answered) return;
  of->answered = true;
  of->answer_to(std::move(how));
}

void server_pool::tell_error(const work_ptr& of, attempt_fate how, std::int64_t code) {
  outcome told;
  told.end.fate = how;
  told.end.code = code;
  told.error = true;
  told.payload = "{\"code\":" + std::to_string(code) + ",\"message\":\"no\"}";
  book_.answered(of->call, told.payload);
  tell(of, told);
}

void server_pool::tell_unknown(const work_ptr& of) {
  outcome lost;
  lost.end.fate = attempt_fate::unknown;
  tell(of, lost);
}

void server_pool::effect(const work_ptr& of) {
  if (of->gone) return;
  leave(of);
  const std::string reply = "\"" + std::to_string(static_cast<std::uint64_t>(of->call)) + " at " +
                            std::to_string(time_.now().count()) + "\"";
  book_.effect(of->call);
  book_.answered(of->call, reply);
  time_.mix(static_cast<std::uint64_t>(of->call) + static_cast<std::uint64_t>(time_.now().count()));
  replies_[of->call] = reply;
  if (plan_.once) done_[of->call] = reply;
}

void server_pool::leave(const work_ptr& of) {
  if (of->gone) return;
  of->gone = true;
  if (of->holds) at_work_.erase(of->call);
}

void server_pool::die(std::size_t server) {
  up_.at(server) = false;
  const auto all = works_;
  for (const work_ptr& each : all) {
    if (each->server != server) continue;
    leave(each);
    tell_unknown(each);
  }
}

}  // namespace understudy::store::sim
