#include "app/drill/drill_site.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <csignal>
#include <fstream>
#include <limits>
#include <stdexcept>

#include "app/commands/cli_admin.hpp"
#include "net/http.hpp"

namespace understudy::app {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds start_timeout{60000};  // a store with a backlog reads its keys
constexpr milliseconds stop_timeout{15000};
constexpr milliseconds fetch_timeout{15000};
constexpr milliseconds verify_timeout{300000};  // it counts everything
constexpr milliseconds look_interval{20};

drill_server_options server_options_of(const drill_folder& folder, const drill_site_options& site,
                                       const std::string& name, const std::string& listen) {
  drill_server_options options;
  options.program = site.orders_program;
  options.name = name;
  options.listen = listen;
  options.database =
      site.orders_disk ? site.orders_disk->file("orders.db") : folder.file("orders.db");
  options.own_databases = site.own_databases;
  options.processes = site.processes;
  options.workers = site.workers;
  options.trouble = site.trouble;
  return options;
}

drill_server_options primary_options(const drill_folder& folder, const drill_site_options& site,
                                     const reserved_address& reserved) {
  auto options = server_options_of(folder, site, "primary", reserved.text());
  if (site.network == nullptr) return options;
  options.listen = drill_network::primary_address();
  options.prefix = site.network->at_primary();
  return options;
}

bool speaks_against(std::string_view event) {
  return event == "server_suspect" || event == "server_down" || event == "method_away";
}

}  // namespace

drill_site::drill_site(const drill_folder& folder, const drill_site_options& options)
    : folder_(folder),
      options_(options),
      servers_{drill_server(folder, primary_options(folder, options, addresses_[primary])),
               drill_server(folder, server_options_of(folder, options, "backup",
                                                      addresses_[backup].text()))} {
  for (auto& one : servers_) one.start();
  start_gateway();
  for (const unsigned which : {primary, backup}) wait_for_state(which, "up");
}

std::vector<std::string> drill_site::databases() const {
  std::vector<std::string> files = servers_[primary].databases();
  for (auto& file : servers_[backup].databases()) {
    if (std::find(files.begin(), files.end(), file) == files.end()) files.push_back(file);
  }
  return files;
}

void drill_site::start_gateway() {
  gateway_.reset();
  gateway_.emplace(std::vector<std::string>{own_program(), "gateway", "--config", write_config()},
                   folder_.file("gateway.log"));
  frames_address_ = gateway_->wait_for_line("listening ", start_timeout);
  http_address_ = gateway_->wait_for_line("http ", start_timeout);
}

void drill_site::kill_gateway() {
  gateway_->signal(SIGKILL);
  (void)gateway_->wait(start_timeout);
}

void drill_site::stop_gateway() {
  gateway_->signal(SIGTERM);
  if (!gateway_->wait(stop_timeout)) throw std::runtime_error("The gateway does not end.");
}

bool drill_site::gateway_runs() {
  return !gateway_->wait(milliseconds{0});
}

void drill_site::wait_for_calls(std::size_t left) {
  double now = std::numeric_limits<double>::max();
  double before = now;
  const auto fewer = [&] {
    drill_pause(look_interval);
    now = 0;
    const auto counts = boost::json::parse(get("/calls/stats"));
    for (const auto& service : array_of(counts, "services")) {
      now += number_of(service, "waiting") + number_of(service, "running");
    }
    return now <= static_cast<double>(left) || now < before;
  };
  do {
    before = now;
    drill_wait_until(fewer, "the stored calls to end");
  } while (now > static_cast<double>(left));
}

std::vector<std::string> drill_site::verify_calls() {
  wait_for_calls(0);
  std::vector<std::string> problems;
  const auto found = boost::json::parse(fetch("GET", "/calls/verify", verify_timeout));
  for (const auto& problem : array_of(found, "problems")) {
    problems.emplace_back(problem.as_string());
  }
  return problems;
}

/// As `--server PRIMARY --backup BACKUP --idempotent ..` would have it; codes need a file.
std::string drill_site::write_config() const {
  const std::string path = folder_.file("gateway.toml");
  std::ofstream file(path);
  file << fmt::format(
      "[gateway]\nlisten = \"{}\"\nhttp = \"{}\"\n"
      "[pool.default]\nservers = [\"{}\"]\nbackups = [\"{}\"]\n"
      "idempotent = [\"OrderInterface@get*\", \"OrderInterface@list\", "
      "\"OrderInterface@total\"]\n",
      gateway_addresses_[0].text(), gateway_addresses_[1].text(), servers_[primary].address(),
      servers_[backup].address());
  if (!options_.fault_codes.empty())
    file << fmt::format("fault_codes = [{}]\n", fmt::join(options_.fault_codes, ", "));
  file << options_.rules;
  if (options_.store) {
    const std::string store =
        options_.store_disk ? options_.store_disk->file("calls.db") : "calls.db";
    file << fmt::format("[calls]\nstore = \"sqlite:{}\"\n", store);
  }
  if (!file.flush()) throw std::runtime_error("Cannot write " + path + ".");
  return path;
}

void drill_site::administer(unsigned which, const std::string& action) {
  post("/servers/" + look(which).pool + "/" + servers_[which].address() + "/" + action);
}

seen_server drill_site::look(unsigned which) const {
  const auto status = boost::json::parse(get("/status.json"));
  for (const auto& pool : status.at("pools").as_array()) {
    for (const auto& server : pool.at("servers").as_array()) {
      if (text_of(server, "address") != servers_[which].address()) continue;
      return {text_of(pool, "name"), text_of(server, "state"),
              static_cast<std::int64_t>(number_of(server, "in_flight"))};
    }
  }
  throw std::runtime_error("The gateway does not know the " + servers_[which].name() + ".");
}

void drill_site::wait_for_state(unsigned which, const std::string& state) {
  drill_wait_until([&] { return look(which).state == state; },
                   "the " + servers_[which].name() + " to be " + state);
}

void drill_site::wait_until_at_rest(unsigned which) {
  drill_wait_until([&] { return look(which).in_flight == 0; },
                   "the " + servers_[which].name() + " to end its calls");
}

std::optional<std::int64_t> drill_site::failure_seen_ms(unsigned which,
                                                        std::int64_t since_ms) const {
  const auto answer = boost::json::parse(get("/events"));
  std::optional<std::int64_t> first;
  for (const auto& event : answer.as_array()) {
    const std::string kind = text_of(event, "kind");
    const auto time_ms = static_cast<std::int64_t>(number_of(event, "time_ms"));
    if (!speaks_against(kind)) continue;
    if (text_of(event, "subject").find(servers_[which].address()) == std::string::npos) continue;
    if (time_ms >= since_ms && time_ms < first.value_or(INT64_MAX)) first = time_ms;
  }
  return first;
}

std::string drill_site::get(const std::string& path) const {
  return fetch("GET", path, fetch_timeout);
}

void drill_site::post(const std::string& path) const {
  (void)fetch("POST", path, fetch_timeout);
}

std::string drill_site::fetch(const std::string& method, const std::string& path,
                              milliseconds timeout) const {
  net::http_request request;
  request.method = method;
  request.path = path;
  request.headers = {{"Accept", "application/json"}};
  const auto response = net::http_fetch(http_address_, request, timeout);
  if (response.status != 200) {
    throw std::runtime_error(method + " " + path + " at the gateway: status " +
                             std::to_string(response.status) + ", " + response.body);
  }
  return response.body;
}

}  // namespace understudy::app
