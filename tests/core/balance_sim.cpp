#include "core/balance_sim.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>
#include <queue>

#include "core/balance_weights.hpp"
#include "core/dice.hpp"

namespace understudy::balance_sim {
namespace {

using namespace std::chrono_literals;
using core::outcome;
using core::server_id;
using core::time_point;

constexpr int workers = 4;
constexpr double work_s = 0.010;
constexpr duration deadline = 1s;
constexpr duration failing_takes = 100us;
constexpr double errs_share = 0.001;

duration from_s(double s) {
  return std::chrono::duration_cast<duration>(std::chrono::duration<double>(s));
}

core::balance_policy policy_of(chooser who) {
  switch (who) {
    case chooser::round_robin:
      return core::balance_policy::round_robin;
    case chooser::least_request:
      return core::balance_policy::least_request;
    case chooser::consistent_hash:
      return core::balance_policy::consistent_hash;
    case chooser::random:
    case chooser::plain_round_robin:
    case chooser::peak_ewma:
      break;
  }
  return core::balance_policy::peak_ewma;
}

struct call_of {
  std::size_t server = 0;
  time_point begun{};
  double work_s = 0.0;
  bool errs = false;
  bool over = false;  ///< for the caller
};

struct server_of {
  std::deque<std::size_t> queue;  ///< calls
  int busy = 0;
};

enum class event_kind : std::uint8_t { arrival, worked, failed, gave_up };

struct event {
  time_point at{};
  std::uint64_t order = 0;  ///< of events at the same time
  event_kind kind = event_kind::arrival;
  std::size_t call = 0;

  bool operator>(const event& o) const { return at != o.at ? at > o.at : order > o.order; }
};

core::balance_options options_of(const plan& p) {
  core::balance_options options = p.options;
  options.policy = policy_of(p.who);
  return options;
}

class world {
 public:
  explicit world(const plan& p)
      : plan_(p),
        workload_(p.seed),
        random_(p.seed + 1),
        balancer_(options_of(p)),
        servers_(p.servers) {
    for (std::size_t i = 0; i < p.servers; ++i) {
      const std::string name = "10.0.0." + std::to_string(i) + ":9501";
      const std::string zone = p.zones.empty() ? "" : p.zones[i];
      balancer_.add(id_of(i), {.name = name, .zone = zone});
      balancer_.set_eligible(id_of(i), i >= p.not_eligible);
    }
    result_.calls_of_server.resize(p.servers);
    fault_at_ = time_point{} + from_s(0.25 * p.calls / rate());
  }

  report run() {
    push(time_point{}, event_kind::arrival, 0);
    while (!events_.empty()) {
      const event e = events_.top();
      events_.pop();
      now_ = e.at;
      ++result_.events;
      handle(e);
    }
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      result_.left_in_flight += balancer_.in_flight(id_of(i));
    }
    summarise();
    return result_;
  }

 private:
  static server_id id_of(std::size_t i) { return static_cast<server_id>(i + 1); }

  double rate() const {
    double capacity = static_cast<double>(plan_.servers - plan_.not_eligible);
    if (plan_.what == fault::three_times_slower) capacity -= 1.0 - 1.0 / 3.0;
    if (plan_.what == fault::twenty_times_slower) capacity -= 1.0 - 1.0 / 20.0;
    if (plan_.what == fault::fails_fast || plan_.what == fault::freezes) capacity -= 1.0;
    return capacity * plan_.load * workers / work_s;
  }

  bool faulty(std::size_t server, fault what) const {
    if (plan_.what != what || server != 0) return false;
    return what == fault::three_times_slower || now_ >= fault_at_;
  }

  void push(time_point at, event_kind kind, std::size_t call) {
    events_.push({at, ++order_, kind, call});
  }

  double exponential() { return -std::log(1.0 - workload_.unit()); }

  void handle(const event& e) {
    switch (e.kind) {
      case event_kind::arrival:
        return arrive();
      case event_kind::worked:
        return worked(e.call);
      case event_kind::failed:
        return over(e.call, outcome::faulted);
      case event_kind::gave_up:
        return over(e.call, outcome::timed_out);
    }
  }

  std::size_t choose(std::uint64_t key) {
    if (plan_.who == chooser::random) return core::below(random_, servers_.size());
    if (plan_.who == chooser::plain_round_robin) return turn_++ % servers_.size();
    const auto got = balancer_.pick(now_, key, {}, random_);
    return static_cast<std::size_t>(*got) - 1;
  }

  void arrive() {
    const std::size_t call = calls_.size();
    const std::uint64_t key = workload_.next();
    const std::size_t server = choose(key);
    calls_.push_back({.server = server,
                      .begun = now_,
                      .work_s = exponential() * work_s,
                      .errs = workload_.unit() < errs_share});
    balancer_.began(now_, id_of(server));
    ++result_.calls_of_server[server];
    push(now_ + deadline, event_kind::gave_up, call);
    if (faulty(server, fault::fails_fast)) {
      push(now_ + failing_takes, event_kind::failed, call);
    } else {
      servers_[server].queue.push_back(call);
      work(server);
    }
    if (calls_.size() < static_cast<std::size_t>(plan_.calls)) {
      push(now_ + from_s(exponential() / rate()), event_kind::arrival, 0);
    }
  }

  void work(std::size_t server) {
    server_of& s = servers_[server];
    if (faulty(server, fault::freezes)) return;
    while (s.busy < workers && !s.queue.empty()) {
      const std::size_t call = s.queue.front();
      s.queue.pop_front();
      ++s.busy;
      double slower = 1.0;
      if (faulty(server, fault::three_times_slower)) slower = 3.0;
      if (faulty(server, fault::twenty_times_slower)) slower = 20.0;
      push(now_ + from_s(calls_[call].work_s * slower), event_kind::worked, call);
    }
  }

  void worked(std::size_t call) {
    const std::size_t server = calls_[call].server;
    if (faulty(server, fault::freezes)) return;  // what was running stands still, too
    --servers_[server].busy;
    const bool errs = plan_.what == fault::errs_at_times && calls_[call].errs;
    over(call, errs ? outcome::faulted : outcome::answered);
    work(server);
  }

  /// The caller has an answer, a fault, or enough.
  void over(std::size_t call, outcome how) {
    call_of& c = calls_[call];
    if (c.over) return;
    c.over = true;
    balancer_.ended(now_, id_of(c.server), c.begun, how);
    if (c.begun < fault_at_) return;
    const bool good = how == outcome::answered;
    ++result_.calls;
    if (!good) ++result_.failed;
    if (!plan_.zones.empty() && plan_.zones[c.server] == plan_.options.zone) ++result_.in_own_zone;
    const duration took = good ? now_ - c.begun : deadline;
    took_ms_.push_back(std::chrono::duration<double, std::milli>(took).count());
  }

  void summarise() {
    std::sort(took_ms_.begin(), took_ms_.end());
    const auto at = [this](double q) {
      return took_ms_[static_cast<std::size_t>(q * static_cast<double>(took_ms_.size()))];
    };
    result_.p50_ms = at(0.5);
    result_.p99_ms = at(0.99);
    result_.p999_ms = at(0.999);
    for (const double ms : took_ms_) result_.mean_ms += ms / static_cast<double>(took_ms_.size());
  }

  const plan& plan_;
  core::dice workload_;  ///< the same calls, whoever chooses
  core::dice random_;
  core::balancer balancer_;
  std::vector<server_of> servers_;
  std::vector<call_of> calls_;
  std::priority_queue<event, std::vector<event>, std::greater<>> events_;
  std::uint64_t order_ = 0;
  std::size_t turn_ = 0;
  time_point now_{};
  time_point fault_at_{};
  std::vector<double> took_ms_;
  report result_;
};

}  // namespace

std::string to_string(chooser who) {
  switch (who) {
    case chooser::random:
      return "random";
    case chooser::plain_round_robin:
      return "plain round robin";
    case chooser::round_robin:
    case chooser::least_request:
    case chooser::peak_ewma:
    case chooser::consistent_hash:
      break;
  }
  return std::string(core::to_string(policy_of(who)));
}

std::string to_string(fault what) {
  switch (what) {
    case fault::none:
      return "equal";
    case fault::three_times_slower:
      return "one 3 times slower";
    case fault::twenty_times_slower:
      return "one becomes 20 times slower";
    case fault::fails_fast:
      return "one fails in 0.1 ms";
    case fault::freezes:
      return "one freezes";
    case fault::errs_at_times:
      return "all fail 0.1 % of calls";
  }
  return "";
}

report run(const plan& what) {
  return world(what).run();
}

}  // namespace understudy::balance_sim
