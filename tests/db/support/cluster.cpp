#include "db/support/cluster.hpp"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <set>
#include <stdexcept>
#include <thread>

#include "db/sql.hpp"
#include "support/free_port.hpp"

namespace understudy::db {

namespace fs = std::filesystem;

namespace {

/// What a data folder depends on, as part of a name.
std::string kind_of_folder() {
  const process_options how = small_server(core::node_id{1}, "/");
  std::string all = supervisor_account(how.supervisor) + how.first_sql;
  for (const std::string& each : how.install_options) all += each;
  all += std::to_string(fs::last_write_time(how.program).time_since_epoch().count());
  return std::to_string(std::hash<std::string>()(all));
}

/// A data folder takes seconds to make: one is kept beside the test program and copied.
fs::path pattern() {
  const fs::path kept =
      fs::read_symlink("/proc/self/exe").parent_path() / ("db_test." + kind_of_folder());
  if (fs::exists(kept)) return data_folder(kept);
  const fs::path fresh = kept.string() + "." + std::to_string(::getpid());
  fs::create_directories(fresh);
  server_process maker(small_server(core::node_id{1}, fresh));
  if (const std::string failed = maker.initialise(); !failed.empty()) {
    throw std::runtime_error(failed);
  }
  std::error_code lost;
  fs::rename(fresh, kept, lost);
  if (lost) fs::remove_all(fresh);  // another test was faster
  return data_folder(kept);
}

}  // namespace

temporary_folder::temporary_folder() {
  std::string name = (fs::temp_directory_path() / "understudy-db-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = name;
}

temporary_folder::~temporary_folder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

login test_supervisor() {
  return {"understudy", "it's a \\secret"};
}

login test_application() {
  return {"app", "app"};
}

process_options small_server(core::node_id node, const fs::path& folder) {
  process_options out;
  out.settings.node = node;
  out.settings.folder = folder;
  out.settings.port = test::free_port();
  out.settings.more = {"innodb_log_file_size = 8M",
                       "innodb_buffer_pool_size = 16M",
                       "innodb_data_file_path = ibdata1:4M:autoextend",
                       "innodb_autoextend_increment = 4",
                       "innodb_undo_tablespaces = 0",
                       "innodb_buffer_pool_dump_at_shutdown = OFF",
                       "aria_pagecache_buffer_size = 1M",
                       "key_buffer_size = 1M"};
  out.install_options = {
      "--innodb-log-file-size=8M", "--innodb-data-file-path=ibdata1:4M:autoextend",
      "--innodb-autoextend-increment=4", "--innodb-undo-tablespaces=0", "--aria-log-file-size=8M"};
  out.supervisor = test_supervisor();
  out.first_sql =
      "CREATE USER app@'%' IDENTIFIED BY 'app';\n"
      "GRANT ALL ON app.* TO app@'%';\n";
  out.dies_with_us = true;
  return out;
}

core::node_set nodes(std::initializer_list<unsigned> numbers) {
  core::node_set out;
  for (const unsigned each : numbers) out.insert(id_of(each));
  return out;
}

cluster::cluster(unsigned count) {
  all_.supervisor = test_supervisor();
  all_.replication_password = "repl's";
  const fs::path from = pattern();
  for (unsigned i = 1; i <= count; ++i) {
    const fs::path folder = folder_.path() / std::to_string(i);
    fs::create_directories(folder);
    fs::copy(from, data_folder(folder), fs::copy_options::recursive);
    const process_options options = small_server(id_of(i), folder);
    options_.push_back(options);
    all_.nodes.push_back({id_of(i), {"127.0.0.1", options.settings.port}});
    servers_.push_back(std::make_unique<server_process>(options));
    const std::string failed = servers_.back()->start(core::start_role::replica);
    if (!failed.empty()) throw std::runtime_error(failed);
  }
  for (unsigned i = 1; i <= count; ++i) {
    if (!server(i).wait_ready(soon())) throw std::runtime_error(server(i).log());
    sessions_.push_back(std::make_unique<node_session>(all_, id_of(i)));
  }
}

cluster::~cluster() {
  for (auto& each : servers_) each->kill();
}

void cluster::start(unsigned node, core::start_role role) {
  const std::string failed = server(node).start(role);
  if (!failed.empty()) throw std::runtime_error(failed);
  if (!server(node).wait_ready(soon())) throw std::runtime_error(server(node).log());
}

void cluster::freeze(unsigned node) {
  const pid_t id = server(node).id();
  ::kill(id, SIGSTOP);
  // Its threads stop one by one; this tells of the last.
  int status = 0;
  if (::waitpid(id, &status, WUNTRACED) != id || !WIFSTOPPED(status)) {
    throw std::runtime_error("the server does not stop");
  }
}

void cluster::thaw(unsigned node) {
  ::kill(server(node).id(), SIGCONT);
}

node_report cluster::carry_out(unsigned node, const core::step& what, core::duration time) {
  return supervisor(node).carry_out(what, gen, soon(time));
}

core::sight cluster::does(unsigned node, const core::step& what) {
  const node_report report = carry_out(node, what);
  if (report.end != core::step_end::done || !report.seen) {
    throw std::runtime_error(std::string(core::name_of(what)) + " on node " + std::to_string(node) +
                             ": " + report.why);
  }
  return *report.seen;
}

core::sight cluster::see(unsigned node) {
  const node_report report = supervisor(node).look(soon());
  if (!report.seen) throw std::runtime_error("node " + std::to_string(node) + ": " + report.why);
  return *report.seen;
}

std::unique_ptr<session> cluster::client(unsigned node, const interrupt* stop) {
  auto out = std::make_unique<session>(stop);
  const fault failed = out->connect(all_.find(id_of(node))->at, test_application(), soon());
  if (failed) throw std::runtime_error(failed.text);
  return out;
}

void cluster::joins(unsigned node, unsigned primary) {
  does(node, core::follow{id_of(primary), true});
  if (!eventually([&] { return see(node).receiving == core::receiver::running; })) {
    throw std::runtime_error("node " + std::to_string(node) + " does not receive");
  }
}

void cluster::replicate() {
  core::node_set others;
  for (unsigned i = 2; i <= size(); ++i) others.insert(id_of(i));
  for (unsigned i = 1; i <= size(); ++i) does(i, core::hold{});
  does(1, core::promote{core::epoch{1}, others});
  does(1, core::open{core::epoch{1}, true});
  const auto made =
      client(1)->run("CREATE DATABASE app; CREATE TABLE app.t (id BIGINT PRIMARY KEY)", soon());
  if (!made.ok()) throw std::runtime_error(made.failed.text);
  for (unsigned i = 2; i <= size(); ++i) joins(i, 1);
  const core::gtid written = does(1, core::wait_for_acks{true}).written;
  for (unsigned i = 2; i <= size(); ++i) {
    if (!eventually([&] { return see(i).state.holds(written); })) {
      throw std::runtime_error("node " + std::to_string(i) + " does not catch up");
    }
  }
  if (!eventually([&] { return see(1).ackers == size() - 1; })) {
    throw std::runtime_error("nobody acknowledges");
  }
}

}  // namespace understudy::db
