// `understudy node`: the agent of one database node, in the foreground until it is told to end.
#pragma once

#include <optional>
#include <string>

#include "agent/node_agent.hpp"
#include "app/config/config.hpp"
#include "app/database/cluster_secret.hpp"

namespace understudy::app {

struct node_command {
  std::string config;
  std::string database;  ///< empty: the only one
  unsigned id = 0;
};

/// The section of this name, or the only one. std::runtime_error with a sentence: there is none.
[[nodiscard]] const database_config& database_of(const gateway_config& config,
                                                 const std::string& name);

/// What the agent of a node is to be told. std::runtime_error with a sentence where something that
/// it needs is not configured, or its secret can not be read.
[[nodiscard]] agent::node_options node_options_of(const gateway_config& config,
                                                  const node_command& command);

/// The options of an agent that goes on with another secret, and hears who has that of before.
/// Where nothing has changed, and nobody else is heard: nothing.
[[nodiscard]] std::optional<agent::node_options> with_secret(const agent::node_options& of,
                                                             const cluster_secret& next);

/// Prints `agent HOST:PORT` and `copies HOST:PORT` with the real ports once it serves. SIGHUP reads
/// its certificates again, and the cluster's secret: with another one the agent begins anew in this
/// process, which interrupts a step under way, and hears both the new one and the one of before
/// until the next SIGHUP. SIGTERM and SIGINT end it: the node's server runs on.
int run_node(const node_command& command);

}  // namespace understudy::app
