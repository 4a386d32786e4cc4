#include "app/drill/drill_server.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "app/drill/drill_load.hpp"
#include "understudy/client.hpp"

namespace understudy::app {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds start_timeout{5000};

/// One call of TroubleInterface at the server's own address.
std::string ask(const std::string& address, std::string_view method, const std::string& params) {
  call_options may_repeat;
  may_repeat.idempotent = true;
  return client(address)
      .call_json("TroubleInterface@" + std::string(method), params, {}, may_repeat)
      .result;
}

}  // namespace

drill_server::drill_server(const drill_folder& folder, drill_server_options options)
    : folder_(folder), options_(std::move(options)), processes_(options_.processes) {}

std::string drill_server::database_of(unsigned which) const {
  if (!options_.own_databases) return options_.database;
  return options_.database + "." + options_.name + "." + std::to_string(which);
}

std::vector<std::string> drill_server::databases() const {
  std::set<std::string> files;
  for (unsigned i = 0; i < options_.processes; ++i) files.insert(database_of(i));
  return {files.begin(), files.end()};
}

void drill_server::start_one(unsigned which) {
  processes_[which].reset();  // what is left of the last one is waited for
  std::vector<std::string> arguments = options_.prefix;
  arguments.insert(arguments.end(), {options_.program, "--listen", options_.listen, "--database",
                                     database_of(which), "--name", options_.name});
  if (options_.processes > 1) arguments.emplace_back("--share-port");
  if (options_.workers) {
    arguments.insert(arguments.end(), {"--workers", std::to_string(*options_.workers)});
  }
  if (options_.trouble) arguments.insert(arguments.end(), {"--trouble", *options_.trouble});
  processes_[which].emplace(arguments, folder_.file(options_.name + ".log"));
  (void)processes_[which]->wait_for_line("listening ", start_timeout);
}

void drill_server::start() {
  for (unsigned i = 0; i < options_.processes; ++i) {
    if (!processes_[i] || processes_[i]->wait(milliseconds{0})) start_one(i);
  }
}

unsigned drill_server::start_dead() {
  unsigned started = 0;
  for (unsigned i = 0; i < options_.processes; ++i) {
    if (!processes_[i]->wait(milliseconds{0})) continue;
    start_one(i);
    ++started;
  }
  return started;
}

void drill_server::kill() {
  for (auto& one : processes_) one->signal(SIGKILL);
}

void drill_server::kill_one(unsigned which) {
  processes_.at(which)->signal(SIGKILL);
}

void drill_server::stop() {
  for (auto& one : processes_) one->signal(SIGTERM);
  for (auto& one : processes_) {
    std::optional<int> status;
    drill_wait_until([&] { return (status = one->wait(milliseconds{0})).has_value(); },
                     "the " + options_.name + " to end after SIGTERM");
    if (!WIFEXITED(*status) || WEXITSTATUS(*status) != 0) {
      throw std::runtime_error("The " + options_.name + " did not end well after SIGTERM.");
    }
  }
}

void drill_server::freeze() {
  for (auto& one : processes_) one->freeze();
}

void drill_server::freeze_one(unsigned which) {
  processes_.at(which)->freeze();
}

void drill_server::thaw() {
  for (auto& one : processes_) one->signal(SIGCONT);
}

unsigned drill_server::busiest() const {
  unsigned busiest = 0;
  std::size_t most = 0;
  for (unsigned i = 0; i < options_.processes; ++i) {
    const std::size_t writes = count_rows({database_of(i)}).size();
    if (writes <= most) continue;
    busiest = i;
    most = writes;
  }
  return busiest;
}

void drill_server::set_trouble(const std::string& rules) const {
  (void)ask(options_.listen, "set", "[" + rules + "]");
}

std::vector<std::int64_t> drill_server::met() const {
  return from_json_text<std::vector<std::int64_t>>(ask(options_.listen, "met", "[]"));
}

}  // namespace understudy::app
