// A whole file in memory, if it is one and not too long.
#pragma once

#include <boost/system/result.hpp>
#include <cstddef>
#include <string>

namespace understudy::app {

/// The bytes of `name`: a file, a pipe or a device, not a folder. What is longer than `bytes_max`
/// is refused (file_too_large), with no more than that read.
[[nodiscard]] boost::system::result<std::string> read_file(const std::string& name,
                                                           std::size_t bytes_max);

}  // namespace understudy::app
