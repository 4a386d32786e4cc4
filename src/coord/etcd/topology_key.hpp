// The topology in etcd: read, and written by a Txn that compares.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "coord/coordinator.hpp"
#include "coord/etcd/etcd_client.hpp"
#include "coord/sightings.hpp"

namespace understudy::coord::etcd {

/// Where a cluster's things are: /understudy/<cluster>/...
struct cluster_keys {
  explicit cluster_keys(const std::string& cluster);
  [[nodiscard]] std::string journal_of(core::epoch epoch) const;
  std::string topology;
  std::string journal;  ///< ends with "/"
  std::string leader;
};

/// As `coordinator` says. Shared with the coroutines that wait for it.
class topology_key {
 public:
  topology_key(std::shared_ptr<etcd_client> client, cluster_keys keys);
  [[nodiscard]] static boost::asio::awaitable<read_result> read(std::shared_ptr<topology_key> self,
                                                                core::time_point deadline);
  [[nodiscard]] static boost::asio::awaitable<write_result> write(
      std::shared_ptr<topology_key> self, revision expected, core::topology value,
      core::time_point deadline);
  void saw(core::generation told) { seen_.saw(told); }
  [[nodiscard]] const std::string& name() const { return keys_.topology; }

 private:
  [[nodiscard]] std::string txn_of(revision expected, const core::topology& value,
                                   const std::string& text) const;

  std::shared_ptr<etcd_client> client_;
  cluster_keys keys_;
  sightings seen_;
};

}  // namespace understudy::coord::etcd
