// A database cluster that the gateway supervises, and how its supervisors agree.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "core/cluster/topology.hpp"

namespace understudy::app {

struct database_node_config {
  core::node_id id{};
  std::string address;  ///< HOST:PORT of its MariaDB
  std::string agent;    ///< HOST:PORT of its agent; empty: it has none
  std::string copies;   ///< HOST:PORT of an agent that gives copies of it alone; empty: none does
  core::promotion promote = core::promotion::neutral;
  friend bool operator==(const database_node_config&, const database_node_config&) = default;
};

/// Of connections with agents; empty: without TLS.
struct tls_config {
  std::string certificate;
  std::string key;
  std::string ca;
  friend bool operator==(const tls_config&, const tls_config&) = default;
};

struct database_config {
  std::string name;
  std::vector<database_node_config> nodes;
  std::string user = "understudy";  ///< as whom nodes are supervised
  /// The cluster's secret: `user`'s password, and what the replicas' and agents' are made of.
  std::string password_file;
  std::string write;  ///< the endpoint of the primary; empty: none
  std::string read;   ///< the endpoint of the replicas; empty: none
  /// Transactions that a replica may be behind, and still be read from or become a member.
  std::uint64_t lag_max = 1000;
  bool solo = true;  ///< a primary may serve alone
  std::chrono::milliseconds hold_down{60000};
  std::chrono::milliseconds silent_after{1000};
  std::size_t connections_max = 2000;  ///< of each endpoint
  tls_config tls;
  unsigned line = 0;
  friend bool operator==(const database_config&, const database_config&) = default;
};

struct coordination_config {
  std::vector<std::string> etcd;  ///< HOST:PORT of each member; empty: one supervisor, and a folder
  std::string cluster;            ///< in etcd's keys; empty: the database's name
  std::string folder;             ///< where one supervisor keeps what it has decided
  friend bool operator==(const coordination_config&, const coordination_config&) = default;
};

/// What an agent of one node needs beside its database's section.
struct node_config {
  std::string folder;          ///< data, settings, socket, log of its server
  std::string user = "mysql";  ///< whom the server runs as, where we are root
  std::string program = "/usr/sbin/mariadbd";
  std::string tools = "/usr/bin";     ///< where MariaDB's other programs are
  std::string bind;                   ///< what the server listens on; empty: its address' host
  std::string copy_listen;            ///< where copies are given; empty: the agent's host, any port
  std::vector<std::string> settings;  ///< lines for the server's my.cnf, such as sizes
  /// Of a server that somebody else runs, and that is copied only.
  std::string socket;
  friend bool operator==(const node_config&, const node_config&) = default;
};

}  // namespace understudy::app
