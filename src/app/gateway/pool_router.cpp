#include "app/gateway/pool_router.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <tuple>
#include <utility>

namespace understudy::app {

namespace {

// What a dispatcher takes for good. The bindings fail to compile when a field is added: it needs
// its place here and its key in the configuration.
auto fields(const core::balance_options& options) {
  const auto& [policy, decay, failure_cost, hash_slack, zone, zone_enough] = options;
  return std::tie(policy, decay, failure_cost, hash_slack, zone, zone_enough);
}

auto fields(const core::limiter_options& options) {
  const auto& [start, floor, most, slowdown_max] = options;
  return std::tie(start, floor, most, slowdown_max);
}

auto fields(const core::pending_options& options) {
  const auto& [calls_max, standing_share, burst_share, standing_wait_max, burst_wait_max, burst] =
      options;
  return std::tie(calls_max, standing_share, burst_share, standing_wait_max, burst_wait_max, burst);
}

auto fields(const core::pool_options& options) {
  const auto& [name, probe_interval, probe_timeout, down_probe_interval, probes_down, probes_up,
               hold_down, ramp, gradual, failback, attempts_max, lost_max, parked_max, retry_ratio,
               retry_tokens_max, hedge_after, balance, limits, pending] = options;
  return std::tuple_cat(
      std::tie(name, probe_interval, probe_timeout, down_probe_interval, probes_down, probes_up,
               hold_down, ramp, gradual, failback, attempts_max, lost_max, parked_max, retry_ratio,
               retry_tokens_max, hedge_after),
      fields(balance), fields(limits), fields(pending));
}

bool same_settings(const pool_config& a, const pool_config& b) {
  return fields(a.options) == fields(b.options) && a.fault_codes == b.fault_codes &&
         a.probe == b.probe && a.balance_key == b.balance_key && a.multiplex == b.multiplex;
}

core::record pool_record(std::string kind, const std::string& pool, std::string rule,
                         std::string effect) {
  core::record record;
  record.kind = std::move(kind);
  record.subject = "pool " + pool;
  record.rule = std::move(rule);
  record.effect = std::move(effect);
  return record;
}

std::size_t part_of(std::size_t bound, unsigned lanes) {
  return (bound + lanes - 1) / lanes;
}

// A lane's part of what an operator bounds for all: rounded up, so that no part is nothing.
void divide(net::dispatcher_options& options, unsigned lanes) {
  core::pool_options& pool = options.pool;
  options.connections_max = part_of(options.connections_max, lanes);
  pool.parked_max = part_of(pool.parked_max, lanes);
  pool.pending.calls_max = part_of(pool.pending.calls_max, lanes);
  pool.limits.most = std::max(pool.limits.floor, pool.limits.most / lanes);
  pool.retry_tokens_max /= lanes;
}

router::denial no_pool(std::string_view pool) {
  return {fmt::format("There is no pool {}.", pool), true};
}

}  // namespace

std::shared_ptr<pool_router> pool_router::make(pool_router_parts parts,
                                               const gateway_config& config) {
  std::shared_ptr<pool_router> made(new pool_router(std::move(parts)));
  made->configure(config);
  return made;
}

pool_router::pool_router(pool_router_parts parts)
    : parts_(std::move(parts)), expiry_(parts_.executor) {
  if (!parts_.expired && parts_.lanes == 1) {
    parts_.expired = [this](core::time_point now) { expire(now); };
  }
}

pool_router::~pool_router() = default;

void pool_router::configure(const gateway_config& config) {
  limits_ = config.limits;
  deadline_ = config.deadline;
  std::vector<pool_ptr> pools;
  for (pool_config wanted : config.pools) {
    wanted.options.balance.zone = config.zone;
    pool_ptr pool = pool_named(wanted.name);
    if (pool) {
      change_pool(*pool, wanted);
    } else {
      pool = make_pool(wanted);
    }
    pools.push_back(std::move(pool));
  }
  for (const pool_ptr& old : pools_) {
    if (std::ranges::find(pools, old) != pools.end()) continue;
    old->dispatcher->stop();
    parts_.records(pool_record("pool_removed", old->config.name, "the configuration changed",
                               "running calls end, no new ones go there"));
  }
  pools_ = std::move(pools);
  arm_expiry();
  wake_waiters();
}

void pool_router::stop() {
  expiry_.cancel();
  for (const pool_ptr& pool : pools_) pool->dispatcher->stop();
}

std::shared_ptr<net::dispatcher> pool_router::make_dispatcher(const pool_config& config) {
  net::dispatcher_options options;
  options.pool = config.options;
  options.limits = limits_;
  options.fault_codes = config.fault_codes;
  options.probe_method = config.probe;
  options.multiplex = config.multiplex;
  options.seed = std::random_device()();
  divide(options, parts_.lanes);
  auto made = parts_.make_dispatcher(
      parts_.executor, std::move(options), parts_.records,
      [self = weak_from_this(), name = config.name](const auto& server, const auto& services) {
        if (const auto alive = self.lock()) alive->learned(name, server, services);
      });
  if (parts_.verdicts) {
    made->tell_verdicts([verdicts = parts_.verdicts, name = config.name](
                            const std::string& server, const std::string& method) {
      verdicts(name, server, method);
    });
  }
  return made;
}

pool_router::pool_ptr pool_router::make_pool(const pool_config& config) {
  auto dispatcher = make_dispatcher(config);
  auto pool = std::make_shared<pool_entry>(
      pool_entry{config, dispatcher, pool_services(config.services, config.idempotent),
                 registry(config.name, dispatcher, parts_.records)});
  pool->servers.configure(config.servers);
  dispatcher->start();
  return pool;
}

void pool_router::change_pool(pool_entry& pool, const pool_config& config) {
  pool.servers.configure(config.servers);
  if (!same_settings(pool.config, config)) {
    auto fresh = make_dispatcher(config);
    pool.servers.move_to(fresh);
    fresh->start();
    std::exchange(pool.dispatcher, fresh)->stop();
    parts_.records(pool_record("pool_changed", config.name, "the configuration changed",
                               "new calls go by the new settings"));
  }
  pool.services.configure(config.services, config.idempotent);
  pool.config = config;
}

pool_router::pool_ptr pool_router::pool_named(std::string_view name) const {
  const auto found =
      std::ranges::find_if(pools_, [&](const pool_ptr& pool) { return pool->config.name == name; });
  return found == pools_.end() ? nullptr : *found;
}

std::vector<pool_status> pool_router::status() const {
  std::vector<pool_status> all;
  for (const pool_ptr& pool : pools_) {
    pool_status status;
    status.name = pool->config.name;
    status.listen = pool->config.listen;
    status.services = pool->services.names();
    for (auto& server : pool->dispatcher->status()) status.servers.push_back({std::move(server)});
    status.parked = pool->dispatcher->parked();
    status.queued = pool->dispatcher->queued();
    all.push_back(std::move(status));
  }
  return all;
}

router::refusal pool_router::drain(std::string_view pool, std::string_view address) {
  const pool_ptr found = pool_named(pool);
  return found ? found->servers.drain(address) : no_pool(pool);
}

router::refusal pool_router::resume(std::string_view pool, std::string_view address) {
  const pool_ptr found = pool_named(pool);
  return found ? found->servers.resume(address) : no_pool(pool);
}

router::refusal pool_router::put_server(core::time_point now, std::string_view pool,
                                        const core::server_options& server,
                                        std::chrono::milliseconds ttl) {
  const pool_ptr found = pool_named(pool);
  if (!found) return no_pool(pool);
  refusal refused = found->servers.put(now, server, ttl);
  arm_expiry();
  return refused;
}

router::refusal pool_router::remove_server(std::string_view pool, std::string_view address) {
  const pool_ptr found = pool_named(pool);
  return found ? found->servers.remove(address) : no_pool(pool);
}

void pool_router::expire(core::time_point now) {
  for (const pool_ptr& pool : pools_) pool->servers.expire(now);
  arm_expiry();
}

void pool_router::hear(std::string_view pool, const std::string& server,
                       const std::string& method) {
  if (const pool_ptr found = pool_named(pool)) found->dispatcher->hear(server, method);
}

void pool_router::arm_expiry() {
  if (!parts_.expired) return;
  std::optional<core::time_point> next;
  for (const pool_ptr& pool : pools_) {
    const auto expiry = pool->servers.next_expiry();
    if (expiry && (!next || *expiry < *next)) next = expiry;
  }
  if (!next) return;
  expiry_.expires_at(*next);
  expiry_.async_wait([self = weak_from_this()](const boost::system::error_code& error) {
    const auto alive = self.lock();
    if (!error && alive) alive->parts_.expired(std::chrono::steady_clock::now());
  });
}

void pool_router::learned(const std::string& name, const std::string& server,
                          const std::vector<wire::service_description>& services) {
  const pool_ptr pool = pool_named(name);
  if (!pool) return;
  const std::vector<std::string> fresh = pool->services.learn(server, services);
  for (const std::string& service : fresh) {
    for (const pool_ptr& other : pools_) {
      // Both on the shared address: where a service has two pools the first one has it.
      if (other == pool || !other->config.listen.empty() || !pool->config.listen.empty()) continue;
      if (other->services.claims(service) != claim::present) continue;
      parts_.records(
          pool_record("service_conflict", name,
                      fmt::format("{} is served by pool {} too", service, other->config.name),
                      "calls to it go to the pool that the configuration names first"));
    }
  }
  if (!fresh.empty()) wake_waiters();
}

void pool_router::wake_waiters() {
  for (boost::asio::steady_timer* waiter : waiters_) waiter->cancel();
}

}  // namespace understudy::app
