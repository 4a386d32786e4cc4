// What a database's section means, for supervisors and for agents alike.
#pragma once

#include <optional>

#include "app/config/database_config.hpp"
#include "app/database/cluster_secret.hpp"
#include "db/members.hpp"
#include "understudy/tls.hpp"

namespace understudy::app {

[[nodiscard]] db::endpoint endpoint_of(const std::string& address);
[[nodiscard]] db::members members_of(const database_config& config, const cluster_secret& secret);
/// Both sides show a certificate. Nothing: without TLS.
[[nodiscard]] std::optional<tls_options> tls_of(const database_config& config);

}  // namespace understudy::app
