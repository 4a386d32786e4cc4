#include "db/agent_work.hpp"

#include <utility>

#include "db/files.hpp"

namespace understudy::db {

namespace fs = std::filesystem;

namespace {

/// Before the server is looked for, which needs its folder.
const process_options& settled(const process_options& server) {
  settle_clone(server.settings.folder);
  return server;
}

}  // namespace

agent_work::agent_work(agent_options options)
    : options_(std::move(options)), server_(settled(options_.server)) {
  damaged_ = read_notes(notes_file(options_.server.settings.folder), notes_);
}

bool agent_work::heed(core::generation gen, agent_report& report) {
  if (!damaged_.empty()) {
    report = {core::step_end::failed, damaged_, {}};
  } else if (gen < notes_.told) {
    report = {core::step_end::refused,
              "the agent was told generation " + std::to_string(core::number_of(notes_.told)),
              {}};
  } else if (gen > notes_.told) {
    agent_notes next = notes_;
    next.told = gen;
    const std::string failed = write_notes(notes_file(options_.server.settings.folder), next);
    if (failed.empty()) notes_ = next;
    if (!failed.empty()) report = {core::step_end::failed, failed, {}};
  }
  return report.end == core::step_end::done;
}

// A supervisor may have told the server over SQL what the agent does not know of.
bool agent_work::server_allows(local_node& node, bool replaced, agent_report& report) {
  if (!server_.ready()) return true;
  session on(node.stop);
  core::sight now;
  std::string failed = node.connect(on);
  if (failed.empty()) failed = node.see(on, now);
  // One that can not be looked at can be replaced, and nothing else.
  if (!failed.empty() && !replaced) report = {core::step_end::failed, failed, {}};
  if (failed.empty() && now.told > node.gen) {
    report = {core::step_end::refused, "the node was told a higher generation", {}};
  }
  if (failed.empty() && !now.read_only) {
    report = {core::step_end::failed, "it takes writes: it has to be killed first", {}};
  }
  return report.end == core::step_end::done;
}

std::string agent_work::start(local_node& node, core::start_role role) {
  if (server_.state() == core::process::running) return "it runs";
  settle_clone(node.folder());
  if (clone_unfinished(node.folder())) {
    if (role == core::start_role::replica) return finish_clone(node);
    return "it is a copy that has no place in the history yet: it can be started as a replica only";
  }
  std::string failed;
  // Never as a primary: an empty one would replace what it has acknowledged.
  if (!server_.initialised() && role == core::start_role::replica) failed = server_.initialise();
  if (failed.empty()) failed = server_.start(role);
  if (!failed.empty() || !notes_.repairing) return failed;
  if (!server_.wait_ready(node.deadline(), node.stop)) {
    if (stopped(node.stop)) return cancelled;
    return "the server is not ready, and a repair is to be finished: " +
           last_lines(error_log_file(node.folder()));
  }
  return finish_repair(node);
}

agent_report agent_work::carry_out(const core::step& what, core::generation gen,
                                   const interrupt* stop) {
  agent_report report;
  if (!core::by_agent(what)) {
    return {core::step_end::failed, "that is no step of an agent's", {}};
  }
  if (!heed(gen, report)) return report;
  local_node node{options_, server_, notes_, gen, stop};
  std::string failed;
  if (std::holds_alternative<core::kill_server>(what)) {
    if (server_.state() == core::process::running) server_.kill();
  } else if (const auto* const begin = std::get_if<core::start_server>(&what)) {
    failed = start(node, begin->role);
  } else if (!server_allows(node, std::holds_alternative<core::clone>(what), report)) {
    return report;
  } else if (std::holds_alternative<core::salvage>(what)) {
    failed = salvage_relay(node);
  } else if (const auto* const mend = std::get_if<core::repair>(&what)) {
    failed = repair_from(node, mend->primary);
  } else if (const auto* const copy = std::get_if<core::clone>(&what)) {
    failed = clone_from(node, copy->donor);
  }
  if (!failed.empty()) report = {core::step_end::failed, failed, {}};
  report.kept = node.kept;
  return report;
}

std::string agent_work::measure(std::uintmax_t& bytes) {
  bytes = bytes_in(data_folder(options_.server.settings.folder));
  return bytes == 0 ? "there is no data folder" : std::string();
}

std::string agent_work::send(int fd, const interrupt* stop) {
  local_node node{options_, server_, notes_, {}, stop, "tools.send.cnf"};
  if (std::string f = node.write_tool_settings(); !f.empty()) return f;
  child_options how;
  // The SQL thread runs on: a candidate must not hold what it has not applied.
  how.command = node.command("mariadb-backup");
  for (const char* const each : {"--backup", "--slave-info", "--stream=mbstream"}) {
    how.command.emplace_back(each);
  }
  how.command.push_back("--target-dir=" + (node.folder() / "backup.tmp").string());
  how.output_fd = fd;
  tool backup(how, node.tool_log("mariadb-backup.send"));
  return wait_all({&backup}, stop, {});
}

}  // namespace understudy::db
