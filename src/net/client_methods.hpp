// Which methods a client may repeat: its own patterns, and what servers declare.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "wire/description.hpp"

namespace understudy::net {

/// Any thread. As in PHP, a service's name is matched as written, a method's without case.
class repeatable_methods {
 public:
  /// Beyond it no more is learned: a peer fills no memory.
  static constexpr std::size_t learned_max = 10000;

  /// As method_matches() reads them.
  explicit repeatable_methods(std::vector<std::string> patterns);

  /// Takes what one server said of its services. The latest word on a service counts.
  void learn(const std::vector<wire::service_description>& services);
  [[nodiscard]] bool contains(std::string_view method) const;

 private:
  std::vector<std::string> patterns_;
  mutable std::mutex mutex_;
  std::set<std::string, std::less<>> learned_;  ///< `Interface@method`, the method in lower case
};

}  // namespace understudy::net
