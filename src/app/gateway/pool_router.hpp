// The router of a running gateway: one dispatcher per pool, services as configured or learned.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/calls/call_desk.hpp"
#include "app/config/config.hpp"
#include "app/gateway/learn.hpp"
#include "app/gateway/registry.hpp"
#include "app/gateway/router.hpp"
#include "net/dispatcher.hpp"

namespace understudy::app {

/// How a router makes the dispatcher of a pool; tests hand in their own.
using dispatcher_factory = std::function<std::shared_ptr<net::dispatcher>(
    boost::asio::any_io_executor, net::dispatcher_options, net::dispatcher::record_sink,
    net::dispatcher::description_sink)>;

struct pool_router_parts {
  boost::asio::any_io_executor executor;  ///< must not run concurrently
  std::function<void(const core::record&)> records;
  std::function<void(const call_report&)> reports;
  dispatcher_factory make_dispatcher = &net::dispatcher::make;
  /// One of so many, each on a lane of its own: what bounds a pool is divided among them.
  unsigned lanes = 1;
  /// The time of a registration is over: calls expire() of every router. Empty, where there are
  /// several: another one's says so.
  std::function<void(core::time_point)> expired{};
  /// A dispatcher's verdict, for hear() of the other routers.
  std::function<void(const std::string& pool, const std::string& server, const std::string& method)>
      verdicts{};
};

/// A call on the shared address goes to the pool that serves its interface; calls on a pool's own
/// address go to that pool. Of several pools that have a service the configuration's first has it,
/// but a pool that only remembers it comes last. While a pool's services are still to be learned an
/// unknown interface waits for its first probe, at most `learn_wait`; where it is the only pool,
/// the call goes there. What does not say otherwise runs on the executor. Calls in flight keep the
/// router alive.
class pool_router final : public router, public std::enable_shared_from_this<pool_router> {
 public:
  static constexpr std::chrono::milliseconds learn_wait{2000};
  static constexpr std::size_t learn_waiters_max = 1000;

  /// Starts probing at once.
  static std::shared_ptr<pool_router> make(pool_router_parts parts, const gateway_config& config);
  ~pool_router() override;

  /// A new configuration: pools and servers that are the same in both are not disturbed. A pool
  /// whose settings changed gets a new dispatcher with the same servers; its running calls end on
  /// the old one, parked ones move to the new one.
  void configure(const gateway_config& config);
  /// Ends probes; running calls go on.
  void stop();
  /// Calls that are being carried now. Any thread.
  [[nodiscard]] std::size_t running() const { return running_.load(std::memory_order_relaxed); }

  boost::asio::awaitable<routed> route(const wire::request& request, std::string_view body,
                                       std::vector<std::string_view> files,
                                       route_terms terms) override;

  /// One attempt of a stored call. It waits for no server: where none is usable it says so.
  boost::asio::awaitable<stored_attempt> attempt(const wire::request& request,
                                                 std::string_view body, attempt_terms terms);
  /// Whether a server of the pool of a service is up.
  [[nodiscard]] bool usable(std::string_view service, std::string_view only) const;

  [[nodiscard]] std::vector<pool_status> status() const;
  refusal drain(std::string_view pool, std::string_view address);
  refusal resume(std::string_view pool, std::string_view address);
  /// Registers or renews a server until `now` + `ttl`.
  refusal put_server(core::time_point now, std::string_view pool,
                     const core::server_options& server, std::chrono::milliseconds ttl);
  refusal remove_server(std::string_view pool, std::string_view address);
  /// Removes the registrations that were not renewed in time.
  void expire(core::time_point now);
  void hear(std::string_view pool, const std::string& server, const std::string& method);

 private:
  struct pool_entry {
    pool_config config;
    std::shared_ptr<net::dispatcher> dispatcher;
    pool_services services;
    registry servers;
  };
  using pool_ptr = std::shared_ptr<pool_entry>;
  struct lookup {
    pool_ptr pool;          ///< null: no pool serves it, as far as is known
    bool learning = false;  ///< null, but a pool that has not been described yet may serve it
    bool crowded = false;   ///< ... and too many calls wait for that
  };

  explicit pool_router(pool_router_parts parts);

  [[nodiscard]] pool_ptr make_pool(const pool_config& config);
  std::shared_ptr<net::dispatcher> make_dispatcher(const pool_config& config);
  void change_pool(pool_entry& pool, const pool_config& config);
  [[nodiscard]] pool_ptr pool_named(std::string_view name) const;
  [[nodiscard]] std::vector<pool_ptr> pools_at(std::string_view only) const;

  [[nodiscard]] lookup find(std::string_view service, std::string_view only) const;
  void learned(const std::string& pool, const std::string& server,
               const std::vector<wire::service_description>& services);
  // Calls that wait for services to be learned look again.
  void wake_waiters();
  // Finds again whenever a pool learned something, until `until`.
  boost::asio::awaitable<lookup> find_or_wait(std::string_view service, std::string_view only,
                                              core::time_point until);
  // The answer where no pool was found.
  routed refuse(const lookup& found, const wire::request& request, core::time_point start);
  void report_refused(const routed& refused, const wire::request& request, core::time_point start);
  // @action_interface of one server, for a pool that no probe has described yet.
  boost::asio::awaitable<void> ask(pool_ptr pool, core::time_point until);
  boost::asio::awaitable<routed> describe(std::string_view only);
  boost::asio::awaitable<routed> route_once_learned(const wire::request& request,
                                                    std::string_view only, net::forward forward,
                                                    core::time_point start);
  boost::asio::awaitable<routed> carry(pool_ptr pool, const wire::request& request,
                                       net::forward forward, core::time_point start);
  routed finish(const pool_entry& pool, const net::forward& forward, core::time_point start,
                net::forward_result& result);

  void arm_expiry();

  pool_router_parts parts_;
  wire::frame_limits limits_;
  std::chrono::milliseconds deadline_{};
  std::vector<pool_ptr> pools_;  ///< in the configuration's order
  std::list<boost::asio::steady_timer*> waiters_;
  boost::asio::steady_timer expiry_;
  std::atomic<std::size_t> running_ = 0;  ///< written by the owner alone
};

}  // namespace understudy::app
