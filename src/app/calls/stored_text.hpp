// The bytes of stored calls: what is kept of a request, what a server gets, how keys are told
// apart.
#pragma once

#include <string>
#include <string_view>

#include "store/call_store.hpp"

namespace understudy::app {

/// `context` without the member that is the gateway's own; "[]" where nothing is left.
[[nodiscard]] std::string kept_context(std::string_view context);

/// The request for a server: method and parameters as received, and a context that tells it which
/// call and attempt it is (`attempt` from 1).
[[nodiscard]] std::string attempt_request(const store::claimed_call& call, std::string_view ticket,
                                          unsigned attempt);

/// Equal where scope, method (in any case, as PHP reads it) and key are.
[[nodiscard]] store::print key_print(std::string_view scope, std::string_view method,
                                     std::string_view key);
/// Equal where method and parameters are, byte for byte.
[[nodiscard]] store::print content_print(std::string_view method, std::string_view params);

}  // namespace understudy::app
