// What is known of one pool's services: from the configuration, and from what its servers say.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/config/config.hpp"
#include "wire/description.hpp"
#include "wire/request.hpp"

namespace understudy::app {

/// Whether a pool serves an interface, from worst to best.
enum class claim : std::uint8_t {
  none,
  remembered,  ///< a server described it that has been taken out since
  present,     ///< configured, or described by a server that the pool has
};

/// Decides whether a pool serves an interface and whether a method may run twice. No I/O.
/// Configured services are the only ones of their pool. Else everything that any server of the
/// pool described is its own; of a service the latest text counts. A server that is down keeps its
/// services (that is no reason to say "no such service"); those of a server that was taken out are
/// only remembered: another pool that has them now comes first.
class pool_services {
 public:
  /// Beyond these a pool's further services are not learned, so a peer fills no memory; what is
  /// only remembered makes room first.
  static constexpr std::size_t services_max = 1000;
  static constexpr std::size_t text_bytes_max = std::size_t{8} << 20;

  pool_services(std::vector<std::string> configured, std::vector<std::string> idempotent);
  /// New settings; what was learned stays.
  void configure(std::vector<std::string> configured, std::vector<std::string> idempotent);

  /// All that `server` has: it answered @action_interface, or it was taken out and has nothing any
  /// more. Returns the services of the pool that were not present before.
  std::vector<std::string> learn(const std::string& server,
                                 const std::vector<wire::service_description>& services);

  /// Whether a service that is not here is nowhere in the pool.
  [[nodiscard]] bool known() const { return !configured_.empty() || !learned_.empty(); }
  /// Whether a server that the pool has described its services.
  [[nodiscard]] bool described() const;
  [[nodiscard]] claim claims(std::string_view service) const;
  /// By the configured patterns, or because the method's doc comment says @idempotent.
  [[nodiscard]] bool idempotent(const wire::request& request) const;

  [[nodiscard]] std::vector<std::string> names() const;
  /// Appends the services that servers describe now, as received.
  void append_descriptions(std::vector<wire::service_description>& to) const;

 private:
  struct learned {
    std::string text;
    std::set<std::string, std::less<>> idempotent;  ///< methods, case folded
    std::set<std::string> servers;                  ///< that have it; none: only remembered
  };

  [[nodiscard]] bool visible(std::string_view service) const;
  [[nodiscard]] bool make_room(std::size_t services, std::size_t bytes);
  bool take(const wire::service_description& service, const std::string& server);

  std::set<std::string, std::less<>> configured_;
  std::vector<std::string> idempotent_;
  std::map<std::string, learned, std::less<>> learned_;  ///< by service, invisible ones too
  std::size_t text_bytes_ = 0;                           ///< of all of them
};

}  // namespace understudy::app
