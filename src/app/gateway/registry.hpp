// The servers of one pool: those of the configuration, and those that registered for a time.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/gateway/router.hpp"
#include "core/pool.hpp"
#include "net/dispatcher.hpp"

namespace understudy::app {

/// Keeps a dispatcher's servers in step with both sources. Takes `now` as an argument; one owner
/// thread, the dispatcher's. Refusals are sentences; nothing means done.
class registry {
 public:
  using refusal = router::refusal;
  using record_sink = std::function<void(const core::record&)>;

  static constexpr std::size_t registered_max = 256;
  static constexpr std::chrono::milliseconds ttl_min{100};
  static constexpr std::chrono::milliseconds ttl_max{24 * 3600 * 1000};

  registry(std::string pool, std::shared_ptr<net::dispatcher> servers, record_sink records);

  /// The configuration's servers, now: what differs from before is added, updated, removed. A
  /// registered server that is configured now stays without a time limit.
  void configure(const std::vector<core::server_options>& servers);
  /// Registers a server, or renews its registration, for `ttl` from now.
  refusal put(core::time_point now, const core::server_options& server,
              std::chrono::milliseconds ttl);
  refusal remove(std::string_view address);
  /// Removes the registrations that were not renewed in time.
  void expire(core::time_point now);
  [[nodiscard]] std::optional<core::time_point> next_expiry() const;

  refusal drain(std::string_view address);
  refusal resume(std::string_view address);

  /// Hands all servers, drained ones as such, to another dispatcher of the same pool. A drain of
  /// one address of several behind a name is not kept.
  void move_to(std::shared_ptr<net::dispatcher> servers);

 private:
  struct entry {
    core::server_id id{};
    core::server_options options;
    std::optional<core::time_point> expires;  ///< nothing: from the configuration
    bool drained = false;                     ///< as it was given; kept across move_to()
  };

  // The servers that an operator means by an address: as it was given, or as it was resolved.
  [[nodiscard]] std::vector<core::server_id> ids_of(std::string_view address) const;
  [[nodiscard]] router::denial unknown(std::string_view address) const;
  // Drains (or resumes) what the operator means; false where there is no such server.
  bool set_drained(std::string_view address, bool drained);
  void write(std::string kind, const std::string& address, std::string rule, std::string effect);

  std::string pool_;
  std::shared_ptr<net::dispatcher> servers_;
  record_sink records_;
  std::map<std::string, entry, std::less<>> entries_;
};

}  // namespace understudy::app
