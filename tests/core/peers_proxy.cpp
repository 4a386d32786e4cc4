#include "core/peers_proxy.hpp"

#include <algorithm>
#include <utility>

#include "core/peers_ours.hpp"

namespace understudy::core::peers {
namespace {

using namespace std::chrono_literals;

enum wake_kind : std::uint8_t { probe_due, repeat_due };

/// HAProxy, Debian's timeouts: connects are repeated 3 times (retries), a second apart on the same
/// server; redispatch chooses anew, and with a single primary that is the primary until it is
/// down. `timeout server` is longer than any caller waits.
proxy_rules haproxy_defaults() {
  return {.tries_most = 4,
          .other_server = false,
          .repeats_sent = false,
          .repeats_faults = false,
          .same_server_pause = 1s,
          .probe_interval = 2s,
          .probe_timeout = 2s,
          .probe = probe_kind::connect};
}

/// retry-on all-retryable-errors, disabled for calls that are not idempotent.
proxy_rules haproxy_expert() {
  return {.tries_most = 4,
          .other_server = false,
          .same_server_pause = 1s,
          .answer_timeout = 500ms,
          .probe_interval = 100ms,
          .probe_timeout = 100ms};
}

/// Its proxy_read_timeout of 60 s is longer than any caller waits.
proxy_rules nginx_defaults() {
  return {.repeats_faults = false};
}
proxy_rules nginx_tuned() {
  return {.answer_timeout = 300ms};
}
proxy_rules nginx_repeating() {
  return {.blindly = true, .answer_timeout = 300ms};
}

/// retry_on connect-failure, and reset and 5xx for idempotent calls; retry_priority
/// previous_priorities, or it would only repeat on the primary.
proxy_rules envoy() {
  return {.probe_interval = 5s, .probe_timeout = 1s};
}

/// Requeues on any server that is alive: on the primary, until that is dead.
proxy_rules finagle() {
  return {.tries_most = 6, .other_server = false};
}

/// The paper has no repeats: those of NGINX are added, for it is the detection that is compared.
proxy_rules phi() {
  return {.probe_interval = 1s, .probe_timeout = 1s};
}

template <typename Make>
named_contender peer(std::string name, proxy_rules (*rules)(), Make make_judge) {
  return {std::move(name), [rules, make_judge](world& stage, std::uint64_t seed) {
            return std::make_unique<proxy>(stage, rules(), make_judge(seed), seed);
          }};
}

std::vector<named_contender> all() {
  std::vector<named_contender> out;
  out.push_back(peer("HAProxy", haproxy_defaults,
                     [](auto) { return std::make_unique<check_judge>(3, 2, 0); }));
  out.push_back(peer("HAProxy, expert", haproxy_expert,
                     [](auto) { return std::make_unique<check_judge>(3, 2, 10); }));
  out.push_back(
      peer("NGINX", nginx_defaults, [](auto) { return std::make_unique<max_fails_judge>(false); }));
  out.push_back(peer("NGINX, tuned", nginx_tuned,
                     [](auto) { return std::make_unique<max_fails_judge>(true); }));
  out.push_back(peer("NGINX, repeats all", nginx_repeating,
                     [](auto) { return std::make_unique<max_fails_judge>(true); }));
  out.push_back(peer("Envoy", envoy, [](auto) { return std::make_unique<outlier_judge>(); }));
  out.push_back(
      peer("Finagle", finagle, [](auto seed) { return std::make_unique<accrual_judge>(seed); }));
  out.push_back(peer("phi accrual", phi, [](auto) { return std::make_unique<phi_judge>(); }));
  out.push_back({"ours", [](world& stage, std::uint64_t seed) {
                   return std::make_unique<ours>(stage, seed);
                 }});
  return out;
}

}  // namespace

const std::vector<named_contender>& contenders() {
  static const std::vector<named_contender> list = all();
  return list;
}

proxy::proxy(world& stage, const proxy_rules& rules, std::unique_ptr<judge> health,
             std::uint64_t seed)
    : world_(stage), rules_(rules), judge_(std::move(health)) {
  if (rules_.probe_interval == duration{0}) return;
  dice random(seed);
  for (const std::size_t server : {primary, backup}) {
    const std::chrono::duration<double> interval = rules_.probe_interval;
    const auto phase = std::chrono::duration_cast<duration>(interval * random.unit());
    world_.wake(world_.now() + phase, {probe_due, server, 0});
  }
}

void proxy::begin(std::size_t index) {
  const auto server = pick(requests_[index]);
  attempt(index, server.value_or(primary));
}

/// The primary, if it is believed in, or else the backup. Where neither is, whichever is left.
std::optional<std::size_t> proxy::pick(const request& r) {
  const auto allowed = [&](std::size_t server) { return !rules_.other_server || !r.tried[server]; };
  for (const std::size_t server : {primary, backup})
    if (allowed(server) && judge_->take(world_.now(), server)) return server;
  for (const std::size_t server : {primary, backup})
    if (allowed(server)) return server;
  return std::nullopt;
}

void proxy::attempt(std::size_t index, std::size_t server) {
  request& r = requests_[index];
  r.tried[server] = true;
  ++r.tries;
  world_.start(index, server, rules_.answer_timeout);
}

bool proxy::may_repeat(std::size_t index, outcome how) const {
  if (requests_.at(index).tries >= rules_.tries_most) return false;
  if (!was_sent(how)) return true;
  if (!world_.call(index).idempotent && !rules_.blindly) return false;
  return how == outcome::faulted ? rules_.repeats_faults : rules_.repeats_sent;
}

void proxy::attempt_ended(std::size_t number, outcome how, bool rude) {
  const std::size_t index = world_.attempt(number).call;
  const std::size_t before = world_.attempt(number).server;
  judge_->ended(world_.now(), before, how);
  if (how == outcome::answered) return finish(index, !rude);
  if (!may_repeat(index, how)) return finish(index, false);
  const auto server = pick(requests_[index]);
  if (!server) return finish(index, false);
  if (server == before && how == outcome::refused && rules_.same_server_pause > duration{0})
    return world_.wake(world_.now() + rules_.same_server_pause, {repeat_due, index, 0});
  attempt(index, *server);
}

void proxy::finish(std::size_t index, bool good) {
  requests_.erase(index);
  world_.answer(index, good);
}

void proxy::caller_gone(std::size_t index) {
  requests_.erase(index);
  for (const std::size_t number : world_.call(index).attempts) {
    if (!world_.attempt(number).open) continue;
    world_.stop(number);
    judge_->ended(world_.now(), world_.attempt(number).server, outcome::abandoned);
  }
}

void proxy::probe_ended(std::size_t server, outcome how, duration took) {
  judge_->probed(world_.now(), server, how == outcome::answered);
  world_.wake(world_.now() + std::max(rules_.probe_interval - took, duration{0}),
              {probe_due, server, 0});
}

void proxy::woken(const token& what) {
  if (what.kind == probe_due) return world_.probe(what.subject, rules_.probe, rules_.probe_timeout);
  const auto waiting = requests_.find(what.subject);
  if (waiting == requests_.end()) return;  // its caller has gone
  attempt(what.subject, pick(waiting->second).value_or(primary));
}

}  // namespace understudy::core::peers
