// Where a member of a balancer is kept.
#pragma once

#include <cstdint>

namespace understudy::core {

/// Where a member is kept while it is known to a balancer. Given out again after it is gone.
using member_slot = std::uint32_t;
inline constexpr member_slot no_slot = ~member_slot{0};

}  // namespace understudy::core
