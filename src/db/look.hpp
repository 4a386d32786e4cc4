// What a session sees of its node.
#pragma once

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

/// What an agent gives a server that it starts as `--report-user`, which serves nothing else and
/// can be read: the role, and `number`, another for each start.
[[nodiscard]] std::string start_mark(core::start_role role, std::uint64_t number);
[[nodiscard]] core::start_role role_in(std::string_view mark);

}  // namespace understudy::db
