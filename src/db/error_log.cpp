#include "db/error_log.hpp"

namespace understudy::db {

start_signs read_start(std::string_view text) {
  const auto says = [&](std::string_view what) {
    return text.find(what) != std::string_view::npos;
  };
  return {says(": ready for connections."), says("Cannot truncate the binary log"),
          says("Successfully truncated")};
}

}  // namespace understudy::db
