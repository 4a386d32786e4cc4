// What a session sees of its node.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/cluster/sight.hpp"
#include "db/members.hpp"
#include "db/reply.hpp"

namespace understudy::db {

/// What is asked, in one message. A server that no supervisor has told anything yet fails the last
/// statement (no such table), which is an answer.
[[nodiscard]] std::string look_question();

struct look_result {
  std::optional<core::sight> seen;
  fault failed;  ///< where nothing was seen; `answered` also where an answer makes no sense
};

/// Pure: what the answer to look_question() says.
///
/// `start` is made of three things that hold for one start of a server: the second in which it
/// began, the random half of the UUIDs it makes (drawn once, when it starts), and what its agent
/// named it with (start_mark). So it differs after each start also where there is no agent, and
/// does not follow a clock that is set. `role` is what the agent named it with: the option itself
/// can not be read. `beats` differs whenever something came since; that is all it says.
[[nodiscard]] look_result read_look(const reply& answer, const members& all);

[[nodiscard]] look_result look(session& on, const members& all, core::time_point deadline);

/// What an agent names a server's start with: it is given as `--report-user`, which serves nothing
/// else and can be read. `number` is another for each start, `boot` another for each of the host's.
struct start_mark {
  core::start_role role = core::start_role::unknown;
  std::uint64_t number = 0;
  std::uint64_t boot = 0;
  friend bool operator==(const start_mark&, const start_mark&) = default;
};
[[nodiscard]] std::string to_string(const start_mark& mark);
/// Unknown and 0 where it is none.
[[nodiscard]] start_mark parse_start_mark(std::string_view text);

}  // namespace understudy::db
