// What a MariaDB server writes about its start.
#pragma once

#include <string_view>

namespace understudy::db {

/// In the error log, of one start.
struct start_signs {
  bool ready = false;  ///< it takes connections
  /// It ends, for the end of its log can not be cut off: something that is no row change, or that
  /// may not be undone, follows what no replica acknowledged. A start as primary would keep it.
  bool stuck = false;
  bool cut_off = false;  ///< the end of its log was cut off
};

/// `text`: what was written since the start.
[[nodiscard]] start_signs read_start(std::string_view text);

}  // namespace understudy::db
