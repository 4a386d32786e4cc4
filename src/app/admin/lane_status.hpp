// What the lanes of a gateway say of its pools, as one.
#pragma once

#include <vector>

#include "app/gateway/router.hpp"

namespace understudy::app {

/// In the first lane's order. Servers are the same where their addresses are: names are looked up
/// by each lane, so for a moment one may have a server that another has not.
[[nodiscard]] std::vector<pool_status> add_up(std::vector<std::vector<pool_status>> lanes);

}  // namespace understudy::app
