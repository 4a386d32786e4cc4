// What came of one call on one connection to a server.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/types.hpp"
#include "wire/answer.hpp"

namespace understudy::net {

struct exchange {
  /// answered (errors too: what a code says of the server is not judged here), faulted (the server
  /// said by other means than a code that it is in trouble), stale, lost, unreadable or timed_out.
  core::outcome how = core::outcome::lost;
  std::string body;                        ///< the answer as received, where there is one
  wire::answer_place payload;              ///< in `body`
  std::vector<std::string> files;          ///< file frames that came before it
  std::optional<std::int64_t> error_code;  ///< of an answer that is an error
  bool too_large = false;  ///< answered, but with more than the limits allow: there is no body
};

}  // namespace understudy::net
