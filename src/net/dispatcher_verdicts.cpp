// What one dispatcher's pool has found out, for the others that have the same servers.
//
// Ids are each dispatcher's own, where names are looked up: between them a server is its ip:port.
#include "net/dispatcher_impl.hpp"

namespace understudy::net {

void dispatcher_impl::spread(const std::vector<core::verdict>& verdicts) const {
  if (!verdicts_) return;
  for (const auto& [id, method] : verdicts) {
    const auto found = servers_.find(id);
    if (found != servers_.end()) verdicts_(found->second->address, method);
  }
}

void dispatcher_impl::hear(const std::string& address, const std::string& method) {
  const auto now = std::chrono::steady_clock::now();
  for (const auto& [id, target] : servers_) {
    if (target->address != address) continue;
    method.empty() ? pool_.heard(now, id) : pool_.heard_away(now, id, method);
  }
  settle();
}

}  // namespace understudy::net
