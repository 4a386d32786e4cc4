// What is known of one pool's services: from the configuration, and from what its servers say.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.hpp"
#include "wire/description.hpp"
#include "wire/request.hpp"

namespace understudy::app {

/// Decides whether a pool serves an interface and whether a method may run twice. No I/O.
/// Configured services are the only ones of their pool. Else everything that any server of the
/// pool described is its own: the latest text of a service counts, and none is forgotten while
/// the gateway runs (its servers may just be down, which is no reason to say "no such service").
class pool_services {
 public:
  /// Beyond it a pool's further services are not learned: a peer fills no memory.
  static constexpr std::size_t services_max = 1000;

  pool_services(std::vector<std::string> configured, std::vector<std::string> idempotent);

  /// A server answered @action_interface. Returns the services that are new.
  std::vector<std::string> learn(const std::vector<wire::service_description>& services);

  /// Whether a service that is not here is nowhere in the pool.
  [[nodiscard]] bool known() const { return !configured_.empty() || !learned_.empty(); }
  /// Whether any server has described its services.
  [[nodiscard]] bool described() const { return !learned_.empty(); }
  [[nodiscard]] bool serves(std::string_view service) const;
  /// By the configured patterns, or because the method's doc comment says @idempotent.
  [[nodiscard]] bool idempotent(const wire::request& request) const;

  [[nodiscard]] std::vector<std::string> names() const;
  /// Appends the described services, as received.
  void append_descriptions(std::vector<wire::service_description>& to) const;

 private:
  struct learned {
    wire::service_description description;
    std::set<std::string, std::less<>> idempotent;  ///< methods, case folded
  };

  std::set<std::string, std::less<>> configured_;
  std::vector<std::string> idempotent_;
  std::map<std::string, learned, std::less<>> learned_;
};

}  // namespace understudy::app
