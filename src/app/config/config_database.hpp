// The sections [database.NAME], [coordination] and [node] of the configuration.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app/config/config.hpp"
#include "app/config/config_reader.hpp"

namespace understudy::app {

void read_databases(toml_reader& section, gateway_config& config,
                    std::vector<config_problem>& problems);
void read_coordination(toml_reader& section, gateway_config& config);
void read_node(toml_reader& section, gateway_config& config);

/// What single keys cannot tell: numbers and addresses used twice, nothing to agree by.
void check_databases(const gateway_config& config, std::vector<config_problem>& problems);

/// Paths in a file are from where the file is.
void place_database_files(gateway_config& config, const std::filesystem::path& folder);

/// `database.nodes`, ..., `coordination.etcd`, ..., `node.folder`, ...
void append_database_keys(std::vector<std::string>& keys);

}  // namespace understudy::app
