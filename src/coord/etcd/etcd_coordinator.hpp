// Supervisors on several machines agree through etcd.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "coord/coordinator.hpp"

namespace understudy::coord {

struct etcd_options {
  std::vector<std::string> endpoints;  ///< HOST:PORT of each member; asked in this order
  std::string cluster;                 ///< in keys: /understudy/<cluster>/...
  core::supervisor_id self{};          ///< as which to lead
  /// Of the lease; etcd may grant more. Decides nothing but how long others wait before they go
  /// first in place of one that is gone.
  std::chrono::seconds lease{2};
  /// How often a watch looks by itself, for events may be lost.
  std::chrono::milliseconds poll{1000};
};

/// By etcd's JSON gateway (3.4 and later). Connects to nothing before it is asked to. Throws
/// std::runtime_error with a sentence for options that can not be meant.
[[nodiscard]] std::unique_ptr<coordinator> make_etcd_coordinator(
    const boost::asio::any_io_executor& executor, const etcd_options& options);

}  // namespace understudy::coord
