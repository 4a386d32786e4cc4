// A network of its own for a drill, in which packets can be made to vanish.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/bench/load_socket.hpp"
#include "app/drill/process.hpp"

namespace understudy::app {

/// Two network namespaces joined by a pair of virtual interfaces: the calling thread, and what it
/// starts, is in one while this lives; the other is the primary's. Nothing of the machine's own
/// network is touched, and the kernel removes both with it. Needs root, and ip, tc, unshare and
/// nsenter.
class drill_network {
 public:
  /// Throws drill_unavailable.
  drill_network();
  ~drill_network();
  drill_network(const drill_network&) = delete;
  drill_network& operator=(const drill_network&) = delete;

  /// Where the primary listens.
  [[nodiscard]] static std::string primary_address() { return "10.77.0.2:9501"; }
  /// What a command begins with to run in the primary's namespace.
  [[nodiscard]] const std::vector<std::string>& at_primary() const { return at_primary_; }
  /// From now on every packet between the two vanishes: nobody is told.
  void cut();

 private:
  void join();

  owned_fd home_;
  std::optional<process> holder_;  ///< keeps the primary's namespace
  std::vector<std::string> at_primary_;
};

}  // namespace understudy::app
