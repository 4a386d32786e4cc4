#include "app/drill/drill_cluster.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>

#include "app/commands/cli_admin.hpp"
#include "app/database/cluster_parts.hpp"
#include "db/session.hpp"
#include "db/settings.hpp"
#include "net/http.hpp"

namespace understudy::app {

namespace fs = std::filesystem;

namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr milliseconds start_timeout{60000};
constexpr milliseconds fetch_timeout{5000};
// Three data folders are made at once, on a machine that may have more to do.
constexpr milliseconds bootstrap_timeout{240000};

std::string find_program(const std::string& name, const std::string& package) {
  for (const char* folder : {"/usr/sbin/", "/usr/bin/", "/usr/local/bin/"}) {
    if (::access((folder + name).c_str(), X_OK) == 0) return folder + name;
  }
  throw drill_unavailable(fmt::format("the program {} is not here (Debian: {})", name, package));
}

std::string random_secret() {
  std::random_device source;
  std::string out;
  for (int i = 0; i < 6; ++i) out += fmt::format("{:08x}", source());
  return out;
}

/// Who may log in over a new server's socket: mariadb-install-db makes an account for who ran it.
std::string first_account() {
  const char* const user = ::getenv("USER");
  return ::geteuid() == 0 || user == nullptr ? "root" : user;
}

core::node_id id_of(unsigned node) {
  return core::node_id{static_cast<std::uint16_t>(node)};
}

std::set<unsigned> nodes_that(const boost::json::value& seen, auto are) {
  std::set<unsigned> out;
  for (const auto& each : array_of(seen, "nodes")) {
    if (are(each)) out.insert(static_cast<unsigned>(number_of(each, "id")));
  }
  return out;
}

}  // namespace

drill_cluster::drill_cluster(const drill_folder& folder, const drill_cluster_options& options)
    : folder_(folder),
      options_(options),
      secret_(random_secret()),
      node_addresses_(options.nodes),
      gateway_addresses_(options.gateways),
      agents_(options.nodes),
      gateways_(options.gateways) {
  (void)find_program("mariadbd", "mariadb-server-core");
  (void)find_program("mariadb-install-db", "mariadb-server-core");
  (void)find_program("mariadb-binlog", "mariadb-client");
  (void)find_program("mariadb-backup", "mariadb-backup");
  const std::string secret_file = write_file("secret", secret_ + "\n");
  fs::permissions(secret_file, fs::perms::owner_read | fs::perms::owner_write);
  const cluster_secret made = make_cluster_secret(secret_);
  members_.supervisor = {"understudy", made.supervisor};
  members_.replication_password = made.replication;
  for (unsigned node = 1; node <= options.nodes; ++node) {
    members_.nodes.push_back({id_of(node), endpoint_of(node_addresses_[node - 1].sql.text())});
    fs::create_directory(folder_of(node));
  }
  std::vector<std::string> folders;
  for (unsigned node = 1; node <= options.nodes; ++node) folders.push_back(folder_of(node));
  servers_.emplace(folders);
  start_etcd();
  for (unsigned node = 1; node <= options.nodes; ++node) start_agent(node);
  for (unsigned which = 0; which < options.gateways; ++which) start_gateway(which);
}

std::string drill_cluster::folder_of(unsigned node) const {
  return folder_.file("n" + std::to_string(node));
}

std::string drill_cluster::write_file(const std::string& name, const std::string& text) const {
  const std::string path = folder_.file(name);
  std::ofstream file(path);
  file << text;
  if (!file.flush()) throw std::runtime_error("Cannot write " + path + ".");
  return path;
}

std::string drill_cluster::common_config() const {
  std::string nodes;
  for (const node_addresses& each : node_addresses_) {
    nodes += fmt::format("  {{address = \"{}\", agent = \"{}\"}},\n", each.sql.text(),
                         each.agent.text());
  }
  return fmt::format(
      "[coordination]\netcd = [\"{}\"]\n\n"
      "[database.main]\nnodes = [\n{}]\npassword_file = \"secret\"\n",
      etcd_addresses_[0].text(), nodes);
}

void drill_cluster::start_etcd() {
  const std::string clients = "http://" + etcd_addresses_[0].text();
  const std::string peers = "http://" + etcd_addresses_[1].text();
  etcd_.reset();
  etcd_.emplace(
      std::vector<std::string>{find_program("etcd", "etcd-server"), "--name", "m0", "--data-dir",
                               folder_.file("etcd"), "--listen-client-urls", clients,
                               "--advertise-client-urls", clients, "--listen-peer-urls", peers,
                               "--initial-advertise-peer-urls", peers, "--initial-cluster",
                               "m0=" + peers, "--logger", "zap", "--log-level", "warn"},
      folder_.file("etcd.log"));
  const auto healthy = [&] {
    try {
      net::http_request request;
      request.method = "GET";
      request.path = "/health";
      const auto answer = net::http_fetch(etcd_addresses_[0].text(), request, 2s);
      return answer.body.find("\"true\"") != std::string::npos;
    } catch (const std::runtime_error&) {
      return false;
    }
  };
  drill_wait_until(healthy, "etcd to serve");
}

void drill_cluster::kill_etcd() {
  etcd_->signal(SIGKILL);
  (void)etcd_->wait(start_timeout);
}

void drill_cluster::start_agent(unsigned node) {
  // Small: three of them on one machine, beside their load.
  const std::string config = write_file(
      fmt::format("node{}.toml", node),
      fmt::format("{}\n[node]\nfolder = \"{}\"\nuser = \"root\"\nsettings = [\n"
                  "  \"innodb_buffer_pool_size=64M\", \"innodb_log_file_size=16M\",\n"
                  "  \"innodb_buffer_pool_dump_at_shutdown=OFF\", \"key_buffer_size=1M\",\n"
                  "  \"aria_pagecache_buffer_size=1M\"]\n",
                  common_config(), folder_of(node)));
  auto& agent = agents_.at(node - 1);
  agent.reset();
  agent.emplace(std::vector<std::string>{own_program(), "node", "--config", config, "--id",
                                         std::to_string(node)},
                folder_.file(fmt::format("agent{}.log", node)));
  (void)agent->wait_for_line("agent ", start_timeout);
}

void drill_cluster::kill_agent(unsigned node) {
  agent(node).signal(SIGKILL);
  (void)agent(node).wait(start_timeout);
}

void drill_cluster::start_gateway(unsigned which) {
  const gateway_addresses& at = gateway_addresses_.at(which);
  const bool calls = options_.orders && which == 0;
  std::string text = fmt::format("[gateway]\nlisten = \"{}\"\nhttp = \"{}\"\n\n{}write = \"{}\"\n",
                                 calls ? calls_address_.text() : "", at.http.text(),
                                 common_config(), at.write.text());
  if (calls) {
    text += fmt::format(
        "\n[pool.default]\nservers = [\"{}\"]\n\n[calls]\nstore = \"sqlite:calls.db\"\n\n"
        "[[rule]]\nmatch = \"OrderInterface@place\"\nonce = true\n",
        orders_address_.text());
  }
  auto& gateway = gateways_.at(which);
  gateway.reset();
  gateway.emplace(std::vector<std::string>{own_program(), "gateway", "--config",
                                           write_file(fmt::format("gateway{}.toml", which), text)},
                  folder_.file(fmt::format("gateway{}.log", which)));
  (void)gateway->wait_for_line("http ", start_timeout);
}

void drill_cluster::kill_gateway(unsigned which) {
  gateway(which).signal(SIGKILL);
  (void)gateway(which).wait(start_timeout);
}

void drill_cluster::bootstrap() {
  // It is refused until the coordinator was reached.
  const auto asked = [&] { return order("bootstrap", "{\"primary\":1}") == 202; };
  drill_wait_until(asked, "the gateway to take the order to bootstrap");
  if (!drill_wait([&] { return is_whole(); }, bootstrap_timeout)) {
    throw std::runtime_error("The cluster was not made in " +
                             std::to_string(bootstrap_timeout / 1s) +
                             " s; the gateway says: " + say());
  }
  make_application();
}

// As the documentation says: root, over the socket of the first primary.
void drill_cluster::make_application() {
  db::session root;
  const auto until = std::chrono::steady_clock::now() + 20s;
  const std::string socket = db::socket_file(folder_of(1)).string();
  if (const auto failed = root.connect({socket, 0}, {first_account(), ""}, until)) {
    throw std::runtime_error(first_account() + " can not log in at " + socket + ": " + failed.text);
  }
  const auto who = application();
  const auto made =
      root.run(fmt::format("CREATE USER {0}@'127.0.0.1' IDENTIFIED BY '{1}'; "
                           "GRANT ALL ON app.* TO {0}@'127.0.0.1'; CREATE DATABASE app; "
                           "CREATE TABLE app.t (id BIGINT PRIMARY KEY)",
                           who.user, who.password),
               until);
  if (!made.ok()) throw std::runtime_error("No account could be made: " + made.failed.text);
}

void drill_cluster::start_orders() {
  const std::string password = write_file("app-password", application().password + "\n");
  fs::permissions(password, fs::perms::owner_read | fs::perms::owner_write);
  orders_.emplace(
      std::vector<std::string>{
          options_.orders_program, "--listen", orders_address_.text(), "--database",
          "mysql://" + application().user + "@" + gateway_addresses_[0].write.text() + "/app",
          "--password-file", password, "--name", "orders"},
      folder_.file("orders.log"));
  (void)orders_->wait_for_line("listening ", start_timeout);
  const auto up = [&] { return get("/status.json").find("\"state\":\"up\"") != std::string::npos; };
  drill_wait_until(up, "the server of orders to be up");
}

pid_t drill_cluster::server(unsigned node) const {
  return find_server(folder_of(node));
}

void drill_cluster::kill_server(unsigned node) const {
  if (const pid_t id = server(node); id != 0) ::kill(id, SIGKILL);
}

void drill_cluster::freeze_server(unsigned node) const {
  const pid_t id = server(node);
  if (id == 0) throw std::runtime_error(fmt::format("Node {} has no server to freeze.", node));
  ::kill(id, SIGSTOP);
  drill_wait_until([&] { return stands_still(id); }, "the server to stand still");
}

void drill_cluster::thaw_server(unsigned node) const {
  if (const pid_t id = server(node); id != 0) ::kill(id, SIGCONT);
}

std::string drill_cluster::get(const std::string& path, unsigned gateway) const {
  net::http_request request;
  request.method = "GET";
  request.path = path;
  request.headers = {{"Accept", "application/json"}};
  return net::http_fetch(gateway_addresses_.at(gateway).http.text(), request, fetch_timeout).body;
}

std::string drill_cluster::say(unsigned gateway) const {
  try {
    return get("/databases/main", gateway);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

int drill_cluster::order(const std::string& name, const std::string& body, unsigned gateway) const {
  net::http_request request;
  request.method = "POST";
  request.path = "/databases/main/" + name;
  request.body = body;
  return net::http_fetch(gateway_addresses_.at(gateway).http.text(), request, fetch_timeout).status;
}

seen_cluster drill_cluster::look(unsigned gateway) const {
  seen_cluster out;
  boost::json::value seen;
  try {
    seen = boost::json::parse(get("/databases/main", gateway));
  } catch (const std::exception&) {
    return out;  // it is just starting, or frozen
  }
  out.phase = text_of(seen, "phase");
  out.epoch = static_cast<std::uint64_t>(number_of(seen, "epoch"));
  out.primary = static_cast<unsigned>(number_of(seen, "primary"));
  const auto is_true = [](const boost::json::value& of, std::string_view name) {
    const auto* const member = of.is_object() ? of.get_object().if_contains(name) : nullptr;
    return member != nullptr && member->is_bool() && member->get_bool();
  };
  out.acts = is_true(seen, "acts");
  out.members = nodes_that(seen, [&](const auto& node) { return is_true(node, "member"); });
  out.up = nodes_that(seen, [](const auto& node) { return text_of(node, "state") == "up"; });
  return out;
}

bool drill_cluster::is_whole(unsigned gateway) const {
  const seen_cluster now = look(gateway);
  return now.phase == "stable" && now.members.size() == options_.nodes - 1 &&
         now.up.size() == options_.nodes;
}

std::uint64_t drill_cluster::cut() const {
  double all = 0;
  const auto seen = boost::json::parse(get("/databases/main"));
  for (const auto& each : array_of(seen, "endpoints")) all += number_of(each, "cut");
  return static_cast<std::uint64_t>(all);
}

std::optional<std::int64_t> drill_cluster::first_event_ms(std::int64_t since_ms) const {
  std::optional<std::int64_t> first;
  for (unsigned which = 0; which < options_.gateways; ++which) {
    const auto events = boost::json::parse(get("/events", which));
    for (const auto& each : events.as_array()) {
      const auto time = static_cast<std::int64_t>(number_of(each, "time_ms"));
      if (time < since_ms || !text_of(each, "subject").starts_with("database main")) continue;
      first = std::min(first.value_or(time), time);
    }
  }
  return first;
}

db::endpoint drill_cluster::at(unsigned node) const {
  return members_.find(id_of(node))->at;
}

db::endpoint drill_cluster::write(unsigned which) const {
  return endpoint_of(gateway_addresses_.at(which).write.text());
}

db::login drill_cluster::application() {
  return {"app", "an application"};
}

}  // namespace understudy::app
