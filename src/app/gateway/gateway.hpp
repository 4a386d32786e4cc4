// A running gateway: listeners and administration, in front of lanes that carry the calls.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/admin/metrics.hpp"
#include "app/admin/status_json.hpp"
#include "app/common/event_log.hpp"
#include "app/config/config.hpp"
#include "app/database/databases.hpp"
#include "app/gateway/gateway_lanes.hpp"
#include "net/frame_server.hpp"
#include "net/http.hpp"

namespace understudy::app {

/// start(), reload(), drain() and stop() are for one thread, none of the gateway's own; events()
/// for any. The destructor stops.
class gateway {
 public:
  explicit gateway(gateway_config config);
  ~gateway();
  gateway(const gateway&) = delete;
  gateway& operator=(const gateway&) = delete;

  /// Binds every address, then serves. std::runtime_error with a sentence where one is not to be
  /// had; nothing is served then.
  void start();

  /// With real ports. Empty where there is no such address.
  [[nodiscard]] std::string frames_address(std::string_view pool = {}) const;
  [[nodiscard]] std::string http_address() const;
  [[nodiscard]] std::string admin_address() const;
  /// Of a database's endpoint: "write" or "read".
  [[nodiscard]] std::string database_address(const std::string& database,
                                             const std::string& endpoint) const;

  /// All or nothing: takes the configuration over, or says why not and changes nothing.
  /// Addresses (but for those of pools) and limits need a restart.
  [[nodiscard]] std::vector<std::string> reload(const gateway_config& config);

  /// /readyz says 503, no new connections, connections close as they rest. Calls `done` on a
  /// thread of the gateway when all calls have ended, or after `drain_timeout`. stop() remains to
  /// be called.
  void drain(std::function<void()> done);
  /// Ends at once: running calls get no answer.
  void stop();

  [[nodiscard]] event_log& events() { return events_; }

 private:
  struct frame_listener {
    std::string pool;     ///< empty: the shared address
    std::string address;  ///< as configured
    std::unique_ptr<net::frame_server> server;
  };
  struct http_listener {
    std::string name;  ///< "http" or "admin"
    std::unique_ptr<net::http_server> server;
  };

  [[nodiscard]] std::vector<listener_status> listeners() const;
  void listen_frames(std::vector<frame_listener>& to, std::string pool, const std::string& address);
  void listen_http();
  [[nodiscard]] std::string http_named(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> restart_needed(const gateway_config& config) const;
  // At home, as all that follows.
  boost::asio::awaitable<std::vector<std::string>> take_over(
      std::shared_ptr<const gateway_config> config);
  void begin_drain(std::function<void()> done);
  [[nodiscard]] bool drained();
  void tick();
  void open_calls();

  gateway_config config_;
  event_log events_;
  app::metrics metrics_;
  std::atomic<bool> draining_{false};
  std::function<void()> drain_done_;
  core::time_point drain_until_{};

  gateway_lanes lanes_;
  std::unique_ptr<webhook_sender> webhooks_;
  std::shared_ptr<call_desk> desk_;            ///< home's; null where calls are not stored
  std::shared_ptr<app::databases> databases_;  ///< null where none is configured
  boost::asio::steady_timer ticker_{lanes_.home()};
  std::vector<frame_listener> frames_;
  std::vector<frame_listener> retired_;  ///< of removed pools: until their connections are gone
  std::vector<http_listener> http_;
};

}  // namespace understudy::app
