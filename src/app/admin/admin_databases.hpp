// /databases: what is known of database clusters, and what an operator asks of them.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string_view>

#include "app/common/event_log.hpp"
#include "app/database/databases.hpp"
#include "net/http.hpp"

namespace understudy::app {

inline constexpr std::string_view databases_path = "/databases";

/// The methods that a path takes, as the Allow header lists them; none for a path that is none.
[[nodiscard]] std::string_view database_methods(std::string_view path);

/// GET /databases (an array), GET /databases/NAME: see database_json.hpp.
///
/// POST /databases/NAME/ORDER with a JSON object (which may be left out where nothing is needed):
/// bootstrap {"primary"?}, adopt {"primary"}, switchover {"to"?}, takeover {}, maintenance {"on"},
/// rejoin {"node"}, clone {"node","donor"?}, add-node {"node"} (which is configured), remove-node
/// {"node"}:
/// 202 with {"asked":true,"after":<event>}: it will be carried out as soon as it can be; events
/// after that number tell how it went. 409 where it is refused, with why; 404 for unknown names,
/// 400 for what can not be read. An adoption is refused with what was found, see
/// database_reports.hpp.
///
/// POST /databases/NAME/verify, and rotate-password with {"file":"/PATH"} or {"finish":true}, begin
/// a long work, and /databases/NAME/job tells of it: see admin_database_jobs.hpp.
[[nodiscard]] boost::asio::awaitable<net::http_response> serve_databases(
    std::shared_ptr<databases> all, event_log& events, const net::http_request& request);

}  // namespace understudy::app
