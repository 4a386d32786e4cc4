// Plays a recorded conversation against a server and says what differs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/recordings.hpp"

namespace understudy::test {

/// Sends what the real client sent to 127.0.0.1:`port`, read by read, and compares what comes back
/// with what the real server answered, or, for a case of the table of differences, with what ours
/// answers on purpose. Codes, member order and parsed values must be equal, and the connection
/// must be open or closed afterwards as recorded. A sentence for each difference; none is good.
[[nodiscard]] std::vector<std::string> replay(const recording& recorded, std::uint16_t port);

}  // namespace understudy::test
