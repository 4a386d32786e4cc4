// Long works about a database, as /databases tells of them.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "app/database/databases.hpp"
#include "net/http.hpp"

namespace understudy::app {

// 404 for an unknown database, 409 with a sentence where it is refused.

/// POST /databases/NAME/verify: 202 with {"asked":true}.
[[nodiscard]] boost::asio::awaitable<net::http_response> start_verify(
    std::shared_ptr<databases> all, std::string name);

/// POST /databases/NAME/rotate-password: 202. With a file, or with none the end of it; see
/// database_works.hpp.
[[nodiscard]] boost::asio::awaitable<net::http_response> start_rotation(
    std::shared_ptr<databases> all, std::string name, std::string file);

/// GET /databases/NAME/job: see database_job.hpp; 404 where none was begun. DELETE: stops it, 202.
[[nodiscard]] boost::asio::awaitable<net::http_response> serve_job(std::shared_ptr<databases> all,
                                                                   std::string name, bool stops);

/// Looks at the server of `node` as an adoption needs it, and waits for the end (some seconds).
/// 200: nothing stands against it, or there is a cluster already, which refuses by itself. 409 with
/// the report (database_reports.hpp) and an "error" beside it where something does.
[[nodiscard]] boost::asio::awaitable<net::http_response> check_adoption(
    std::shared_ptr<databases> all, std::string name, core::node_id node);

}  // namespace understudy::app
