#include "app/database/cluster_parts.hpp"

#include <charconv>

#include "net/address.hpp"

namespace understudy::app {

db::endpoint endpoint_of(const std::string& address) {
  const auto at = net::split_address(address);
  std::uint16_t port = 0;
  if (at) std::from_chars(at->port.data(), at->port.data() + at->port.size(), port);
  return {at ? at->host : address, port};
}

db::members members_of(const database_config& config, const cluster_secret& secret) {
  db::members all;
  for (const database_node_config& each : config.nodes) {
    all.nodes.push_back({each.id, endpoint_of(each.address)});
  }
  all.supervisor = {config.user, secret.supervisor};
  all.replication_password = secret.replication;
  return all;
}

std::optional<tls_options> tls_of(const database_config& config) {
  if (config.tls.ca.empty()) return std::nullopt;
  tls_options out;
  out.certificate_file = config.tls.certificate;
  out.key_file = config.tls.key;
  out.ca_file = config.tls.ca;
  return out;
}

}  // namespace understudy::app
