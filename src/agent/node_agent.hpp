// The agent of one node: `understudy node`.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/cluster/gtid.hpp"
#include "db/local_node.hpp"
#include "understudy/tls.hpp"

namespace understudy::agent {

struct node_options {
  core::node_id id{};
  std::string listen;  ///< HOST:PORT; port 0: any
  /// Where copies are had, HOST:PORT; empty: any port, at the host of `listen`.
  std::string listen_copies;
  db::agent_options work;  ///< but for the donors
  /// The server is somebody else's: it is only copied. Of `work` the folder counts alone then.
  std::shared_ptr<db::copy_source> only_copies;
  std::string secret;  ///< the same for all agents and supervisors of a cluster
  /// Who calls with it is heard as well, while a cluster gets another secret; empty: nobody is.
  std::string secret_before{};
  std::optional<tls_options> tls;               ///< for callers and for donors
  std::map<core::node_id, std::string> agents;  ///< of all nodes, HOST:PORT
  /// For people, a sentence a line; any thread. Or nothing.
  std::function<void(const std::string&)> log;
};

/// Of a server that is somebody else's it only gives copies to other agents, and is not to be asked
/// anything else: it never starts, kills, repairs or replaces that server.
///
/// Serves what a supervisor's remote_agent asks. It starts no server by itself: a supervisor says
/// so. When it ends, the server of its node runs on, and the next agent finds it. One thread at a
/// time; several agents in a process are no problem.
class node_agent {
 public:
  explicit node_agent(node_options options);
  /// stop().
  ~node_agent();
  node_agent(const node_agent&) = delete;
  node_agent& operator=(const node_agent&) = delete;

  /// Serves on threads of its own, and returns. std::runtime_error with a sentence where it can
  /// not: also where another agent has this folder. Call once.
  void start();
  /// What runs is interrupted, as by the end of this process. Also after a start that failed.
  void stop();
  /// Reads its certificates anew, for connections that come from now on; std::runtime_error with a
  /// sentence where they are of no use: then all is as before.
  void reload_tls();

  [[nodiscard]] std::string address() const;  ///< with the real port
  [[nodiscard]] std::string address_of_copies() const;
  /// Its notes can not be read: it does nothing. Empty: they can.
  [[nodiscard]] std::string damaged() const;

 private:
  struct running;
  node_options options_;
  std::unique_ptr<running> running_;
};

}  // namespace understudy::agent
