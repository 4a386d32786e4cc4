// How the configuration says which server of a priority is next, and when a primary is back.
#pragma once

#include "app/config/config.hpp"
#include "app/config/config_reader.hpp"

namespace understudy::app {

/// "least_request", or {policy = "consistent_hash", key = "/params/0"}.
void read_balance(toml_reader& value, pool_config& pool);
void read_failback(toml_reader& value, pool_config& pool);

}  // namespace understudy::app
