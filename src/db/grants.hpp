// Privileges of accounts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/types.hpp"
#include "db/session.hpp"

namespace understudy::db {

/// On everything, as GRANT names them: what the supervisor's account needs.
[[nodiscard]] const std::vector<std::string_view>& grants_to_supervise();
/// Those of them that verify() needs.
[[nodiscard]] const std::vector<std::string_view>& grants_to_verify();

/// Those of `needed` that the session's own account has not.
[[nodiscard]] fault missing_grants(session& on, const std::vector<std::string_view>& needed,
                                   core::time_point deadline, std::vector<std::string>& into);
/// The same of another account, `user`@'%'; asked by who may see all accounts.
[[nodiscard]] fault missing_grants_of(session& on, std::string_view user,
                                      const std::vector<std::string_view>& needed,
                                      core::time_point deadline, std::vector<std::string>& into);

/// SQL that gives them to `user`@'%', on this server alone.
[[nodiscard]] std::string grant_statement(const std::vector<std::string>& missing,
                                          std::string_view user);

}  // namespace understudy::db
