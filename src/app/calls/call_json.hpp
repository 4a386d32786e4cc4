// Stored calls as JSON: what tickets, states and counts look like to callers and operators.
#pragma once

#include <string>
#include <string_view>

#include "store/call_store.hpp"

namespace understudy::app {

/// {"ticket","method","state","outcome","attempts","attempts_max","created_ms","due_ms",
/// "deadline_ms","finished_ms","mode","key","order_by","priority","server","reason"}; members that
/// do not apply are null.
void append_call(std::string& out, const store::call_view& call, std::string_view tag);

/// {"accepted", ..., "services": [{"service","paused","waiting",...}]}
void append_counts(std::string& out, const store::store_counts& counts);

}  // namespace understudy::app
