// One supervisor agrees with itself, and remembers it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "coord/coordinator.hpp"

namespace understudy::coord {

struct local_options {
  std::string folder;  ///< of this cluster alone; not on the machine of its primary
  core::supervisor_id self{};
};

/// Always leads: the folder's lock lets no other process supervise. Writes on a thread of its own,
/// for which the destructor waits. Throws std::runtime_error with a sentence where another process
/// has the folder, or where what is in it is damaged.
[[nodiscard]] std::unique_ptr<coordinator> make_local_coordinator(
    const boost::asio::any_io_executor& executor, const local_options& options);

}  // namespace understudy::coord
