// The sections [calls] and [[rule]] of the configuration.
#pragma once

#include <vector>

#include "app/config/config.hpp"
#include "app/config/config_reader.hpp"

namespace understudy::app {

void read_calls(toml_reader& section, gateway_config& config);
void read_rules(toml_reader& section, gateway_config& config);

/// What single keys cannot tell: a rule for stored calls where there is no store.
void check_calls(const gateway_config& config, std::vector<config_problem>& problems);

/// `calls.store`, ..., `rule.match`, ...
void append_calls_keys(std::vector<std::string>& keys);

}  // namespace understudy::app
