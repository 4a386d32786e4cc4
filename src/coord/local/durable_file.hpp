// Files that are replaced as a whole, and survive a loss of power. Blocking.
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace understudy::coord::local {

enum class replace_end : std::uint8_t {
  done,      ///< on the disk, under its name
  nothing,   ///< the file is as it was
  half_done  ///< the new file has the name, but a crash may bring the old one back
};

struct replaced {
  replace_end end = replace_end::done;
  int number = 0;  ///< errno of what failed
};

/// Writes `folder`/`name`.new, and gives it the name once it is on the disk.
[[nodiscard]] replaced replace_file(const std::string& folder, const std::string& name,
                                    std::string_view text);
/// Up to 1 MiB; an error of the system.
[[nodiscard]] boost::system::result<std::string> read_whole_file(const std::string& path);
/// errno, or 0. What is made or renamed in a folder is durable only after this.
[[nodiscard]] int sync_folder(const std::string& folder);

}  // namespace understudy::coord::local
