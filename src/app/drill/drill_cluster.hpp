// The stage of a drill of a database: etcd, agents with their MariaDB servers, and gateways, as
// real processes.
#pragma once

#include <sys/types.h>

#include <array>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/drill/drill_ground.hpp"
#include "app/drill/drill_server_process.hpp"
#include "app/drill/process.hpp"
#include "db/members.hpp"

namespace understudy::app {

/// What a gateway says of the cluster.
struct seen_cluster {
  std::string phase;  ///< empty: the gateway was not reached
  std::uint64_t epoch = 0;
  unsigned primary = 0;
  std::set<unsigned> members;
  std::set<unsigned> up;  ///< nodes that answer
  bool acts = false;      ///< this gateway decides
};

struct drill_cluster_options {
  unsigned nodes = 3;
  unsigned gateways = 1;
  /// Gateway 0 has a pool of one order server, which uses the cluster, and a call store.
  bool orders = false;
  std::string orders_program;
};

/// Owned by the main thread. Everything it starts is stopped with it, and with this process:
/// servers too, though they outlive their agents. Nodes have the numbers from 1 on, gateways from
/// 0. Functions that start or wait throw std::runtime_error with a sentence where that fails, and
/// drill_interrupted.
class drill_cluster {
 public:
  /// Starts everything but servers, which bootstrap() has made. drill_unavailable where a program
  /// is missing.
  drill_cluster(const drill_folder& folder, const drill_cluster_options& options);
  drill_cluster(const drill_cluster&) = delete;
  drill_cluster& operator=(const drill_cluster&) = delete;

  /// Makes the cluster, waits until all nodes are members, and makes the application's account,
  /// its database `app` and the table app.t (id BIGINT PRIMARY KEY).
  void bootstrap();
  /// The server of orders, and the gateway in front of it, which is started anew.
  void start_orders();

  void start_etcd();
  void kill_etcd();
  void start_gateway(unsigned which = 0);
  process& gateway(unsigned which = 0) { return *gateways_.at(which); }
  void kill_gateway(unsigned which = 0);
  void start_agent(unsigned node);
  process& agent(unsigned node) { return *agents_.at(node - 1); }
  void kill_agent(unsigned node);

  /// The process of a node's server; 0: none runs.
  [[nodiscard]] pid_t server(unsigned node) const;
  /// SIGKILL. Does not wait.
  void kill_server(unsigned node) const;
  /// SIGSTOP, and waits until all its threads stand still; its agent goes on.
  void freeze_server(unsigned node) const;
  void thaw_server(unsigned node) const;

  [[nodiscard]] seen_cluster look(unsigned gateway = 0) const;
  /// All nodes answer, and all but the primary are members.
  [[nodiscard]] bool is_whole(unsigned gateway = 0) const;
  /// An order of an operator, as `understudy db` gives it. The answer's status.
  int order(const std::string& name, const std::string& body, unsigned gateway = 0) const;
  /// Connections of applications that gateway 0 has cut in the midst of a statement.
  [[nodiscard]] std::uint64_t cut() const;
  /// Unix time of the first event, since `since_ms`, that the cluster's supervisor wrote.
  [[nodiscard]] std::optional<std::int64_t> first_event_ms(std::int64_t since_ms) const;

  [[nodiscard]] unsigned nodes() const { return options_.nodes; }
  [[nodiscard]] const db::members& members() const { return members_; }
  [[nodiscard]] db::endpoint at(unsigned node) const;
  /// Where gateway `which` leads applications to the primary.
  [[nodiscard]] db::endpoint write(unsigned which = 0) const;
  /// Where gateway 0 takes calls, with `orders`.
  [[nodiscard]] const std::string& calls_address() const { return calls_address_.text(); }
  [[nodiscard]] std::string get(const std::string& path, unsigned gateway = 0) const;
  /// All that a gateway says of the cluster, for people.
  [[nodiscard]] std::string say(unsigned gateway = 0) const;
  [[nodiscard]] static db::login application();
  /// Its server's folder.
  [[nodiscard]] std::string folder_of(unsigned node) const;

 private:
  struct node_addresses {
    reserved_address sql;
    reserved_address agent;
  };
  struct gateway_addresses {
    reserved_address http;
    reserved_address write;
  };
  [[nodiscard]] std::string common_config() const;
  [[nodiscard]] std::string write_file(const std::string& name, const std::string& text) const;
  void make_application();

  const drill_folder& folder_;
  drill_cluster_options options_;
  std::string secret_;
  std::array<reserved_address, 2> etcd_addresses_;  ///< of clients and of peers
  std::vector<node_addresses> node_addresses_;
  std::vector<gateway_addresses> gateway_addresses_;
  reserved_address calls_address_;
  reserved_address orders_address_;
  db::members members_;
  std::optional<server_guard> servers_;  ///< the last to go, after agents and gateways
  std::optional<process> etcd_;
  std::vector<std::optional<process>> agents_;
  std::vector<std::optional<process>> gateways_;
  std::optional<process> orders_;
};

}  // namespace understudy::app
