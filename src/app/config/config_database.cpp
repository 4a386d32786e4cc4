#include "app/config/config_database.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "net/address.hpp"

namespace understudy::app {

namespace {

using namespace std::chrono_literals;
using reader = toml_reader;

void read_text(reader& value, std::string_view needed, std::string& into) {
  if (const auto* text = value.as<std::string>(needed)) into = *text;
}

void read_file_name(reader& value, std::string& into) {
  read_text(value, "a file's name in quotes", into);
}

// Of a node or an agent: they are called there.
void read_place(reader& value, std::string& into) {
  read_text(value, "HOST:PORT in quotes", into);
  if (!into.empty() && !net::split_address(into)) {
    value.problem(fmt::format("\"{}\" is no address: write HOST:PORT", into));
  }
}

void read_promotion(reader& value, core::promotion& into) {
  const auto* text = value.as<std::string>("\"prefer\", \"neutral\" or \"never\"");
  if (text == nullptr) return;
  if (*text == "prefer") {
    into = core::promotion::prefer;
  } else if (*text == "neutral") {
    into = core::promotion::neutral;
  } else if (*text == "never") {
    into = core::promotion::never;
  } else {
    value.problem(
        fmt::format("\"{}\" is not known: write \"prefer\", \"neutral\" or \"never\"", *text));
  }
}

constexpr std::array<reader::key<database_node_config>, 5> database_node_keys{{
    {"id", [](reader& value,
              database_node_config& node) { value.integer(node.id, 1, core::node_number_max); }},
    {"address", [](reader& value, database_node_config& node) { read_place(value, node.address); }},
    {"agent", [](reader& value, database_node_config& node) { read_place(value, node.agent); }},
    {"copies", [](reader& value, database_node_config& node) { read_place(value, node.copies); }},
    {"promote",
     [](reader& value, database_node_config& node) { read_promotion(value, node.promote); }},
}};

// Those without a number are counted.
void read_database_node(reader& value, database_config& database) {
  database_node_config node;
  node.id = core::node_id{static_cast<std::uint16_t>(database.nodes.size() + 1)};
  if (std::holds_alternative<std::string>(value.node().value)) {
    read_place(value, node.address);
  } else if (const auto* table = value.as<toml_table>("\"HOST:PORT\" or {address = \"...\"}")) {
    value.table<database_node_config>(*table, database_node_keys, {}, node);
    if (node.address.empty()) value.problem("address is needed: {address = \"HOST:PORT\"}");
  }
  database.nodes.push_back(std::move(node));
}

constexpr std::array<reader::key<tls_config>, 3> tls_keys{{
    {"certificate", [](reader& value, tls_config& tls) { read_file_name(value, tls.certificate); }},
    {"key", [](reader& value, tls_config& tls) { read_file_name(value, tls.key); }},
    {"ca", [](reader& value, tls_config& tls) { read_file_name(value, tls.ca); }},
}};

void read_tls(reader& value, tls_config& tls) {
  const auto* table = value.as<toml_table>("a table {certificate, key, ca}");
  if (table == nullptr) return;
  value.table<tls_config>(*table, tls_keys, {}, tls);
  if (tls.certificate.empty() || tls.key.empty() || tls.ca.empty()) {
    value.problem(
        "certificate, key and ca are all needed: supervisors and agents prove who they "
        "are to each other");
  }
}

void read_solo(reader& value, bool& into) {
  const auto* text = value.as<std::string>("\"auto\" or \"forbid\"");
  if (text == nullptr) return;
  if (*text != "auto" && *text != "forbid") {
    return value.problem(fmt::format("\"{}\" is not known: write \"auto\" or \"forbid\"", *text));
  }
  into = *text == "auto";
}

constexpr std::array<reader::key<database_config>, 11> database_keys{{
    {"nodes",
     [](reader& value, database_config& database) {
       value.array("an array of nodes", [&](reader& each) { read_database_node(each, database); });
     }},
    {"user",
     [](reader& value, database_config& database) {
       read_text(value, "a user's name in quotes", database.user);
     }},
    {"password_file",
     [](reader& value, database_config& database) {
       read_file_name(value, database.password_file);
     }},
    {"write",
     [](reader& value, database_config& database) { value.listen_address(database.write); }},
    {"read", [](reader& value, database_config& database) { value.listen_address(database.read); }},
    {"lag_max",
     [](reader& value, database_config& database) {
       value.integer(database.lag_max, 0, 1'000'000'000);
     }},
    {"solo", [](reader& value, database_config& database) { read_solo(value, database.solo); }},
    {"hold_down", [](reader& value,
                     database_config& database) { value.duration(database.hold_down, 0ms, 24h); }},
    {"silent_after",
     [](reader& value, database_config& database) {
       value.duration(database.silent_after, 800ms, 10min);
     }},
    {"connections_max",
     [](reader& value, database_config& database) {
       value.integer(database.connections_max, 1, 1'000'000);
     }},
    {"tls", [](reader& value, database_config& database) { read_tls(value, database.tls); }},
}};

constexpr std::array<reader::key<coordination_config>, 3> coordination_keys{{
    {"etcd",
     [](reader& value, coordination_config& coordination) {
       value.array("an array of addresses",
                   [&](reader& each) { read_place(each, coordination.etcd.emplace_back()); });
     }},
    {"cluster",
     [](reader& value, coordination_config& coordination) {
       read_text(value, "a name in quotes", coordination.cluster);
       if (coordination.cluster.find('/') != std::string::npos) {
         value.problem("a cluster's name has no \"/\"");
       }
     }},
    {"folder",
     [](reader& value, coordination_config& coordination) {
       read_text(value, "a folder's name in quotes", coordination.folder);
     }},
}};

constexpr std::array<reader::key<node_config>, 8> node_keys{{
    {"folder",
     [](reader& value, node_config& node) {
       read_text(value, "a folder's name in quotes", node.folder);
     }},
    {"user",
     [](reader& value, node_config& node) { read_text(value, "a user in quotes", node.user); }},
    {"program", [](reader& value, node_config& node) { read_file_name(value, node.program); }},
    {"tools", [](reader& value,
                 node_config& node) { read_text(value, "a folder's name in quotes", node.tools); }},
    {"bind",
     [](reader& value, node_config& node) { read_text(value, "an address in quotes", node.bind); }},
    {"copy_listen",
     [](reader& value, node_config& node) { value.listen_address(node.copy_listen); }},
    {"settings",
     [](reader& value, node_config& node) {
       value.array("an array of settings, such as [\"max_connections=500\"],", [&](reader& each) {
         read_text(each, "a line in quotes", node.settings.emplace_back());
         if (node.settings.back().find('\n') != std::string::npos) {
           each.problem("a setting is one line");
         }
       });
     }},
    {"socket", [](reader& value, node_config& node) { read_file_name(value, node.socket); }},
}};

void check_nodes(const database_config& database, std::set<std::string>& places,
                 std::vector<config_problem>& problems) {
  const auto wrong = [&](const std::string& what) {
    problems.push_back({database.line, fmt::format("database.{}: {}", database.name, what)});
  };
  std::set<core::node_id> ids;
  for (const database_node_config& node : database.nodes) {
    if (!ids.insert(node.id).second) {
      wrong(fmt::format("two nodes have the id {}", core::number_of(node.id)));
    }
    if (!node.agent.empty() && !node.copies.empty()) {
      wrong(fmt::format(
          "node {} has an agent, which gives copies as well: leave copies out where its "
          "server is the agent's, and agent where somebody else runs it",
          core::number_of(node.id)));
    }
    for (const std::string& place : {node.address, node.agent, node.copies}) {
      if (!place.empty() && !places.insert(place).second) wrong(place + " is listed twice");
    }
  }
  if (database.nodes.empty()) wrong("nodes is needed: nodes = [\"HOST:PORT\", ...]");
  if (database.password_file.empty()) {
    wrong(
        "password_file is needed: a file with the cluster's secret, 16 characters at least, "
        "that nobody else can read");
  }
  if (database.user.empty() || database.user.starts_with("repl_")) {
    wrong("user may not be empty, and not begin with repl_: those are the replicas'");
  }
}

}  // namespace

void read_databases(reader& section, gateway_config& config,
                    std::vector<config_problem>& problems) {
  const auto* databases = section.as<toml_table>("a section [database.NAME]");
  if (databases == nullptr) return;
  for (const toml_member& member : *databases) {
    reader one(member.value, "database." + member.key, problems);
    const auto* table = std::get_if<toml_table>(&member.value.value);
    if (table == nullptr) {
      one.problem("a database needs a name: write the section [database.NAME]");
      continue;
    }
    database_config database;
    database.name = member.key;
    database.line = member.value.line;
    if (!name_valid(member.key)) {
      one.problem("a database's name has letters, digits, \"-\" and \"_\" only, 64 at most");
    }
    one.table<database_config>(*table, database_keys, {}, database);
    config.databases.push_back(std::move(database));
  }
}

void read_coordination(reader& section, gateway_config& config) {
  if (const auto* table = section.as<toml_table>("a section [coordination]")) {
    section.table<coordination_config>(*table, coordination_keys, {}, config.coordination);
  }
}

void read_node(reader& section, gateway_config& config) {
  if (const auto* table = section.as<toml_table>("a section [node]")) {
    section.table<node_config>(*table, node_keys, {}, config.node);
  }
}

void check_databases(const gateway_config& config, std::vector<config_problem>& problems) {
  std::set<std::string> places;
  for (const database_config& each : config.databases) check_nodes(each, places, problems);
  const coordination_config& how = config.coordination;
  if (!how.etcd.empty() && !how.folder.empty()) {
    problems.push_back({0, "coordination: give etcd or folder, not both"});
  }
  if (how.etcd.empty() && how.folder.empty() && !config.databases.empty()) {
    problems.push_back(
        {0,
         "a database needs a section [coordination]: etcd = [\"HOST:PORT\", ...], or, for one "
         "gateway alone, folder = \"...\" (not on the host of a primary)"});
  }
  if (!how.cluster.empty() && config.databases.size() > 1) {
    problems.push_back({0,
                        "coordination.cluster: leave it out where there are several "
                        "databases: each has its keys under its own name"});
  }
}

void place_database_files(gateway_config& config, const std::filesystem::path& folder) {
  const auto place = [&](std::string& path) {
    if (!path.empty()) path = (folder / path).string();
  };
  for (database_config& each : config.databases) {
    place(each.password_file);
    place(each.tls.certificate);
    place(each.tls.key);
    place(each.tls.ca);
  }
  place(config.coordination.folder);
  place(config.node.folder);
}

void append_database_keys(std::vector<std::string>& keys) {
  for (const auto& key : database_keys) keys.push_back(fmt::format("database.{}", key.name));
  for (const auto& key : database_node_keys) {
    keys.push_back(fmt::format("database.nodes.{}", key.name));
  }
  for (const auto& key : coordination_keys) {
    keys.push_back(fmt::format("coordination.{}", key.name));
  }
  for (const auto& key : node_keys) keys.push_back(fmt::format("node.{}", key.name));
}

}  // namespace understudy::app
