// What a client asks of a gateway beside the call.
#pragma once

#include <string>
#include <string_view>

#include "understudy/client.hpp"

namespace understudy::net {

/// `context` (JSON text, an object or `[]`) with the member that asks a gateway to store the call.
/// rpc_error -32602, not_sent, where it has one already.
[[nodiscard]] std::string stored_context(std::string_view context, const stored_call& wanted);

}  // namespace understudy::net
