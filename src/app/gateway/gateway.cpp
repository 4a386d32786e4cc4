#include "app/gateway/gateway.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <random>
#include <thread>
#include <utility>

#include "app/admin/admin.hpp"
#include "app/calls/open_store.hpp"
#include "app/common/version.hpp"
#include "app/config/read_file.hpp"
#include "app/gateway/gateway_frames.hpp"

namespace understudy::app {

namespace asio = boost::asio;

namespace {

// How often emptied listeners are let go; while it drains, how soon its end
// is seen.
constexpr std::chrono::milliseconds tick_interval{1000};
constexpr std::chrono::milliseconds drain_tick_interval{10};

core::record gateway_record(std::string kind, std::string rule, std::string effect) {
  core::record record;
  record.kind = std::move(kind);
  record.subject = "gateway";
  record.rule = std::move(rule);
  record.effect = std::move(effect);
  return record;
}

net::frame_server_options frame_options(const gateway_config& config) {
  net::frame_server_options options;
  options.limits = config.limits;
  options.connections_max = config.connections_max;
  options.received_bytes_max = config.received_bytes_max;
  return options;
}

unsigned lanes_wanted(const gateway_config& config) {
  if (config.threads > 0) return config.threads;
  return std::clamp(std::thread::hardware_concurrency(), 1U, gateway_config::threads_max);
}

std::string read_secret(const std::string& file) {
  if (file.empty()) return {};
  const auto text = read_file(file, 4096);
  if (!text) {
    throw std::runtime_error(fmt::format("calls.webhook_secret_file {} can not be read: {}.", file,
                                         text.error().message()));
  }
  return text->substr(0, text->find_last_not_of("\r\n") + 1);
}

const pool_config* pool_of(const gateway_config& config, std::string_view name) {
  const auto found = std::ranges::find(config.pools, name, &pool_config::name);
  return found == config.pools.end() ? nullptr : &*found;
}

}  // namespace

gateway::gateway(gateway_config config)
    : config_(std::move(config)), lanes_(lanes_wanted(config_), events_) {
  events_.watch([this](const event& e) { metrics_.event(e); });
}

gateway::~gateway() {
  stop();
  // Sessions end their coroutines while everything that those refer to is still here.
  for (const frame_listener& listener : frames_) listener.server->stop();
  for (const frame_listener& listener : retired_) listener.server->stop();
  http_.clear();
  lanes_.settle();
}

void gateway::start() {
  lanes_.make_routers(config_);
  if (!config_.calls.store.empty()) open_calls();
  if (!config_.databases.empty()) {
    databases_ = std::make_shared<databases>(config_.databases, config_.coordination, events_);
  }
  listen_frames(frames_, "", config_.listen);
  for (const pool_config& pool : config_.pools) listen_frames(frames_, pool.name, pool.listen);
  listen_http();
  tick();
  if (databases_) databases_->start();
  lanes_.run();
}

void gateway::open_calls() {
  const auto rules = std::make_shared<const call_rules>(config_);
  const auto router = lanes_.all().front()->router;
  desk_parts parts;
  parts.home = lanes_.home();
  parts.attempt = [router](const wire::request& request, std::string_view body,
                           attempt_terms terms) { return router->attempt(request, body, terms); };
  parts.usable = [router](std::string_view service, std::string_view only) {
    return router->usable(service, only);
  };
  webhooks_ = std::make_unique<webhook_sender>(read_secret(config_.calls.webhook_secret_file));
  parts.tell = [this](std::string url, std::string body) {
    return webhooks_->post(std::move(url), std::move(body));
  };
  parts.rules = rules;
  parts.running_max = config_.calls.running_max;
  parts.attempt_max = config_.deadline;
  parts.seed = std::random_device()();
  desk_ = std::make_shared<call_desk>(std::move(parts));
  const auto store = open_store(config_, *desk_, events_);
  store->limit(std::string(store::webhook_service), webhook_sender::at_a_time);
  for (const auto& [service, most] : config_.calls.service_running_max) {
    store->limit(service, most);
  }
  desk_->start(store);
  lanes_.make_gates(desk_, rules);
}

void gateway::listen_frames(std::vector<frame_listener>& to, std::string pool,
                            const std::string& address) {
  if (address.empty()) return;
  std::vector<net::frame_lane> served;
  for (const auto& lane : lanes_.all()) {
    served.push_back({&lane->context, forward_frames(lane->front(), pool)});
  }
  frame_listener listener;
  listener.server = net::frame_server::make(std::move(served), frame_options(config_));
  listener.server->listen(address);
  listener.pool = std::move(pool);
  listener.address = address;
  to.push_back(std::move(listener));
}

void gateway::listen_http() {
  const auto listen = [this](std::string name, const std::string& address, http_side side) {
    if (address.empty()) return;
    net::http_limits limits;
    limits.body_bytes_max = config_.limits.message_bytes_max;
    limits.connections_max = config_.connections_max;
    admin_parts parts{lanes_,
                      lanes_.home(),
                      events_,
                      metrics_,
                      [this] { return draining_.load(); },
                      std::string(version),
                      [this] { return listeners(); },
                      desk_,
                      databases_};
    const http_handlers handlers = make_http_handlers(std::move(parts), side);
    std::vector<net::http_lane> served;
    for (const auto& lane : lanes_.all()) {
      served.push_back({lane->context.get_executor(), handlers(*lane->front())});
    }
    http_listener listener;
    listener.server = net::http_server::make(std::move(served), limits);
    listener.server->listen(address);
    listener.name = std::move(name);
    http_.push_back(std::move(listener));
  };
  listen("http", config_.http, config_.admin.empty() ? http_side::both : http_side::calls);
  listen("admin", config_.admin, http_side::admin);
}

std::string gateway::frames_address(std::string_view pool) const {
  const auto found = std::ranges::find(frames_, pool, &frame_listener::pool);
  return found == frames_.end() ? "" : found->server->addresses().front();
}

std::string gateway::http_named(std::string_view name) const {
  const auto found = std::ranges::find(http_, name, &http_listener::name);
  return found == http_.end() ? "" : found->server->address();
}

std::string gateway::http_address() const {
  return http_named("http");
}
std::string gateway::admin_address() const {
  return http_named("admin");
}

std::string gateway::database_address(const std::string& database,
                                      const std::string& endpoint) const {
  return databases_ ? databases_->address(database, endpoint) : "";
}

std::vector<listener_status> gateway::listeners() const {
  std::vector<listener_status> all;
  for (const frame_listener& listener : frames_) {
    all.push_back({listener.pool.empty() ? "rpc" : pool_listener_name(listener.pool),
                   listener.server->addresses().front(), listener.server->connections()});
  }
  for (const http_listener& listener : http_) {
    all.push_back({listener.name, listener.server->address(), listener.server->connections()});
  }
  return all;
}

std::vector<std::string> gateway::reload(const gateway_config& config) {
  auto taken = take_over(std::make_shared<const gateway_config>(config));
  return asio::co_spawn(lanes_.home(), std::move(taken), asio::use_future).get();
}

std::vector<std::string> gateway::restart_needed(const gateway_config& config) const {
  std::vector<std::string> problems;
  const auto compare = [&](bool same, std::string_view key) {
    if (same) return;
    problems.push_back(fmt::format("gateway.{} can not change while it runs: restart.", key));
  };
  compare(config.listen == config_.listen, "listen");
  compare(config.http == config_.http, "http");
  compare(config.admin == config_.admin, "admin");
  if (config.calls != config_.calls) {
    problems.emplace_back("[calls] can not change while it runs: restart.");
  }
  if (config.coordination != config_.coordination) {
    problems.emplace_back("[coordination] can not change while it runs: restart.");
  }
  if (config.databases.empty() != config_.databases.empty()) {
    problems.emplace_back("The first and the last [database.NAME] need a restart.");
  }
  compare(config.threads == config_.threads, "threads");
  compare(config.received_bytes_max == config_.received_bytes_max, "received_bytes_max");
  compare(config.connections_max == config_.connections_max, "connections_max");
  compare(config.limits.message_bytes_max == config_.limits.message_bytes_max, "frame_bytes_max");
  compare(config.limits.file_bytes_max == config_.limits.file_bytes_max, "file_bytes_max");
  return problems;
}

asio::awaitable<std::vector<std::string>> gateway::take_over(
    std::shared_ptr<const gateway_config> config) {
  std::vector<std::string> problems = restart_needed(*config);
  std::vector<frame_listener> fresh;
  for (const pool_config& pool : config->pools) {
    const pool_config* before = pool_of(config_, pool.name);
    if (before != nullptr && before->listen == pool.listen) continue;
    try {
      listen_frames(fresh, pool.name, pool.listen);
    } catch (const std::runtime_error& error) {
      problems.emplace_back(error.what());
    }
  }
  if (!problems.empty()) co_return problems;
  if (databases_) problems = databases_->configure(config->databases);
  if (!problems.empty()) {
    // All or nothing: those that were taken over are made again as they were.
    std::ranges::move(databases_->configure(config_.databases), std::back_inserter(problems));
    co_return problems;
  }

  const auto kept = [&](const frame_listener& listener) {
    const pool_config* pool = pool_of(*config, listener.pool);
    return listener.pool.empty() || (pool != nullptr && pool->listen == listener.address);
  };
  const auto gone = std::stable_partition(frames_.begin(), frames_.end(), kept);
  for (auto listener = gone; listener != frames_.end(); ++listener) {
    listener->server->drain();
    retired_.push_back(std::move(*listener));
  }
  frames_.erase(gone, frames_.end());
  std::ranges::move(fresh, std::back_inserter(frames_));
  config_ = *config;
  if (desk_) desk_->configure(std::make_shared<const call_rules>(*config));
  co_await lanes_.configure(std::move(config));
  co_return problems;
}

void gateway::drain(std::function<void()> done) {
  asio::post(lanes_.home(),
             [this, done = std::move(done)]() mutable { begin_drain(std::move(done)); });
}

void gateway::begin_drain(std::function<void()> done) {
  draining_ = true;
  drain_done_ = std::move(done);
  drain_until_ = std::chrono::steady_clock::now() + config_.drain_timeout;
  events_.write(gateway_record("gateway_draining", "it was asked to end",
                               "no new connections; running calls end"));
  for (const frame_listener& listener : frames_) listener.server->drain();
  tick();
}

// Callers on frames first, so that /readyz tells of the drain for as long as it lasts.
bool gateway::drained() {
  for (const auto* listeners : {&frames_, &retired_}) {
    for (const frame_listener& listener : *listeners) {
      if (listener.server->connections() > 0) return false;
    }
  }
  std::size_t open = lanes_.running();
  if (desk_) {
    // No caller waits any more: what has not begun is for the next start.
    desk_->drain();
    open += desk_->running();
  }
  for (const http_listener& listener : http_) {
    listener.server->stop();
    open += listener.server->connections();
  }
  return open == 0;
}

void gateway::tick() {
  std::erase_if(retired_, [](const auto& listener) { return listener.server->connections() == 0; });

  if (drain_done_) {
    const bool late = std::chrono::steady_clock::now() >= drain_until_;
    if (late) {
      events_.write(gateway_record("drain_cut", "drain_timeout has passed",
                                   "calls that still run get no answer"));
    }
    if (late || drained()) {
      std::exchange(drain_done_, nullptr)();
      return;
    }
  }
  ticker_.expires_after(drain_done_ ? drain_tick_interval : tick_interval);
  ticker_.async_wait([this](const boost::system::error_code& error) {
    if (!error) tick();
  });
}

void gateway::stop() {
  lanes_.stop();
  if (databases_) databases_->stop();
  if (desk_) desk_->stop();
}

}  // namespace understudy::app
