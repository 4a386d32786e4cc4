#include "core/overload_sim.hpp"

#include <algorithm>
#include <cmath>

namespace understudy::core::overload {

namespace {

using namespace std::chrono_literals;

constexpr duration network = 1ms;  // from a worker's end of work until the gateway knows
constexpr std::size_t none = static_cast<std::size_t>(-1);

duration from_seconds(double s) {
  return std::chrono::duration_cast<duration>(std::chrono::duration<double>(s));
}

/// One try of a caller.
struct attempt {
  enum class state : std::uint8_t { waiting, out, over };
  std::size_t group = 0;
  std::uint64_t caller = 0;
  unsigned method = 0;
  unsigned tries_left = 0;
  std::size_t server = 0;
  state is = state::waiting;
  bool calm = false;
  time_point asked{};
  time_point began{};
};

struct simulated_server {
  unsigned idle = 0;
  int to_retire = 0;  ///< workers that stop when they have finished
  std::deque<call_index> queue;
  std::unique_ptr<limit_policy> limit;
  unsigned in_flight = 0;  ///< as the gateway counts
};

enum class kind : std::uint8_t {
  arrival,
  again,
  worked,
  answered,
  pushed_back,
  timeout,
  halve,
  restore,
  pause
};
struct event {
  time_point at;
  std::uint64_t order;
  kind what;
  std::size_t subject;
  bool operator>(const event& other) const {
    return at != other.at ? at > other.at : order > other.order;
  }
};

class world {
 public:
  world(const scenario& s, const make_limit& limits, const make_queue& queues)
      : s_(s), random_(s.seed), queue_(queues()), servers_(s.servers) {
    for (auto& server : servers_) {
      server.idle = s.workers;
      server.limit = limits();
    }
    out_.groups.resize(s.callers.size());
    for (std::size_t m = 0; m < s.methods.size(); ++m) typical_.push_back(s.methods[m].seconds);
  }

  result run() {
    const time_point end = start_ + from_seconds(s_.warm_seconds + s_.seconds);
    at(start_, kind::arrival);
    if (s_.drop_for > 0) {
      at(start_ + from_seconds(s_.drop_at), kind::halve);
      at(start_ + from_seconds(s_.drop_at + s_.drop_for), kind::restore);
    }
    if (s_.pause_every > 0) at(start_ + from_seconds(s_.pause_every), kind::pause);
    while (!events_.empty() && events_.top().at < end) {
      const event e = events_.top();
      events_.pop();
      now_ = e.at;
      happen(e);
      for (const call_index c : queue_->expire(now_)) turned_away(c, 100ms);
      dispatch();
      out_.queue_max = std::max(out_.queue_max, queue_->size());
    }
    return summary();
  }

 private:
  void at(time_point t, kind what, std::size_t subject = none) {
    events_.push({t, ++order_, what, subject});
  }
  [[nodiscard]] bool measured() const { return now_ >= start_ + from_seconds(s_.warm_seconds); }
  double exponential(double mean) { return -mean * std::log(1.0 - random_.unit()); }

  void happen(const event& e) {
    switch (e.what) {
      case kind::arrival:
        return arrive();
      case kind::again:
        return ask(e.subject);
      case kind::worked:
        return worked(e.subject);
      case kind::answered:
        return answered(e.subject);
      case kind::pushed_back:
        return pushed_back(e.subject);
      case kind::timeout:
        return timed_out(e.subject);
      case kind::halve:
        return halve();
      case kind::restore:
        return restore();
      case kind::pause:
        return pause();
    }
  }

  void arrive() {
    at(now_ + from_seconds(exponential(1 / (s_.capacity() * s_.load))), kind::arrival);
    attempt a;
    a.group = draw_group();
    a.caller = a.group * 1000 + random_.next() % s_.callers[a.group].callers;
    a.method = draw_method();
    a.tries_left = s_.tries;
    if (measured()) ++out_.groups[a.group].requests;
    attempts_.push_back(a);
    ask(attempts_.size() - 1);
  }
  std::size_t draw_group() {
    double u = random_.unit();
    for (std::size_t g = 0; g + 1 < s_.callers.size(); ++g) {
      if ((u -= s_.callers[g].share) < 0) return g;
    }
    return s_.callers.size() - 1;
  }
  unsigned draw_method() {
    double u = random_.unit();
    for (unsigned m = 0; m + 1 < s_.methods.size(); ++m) {
      if ((u -= s_.methods[m].share) < 0) return m;
    }
    return static_cast<unsigned>(s_.methods.size() - 1);
  }

  /// A caller asks the gateway.
  void ask(call_index c) {
    attempt& a = attempts_[c];
    a.asked = now_;
    a.is = attempt::state::waiting;
    --a.tries_left;
    if (measured()) ++tries_;
    const std::size_t server = queue_->size() == 0 ? place() : none;
    if (server != none) {
      begin(c, server);
    } else {
      const pending_call what{a.asked + s_.timeout, from_seconds(typical_[a.method]),
                              s_.callers[a.group].priority, a.caller};
      if (const auto later = queue_->enter(now_, c, what)) return turned_away(c, *later);
    }
    at(now_ + s_.timeout, kind::timeout, tag(c));
  }
  /// A timeout of an earlier try must not end a later one: both are in the subject.
  [[nodiscard]] std::size_t tag(call_index c) const { return c * 8 + attempts_[c].tries_left; }

  [[nodiscard]] std::size_t place() const {
    std::size_t best = none;
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      if (!servers_[i].limit->has_place()) continue;
      if (best == none || servers_[i].in_flight < servers_[best].in_flight) best = i;
    }
    return best;
  }
  void dispatch() {
    while (queue_->size() > 0) {
      const std::size_t server = place();
      if (server == none) return;
      const auto c = queue_->next(now_);
      if (!c) return;
      begin(*c, server);
    }
  }
  void begin(call_index c, std::size_t server) {
    attempt& a = attempts_[c];
    simulated_server& s = servers_[server];
    a.server = server;
    a.is = attempt::state::out;
    a.began = now_;
    a.calm = s.limit->began(now_);
    ++s.in_flight;
    if (s_.servers_push_back && s.queue.size() > 4 * s_.workers) {
      return at(now_ + network, kind::pushed_back, tag(c));
    }
    s.queue.push_back(tag(c));
    serve(server);
  }
  void serve(std::size_t server) {
    simulated_server& s = servers_[server];
    while (s.idle > 0 && !s.queue.empty()) {
      --s.idle;
      const std::size_t tagged = s.queue.front();
      s.queue.pop_front();
      const double work = exponential(s_.methods[attempts_[tagged / 8].method].seconds);
      const time_point from = std::max(now_, paused_until_);
      at(from + from_seconds(work), kind::worked, tagged);
    }
  }
  void worked(std::size_t tagged) {
    // Whoever asked may have gone, and asked another server: that one is in the attempt now.
    const std::size_t server = worked_by(tagged);
    simulated_server& s = servers_[server];
    s.to_retire > 0 ? void(--s.to_retire) : void(++s.idle);
    at(now_ + network, kind::answered, tagged);
    serve(server);
  }
  [[nodiscard]] std::size_t worked_by(std::size_t tagged) {
    const auto at_other = moved_.find(tagged);
    if (at_other == moved_.end()) return attempts_[tagged / 8].server;
    const std::size_t server = at_other->second;
    moved_.erase(at_other);
    return server;
  }

  void answered(std::size_t tagged) {
    const call_index c = tagged / 8;
    attempt& a = attempts_[c];
    if (tag(c) != tagged || a.is != attempt::state::out) {
      if (measured()) ++wasted_;
      return;
    }
    finish(a, load_sign::served);
    if (!measured()) return;
    ++out_.groups[a.group].good;
    latencies_.push_back(in_seconds(now_ - a.asked));
  }
  void pushed_back(std::size_t tagged) {
    const call_index c = tagged / 8;
    if (tag(c) != tagged || attempts_[c].is != attempt::state::out) return;
    finish(attempts_[c], load_sign::pushed_back);
    turned_away(c, 100ms);
  }
  void finish(attempt& a, load_sign how) {
    a.is = attempt::state::over;
    simulated_server& s = servers_[a.server];
    --s.in_flight;
    s.limit->ended(now_, now_ - a.began, a.method, a.calm, how);
  }
  void timed_out(std::size_t tagged) {
    const call_index c = tagged / 8;
    attempt& a = attempts_[c];
    if (tag(c) != tagged || a.is == attempt::state::over) return;
    if (a.is == attempt::state::waiting) {
      queue_->cancel(c);
      a.is = attempt::state::over;
    } else {
      finish(a, load_sign::timed_out);
      moved_[tagged] = a.server;  // which works on, or will
    }
    if (a.tries_left > 0) at(now_, kind::again, c);
  }
  void turned_away(call_index c, duration later) {
    attempt& a = attempts_[c];
    a.is = attempt::state::over;
    if (measured()) ++refused_;
    const double jitter = 0.5 + random_.unit();
    if (a.tries_left > 0) at(now_ + from_seconds(in_seconds(later) * jitter), kind::again, c);
  }

  void halve() {
    for (auto& s : servers_) {
      const unsigned half = s_.workers / 2;
      const unsigned now_idle = std::min(s.idle, half);
      s.idle -= now_idle;
      s.to_retire += static_cast<int>(half - now_idle);
    }
  }
  void restore() {
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      const int back = static_cast<int>(s_.workers / 2) - servers_[i].to_retire;
      servers_[i].to_retire = 0;
      servers_[i].idle += static_cast<unsigned>(back);
      serve(i);
    }
  }
  /// Work begun in a pause starts after it; work under way is delayed by the next it begins.
  void pause() {
    paused_until_ = now_ + from_seconds(s_.pause_for);
    at(now_ + from_seconds(s_.pause_every), kind::pause);
  }

  result summary() {
    std::sort(latencies_.begin(), latencies_.end());
    const auto quantile = [this](double q) {
      if (latencies_.empty()) return 0.0;
      return latencies_[static_cast<std::size_t>(q * static_cast<double>(latencies_.size() - 1))];
    };
    const double possible = s_.capacity() * s_.seconds;
    out_.goodput = static_cast<double>(latencies_.size()) / possible;
    out_.p50 = quantile(0.5);
    out_.p99 = quantile(0.99);
    out_.wasted = wasted_ / possible;
    out_.refused = tries_ > 0 ? refused_ / tries_ : 0;
    out_.limit = servers_[0].limit->limit();
    return out_;
  }

  scenario s_;
  dice random_;
  std::unique_ptr<queue_policy> queue_;
  std::vector<simulated_server> servers_;
  std::vector<double> typical_;
  std::deque<attempt> attempts_;
  std::unordered_map<std::size_t, std::size_t> moved_;
  std::priority_queue<event, std::vector<event>, std::greater<>> events_;
  std::uint64_t order_ = 0;
  time_point start_{1h};
  time_point now_ = start_;
  time_point paused_until_{};
  std::vector<double> latencies_;
  double wasted_ = 0;
  double tries_ = 0;
  double refused_ = 0;
  result out_;
};

}  // namespace

double scenario::capacity() const {
  double mean = 0;
  for (const auto& m : methods) mean += m.share * m.seconds;
  return servers * workers / mean;
}

result run(const scenario& what, const make_limit& limits, const make_queue& queues) {
  return world(what, limits, queues).run();
}

}  // namespace understudy::core::overload
