#include "db/local_node.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "db/files.hpp"
#include "db/sql.hpp"

namespace understudy::db {

namespace fs = std::filesystem;

namespace {

/// In a settings file.
std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

std::string sentence(const fault& failed) {
  if (!failed) return {};
  if (failed.code == 0) return failed.text;
  return failed.text + " (" + std::to_string(failed.code) + ")";
}

core::time_point local_node::deadline() const {
  return std::chrono::steady_clock::now() + options.patience;
}

void local_node::tell(std::string_view phase, std::uintmax_t bytes, std::uintmax_t of) const {
  if (options.progress) options.progress({phase, bytes, of});
}

std::string local_node::note_repairing(bool on) const {
  if (notes.repairing == on) return {};
  agent_notes next = notes;
  next.repairing = on;
  std::string failed = write_notes(notes_file(folder()), next);
  if (failed.empty()) notes = next;
  return failed;
}

std::string local_node::connect(session& to) const {
  if (!server.ready()) return "the server does not run, or is not ready";
  const endpoint here{socket_file(folder()).string(), 0};
  if (const fault f = to.connect(here, options.administrator, deadline()); f) return sentence(f);
  // It may wait longer for a lock than a supervisor does.
  return run(to,
             "SET SESSION sql_log_bin=0, autocommit=1, lock_wait_timeout=60, "
             "sql_mode='STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION';" +
                 make_fence_table());
}

std::string local_node::run(session& on, std::string_view sql) const {
  return sentence(on.run(sql, deadline()).failed);
}

std::string local_node::see(session& on, core::sight& into) const {
  const look_result looked = look(on, options.all, deadline());
  if (!looked.seen) return sentence(looked.failed);
  into = *looked.seen;
  return {};
}

std::string local_node::ask(session& on, std::string_view sql, std::string& into) const {
  const reply answer = on.run(sql, deadline());
  if (!answer.ok()) return sentence(answer.failed);
  into = answer.tables.at(0).first();
  return {};
}

std::string local_node::state_of(core::node_id other, core::history& into) const {
  const member* const at = options.all.find(other);
  if (at == nullptr) return "there is no such node";
  session on(stop);
  constexpr std::chrono::seconds enough(20);
  const auto until = std::chrono::steady_clock::now() + enough;
  const std::string who = "node " + std::to_string(core::number_of(other)) + ": ";
  if (const fault f = on.connect(at->at, options.all.supervisor, until); f) {
    return who + sentence(f);
  }
  const reply answer = on.run("SELECT @@global.gtid_binlog_state", until);
  if (!answer.ok()) return who + sentence(answer.failed);
  const auto state = core::parse_history(answer.tables.at(0).first());
  if (!state) return who + "its log has another domain than 0";
  into = *state;
  return {};
}

std::string local_node::write_tool_settings() const {
  std::string text = "# Written by understudy; changes are lost.\n";
  if (fs::exists(settings_file(folder()))) {
    text += "!include " + settings_file(folder()).string() + "\n";
  }
  const login& who = options.administrator;
  text += fmt::format("[client]\nsocket = {}\nuser = {}\n",
                      in_quotes(socket_file(folder()).string()), in_quotes(who.user));
  if (!who.password.empty()) text += "password = " + in_quotes(who.password) + "\n";
  return write_durably(folder() / tool_settings, text);
}

std::vector<std::string> local_node::command(std::string_view program) const {
  return {(options.tools / program).string(),
          "--defaults-file=" + (folder() / tool_settings).string()};
}

fs::path local_node::tool_log(std::string_view program) const {
  return folder() / (std::string(program) + ".log");
}

std::vector<std::string> local_node::read_log(const std::vector<std::string>& options_of_it,
                                              const core::gtid& from, const core::gtid& to,
                                              std::vector<fs::path> files) const {
  std::vector<std::string> out{(options.tools / "mariadb-binlog").string(), "--no-defaults"};
  out.insert(out.end(), options_of_it.begin(), options_of_it.end());
  if (!from.empty()) out.push_back("--start-position=" + core::to_string(from));
  if (!to.empty()) out.push_back("--stop-position=" + core::to_string(to));
  for (const fs::path& each : files) out.push_back(each.string());
  return out;
}

std::string local_node::run_tool(std::vector<std::string> words, const fs::path& input,
                                 const fs::path& output) const {
  const std::string name = fs::path(words.at(0)).filename();
  child_options how;
  how.command = std::move(words);
  how.input = input.string();
  if (!output.empty()) {
    how.output_fd = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (how.output_fd < 0) {
      return "can not write " + output.string() + ": " + std::system_category().message(errno);
    }
  }
  tool one(how, tool_log(name));
  if (how.output_fd >= 0) ::close(how.output_fd);
  std::string failed = wait_all({&one}, stop, {});
  if (failed.empty() && !output.empty()) failed = sync_file(output);
  return failed;
}

}  // namespace understudy::db
