#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "net/dispatcher_impl.hpp"
#include "understudy/detail/check.hpp"
#include "wire/json_text.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr auto as_value = asio::as_tuple(asio::use_awaitable);

constexpr std::chrono::milliseconds clock_look{20};

/// They speak of the call or of the way to it, whatever a pool's fault_codes say.
constexpr std::array never_faults = {code::outcome_unknown, code::deadline_passed,
                                     code::not_allowed,     code::too_large,
                                     code::accepted,        code::key_conflict};

core::time_point now() {
  return std::chrono::steady_clock::now();
}

/// What our own servers and gateways say when they did nothing with the call.
bool says_retry(std::string_view answer) {
  const auto error = wire::find_member(answer, "error");
  const auto data = error ? wire::find_member(*error, "data") : std::nullopt;
  const auto retry = data ? wire::find_member(*data, "retry") : std::nullopt;
  return retry && *retry == "true";
}

bool contains(const auto& codes, std::int64_t which) {
  return std::find(codes.begin(), codes.end(), which) != codes.end();
}

}  // namespace

std::shared_ptr<dispatcher> dispatcher::make(asio::any_io_executor executor,
                                             dispatcher_options options, record_sink records,
                                             description_sink learned) {
  return std::make_shared<dispatcher_impl>(std::move(executor), std::move(options),
                                           std::move(records), std::move(learned));
}

dispatcher_impl::dispatcher_impl(asio::any_io_executor executor, dispatcher_options options,
                                 record_sink records, description_sink learned)
    : executor_(std::move(executor)),
      options_(std::move(options)),
      records_(std::move(records)),
      learned_(std::move(learned)),
      pool_(options_.pool, options_.seed),
      timer_(executor_) {}

/// Servers may turn up any moment.
bool dispatcher_impl::awaits_names(core::time_point deadline) const {
  return servers_.empty() && unresolved_ > 0 && !stopped_ && now() < deadline &&
         parked_.size() < options_.pool.parked_max;
}

core::outcome dispatcher_impl::judge(const exchange& got) const {
  if (got.how != core::outcome::answered || !got.error_code) return got.how;
  const auto which = *got.error_code;
  if (which == code::overloaded && says_retry(got.body)) return core::outcome::pushed_back;
  const bool fault = which == code::internal_error || which == code::no_server ||
                     which == code::overloaded || contains(options_.fault_codes, which);
  return fault && !contains(never_faults, which) ? core::outcome::faulted : got.how;
}

dispatcher_impl::busy_mark::busy_mark(dispatcher_impl& d) : owner(d) {
  if (owner.busy_++ > 0) return;
  owner.seen_at_ = now();
  owner.arm(owner.seen_at_);
}

dispatcher_impl::parked_call::parked_call(dispatcher_impl& d, std::optional<core::pending_id> t)
    : owner(d), timer(d.executor_), turn(t) {
  if (turn)
    owner.in_turn_.emplace(*turn, this);
  else
    place = owner.parked_.insert(owner.parked_.end(), this);
}

dispatcher_impl::parked_call::~parked_call() {
  if (turn)
    owner.in_turn_.erase(*turn);
  else if (listed)
    owner.parked_.erase(place);
}

asio::awaitable<void> dispatcher_impl::park_until(core::time_point until,
                                                  std::optional<core::pending_id> turn) {
  if (turn && !pool_.waits(*turn)) co_return;  // told so before it could wait
  parked_call me(*this, turn);
  me.timer.expires_at(until);
  co_await me.timer.async_wait(as_value);
}

void dispatcher_impl::wake_all() {
  for (; !parked_.empty(); parked_.pop_front()) {
    parked_.front()->listed = false;
    parked_.front()->timer.cancel();
  }
}

void dispatcher_impl::wake_turns(const std::vector<core::pending_id>& turns) {
  for (const auto turn : turns) {
    const auto waiting = in_turn_.find(turn);
    if (waiting != in_turn_.end()) waiting->second->timer.cancel();
  }
}

/// A loop that was not run for a while looks at a world that has moved on: what seems late may only
/// be unread. While calls are out it looks at the clock often enough to know.
core::time_point dispatcher_impl::notice_pause() {
  const auto at = now();
  const auto gap = at - seen_at_;
  seen_at_ = at;
  if (busy_ > 0 && gap > 2 * clock_look) pool_.paused(gap - clock_look);
  return at;
}

void dispatcher_impl::settle() {
  settle(notice_pause());
}

void dispatcher_impl::settle(core::time_point at) {
  if (!started_) return;
  const auto actions = pool_.take_actions(at);
  if (records_) {
    for (const auto& record : actions.records) records_(record);
  }
  spread(actions.verdicts);
  for (const auto id : actions.probe) {
    const auto target = servers_.find(id);
    if (stopped_ || target == servers_.end()) {
      pool_.probe_ended(at, id, core::outcome::abandoned, core::duration::zero());
    } else {
      asio::co_spawn(executor_, probe(target->second), rethrow);
    }
  }
  wake_turns(actions.turns);
  if (actions.wake_parked) wake_all();  // they ask again, and are told when to go
  arm(at);
}

void dispatcher_impl::arm(core::time_point now) {
  if (stopped_) return;
  auto next = pool_.next_deadline();
  for (const auto& at : {prune_at_, watch_at_})
    if (at && (!next || *at < *next)) next = at;
  const auto look = now + clock_look;
  if (busy_ > 0 && (!next || look < *next)) next = look;
  if (!next || (armed_ && *armed_ <= *next)) return;
  armed_ = next;
  timer_.expires_at(*next);
  timer_.async_wait([owner = std::weak_ptr(self())](error_code ec) {
    const auto alive = owner.lock();
    if (ec || !alive) return;
    alive->armed_.reset();
    alive->tick();
  });
}

void dispatcher_impl::tick() {
  if (watch_at_ && now() >= *watch_at_) watch_resting(now());
  if (prune_at_ && now() >= *prune_at_) {
    prune_at_.reset();
    for (const auto& [id, target] : servers_) {
      const auto oldest = target->connections.close_older(now() - options_.idle_max);
      if (oldest && (!prune_at_ || *oldest + options_.idle_max < *prune_at_)) {
        prune_at_ = *oldest + options_.idle_max;
      }
    }
  }
  settle();
}

void dispatcher_impl::start() {
  started_ = true;
  settle();
}

void dispatcher_impl::stop() {
  stopped_ = true;
  timer_.cancel();
  for (const auto& group : groups_) group->timer.cancel();
  for (const auto& [id, target] : servers_) target->connections.close_idle();
  close_unwanted();
  wake_all();
  for (const auto& [turn, waiting] : in_turn_) waiting->timer.cancel();
}

std::vector<core::server_status> dispatcher_impl::status() const {
  return pool_.status(now());
}

}  // namespace understudy::net
