#include "db/server_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fstream>
#include <random>
#include <sstream>
#include <system_error>
#include <thread>

// glibc 2.36 forgot that it is C.
extern "C" {
#include <sys/pidfd.h>
}

#include "db/child.hpp"
#include "db/error_log.hpp"
#include "db/files.hpp"
#include "db/look.hpp"
#include "db/sql.hpp"
#include "db/tool.hpp"

namespace understudy::db {

namespace fs = std::filesystem;

namespace {

/// For its owner alone to read, from the beginning: some have passwords.
bool write_file(const fs::path& path, const std::string& text) {
  std::error_code failed;
  fs::remove(path, failed);
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write, failed);
  if (failed) return false;
  out << text;
  out.close();
  return out.good();
}

/// Whoever it runs as may write there, as in any such folder.
std::string make_temporary_folder(const fs::path& folder) {
  const fs::path made = temporary_folder_of(folder);
  std::error_code failed;
  fs::create_directories(made, failed);
  if (!failed) fs::permissions(made, fs::perms::all | fs::perms::sticky_bit, failed);
  return failed ? "can not make " + made.string() + ": " + failed.message() : std::string();
}

std::uint64_t random_number() {
  std::random_device source;
  return (std::uint64_t{source()} << 32U) | source();
}

/// Which start of this host it is: half of a random number that the kernel draws for each.
std::uint64_t host_start() {
  std::string text;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), text);
  std::erase(text, '-');
  std::uint64_t out = 0;
  std::from_chars(text.data(), text.data() + std::min<std::size_t>(text.size(), 16), out, 16);
  return out;
}

/// The server opens it anew when it is told to flush its logs, and then as who it runs as.
void give_log(const fs::path& folder) {
  struct ::stat owner {};
  if (::geteuid() != 0 || ::stat(data_folder(folder).c_str(), &owner) != 0) return;
  const int log = ::open(error_log_file(folder).c_str(),
                         O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (log < 0) return;
  [[maybe_unused]] const int given = ::fchown(log, owner.st_uid, owner.st_gid);
  ::close(log);
}

fs::path number_file(const fs::path& data) {
  return data / "understudy.made";
}

/// Differs after each start of the host, and where the data folder was made anew: what an earlier
/// one had acknowledged is not in its files.
std::uint64_t boot_mark(const fs::path& folder) {
  const std::string text = read_text(number_file(data_folder(folder))).value_or("");
  std::uint64_t made = 0;
  std::from_chars(text.data(), text.data() + text.size(), made);
  return host_start() ^ made;
}

std::string settings_option(const fs::path& folder) {
  return "--defaults-file=" + settings_file(folder).string();
}

/// It has a primary configured (RESET SLAVE ALL removes the file), and has written nothing of its
/// own since.
bool was_replica(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(data_folder(folder) / "master.info", ignored);
}

/// The process of this pidfd has ended, or does within so many milliseconds.
bool over(int descriptor, int wait) {
  pollfd fd{descriptor, POLLIN, 0};
  return ::poll(&fd, 1, wait) > 0;
}

std::uintmax_t size_of(const fs::path& path) {
  std::error_code none;
  const auto size = fs::file_size(path, none);
  return none ? 0 : size;
}

}  // namespace

server_process::server_process(process_options options) : options_(std::move(options)) {
  const pid_t id = find_process({options_.program, settings_option(options_.settings.folder)});
  if (id == 0 || !own(id)) return;
  // All that was written is of this start, or of one before; the last says how it is.
  const std::string text = log();
  const std::size_t begin = text.rfind(" as process " + std::to_string(id));
  log_begin_ = begin == std::string::npos ? text.size() : begin;
}

server_process::~server_process() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool server_process::own(pid_t id) {
  descriptor_ = ::pidfd_open(id, 0);
  if (descriptor_ < 0) return false;
  id_ = id;
  return true;
}

bool server_process::initialised() const {
  std::error_code ignored;
  return fs::is_directory(data_folder(options_.settings.folder) / "mysql", ignored);
}

std::string server_process::initialise() {
  const fs::path folder = options_.settings.folder;
  const fs::path made = folder / "data.new";
  const fs::path log = folder / "init.log";
  std::error_code failed;
  fs::remove_all(made, failed);
  fs::create_directories(made, failed);
  if (failed) return "can not make " + made.string() + ": " + failed.message();
  if (const std::string why = make_temporary_folder(folder); !why.empty()) return why;
  const std::string temporary = "--tmpdir=" + temporary_folder_of(folder).string();
  // Not with the settings of the cluster: the system's own tables have other engines.
  child_options install;
  install.command = {
      options_.installer, "--no-defaults",  "--datadir=" + made.string(),
      temporary,          "--skip-test-db", "--auth-root-authentication-method=socket"};
  if (::geteuid() == 0) install.command.push_back("--user=" + options_.user);
  const auto& more = options_.install_options;
  install.command.insert(install.command.end(), more.begin(), more.end());
  install.output = log.string();
  if (run_child(install) != 0) return "mariadb-install-db failed: " + last_lines(log);

  const fs::path sql = folder / "init.sql";
  if (!write_file(sql, "FLUSH PRIVILEGES;\n" + supervisor_account(options_.supervisor) +
                           options_.first_sql)) {
    return "can not write " + sql.string();
  }
  child_options accounts;
  accounts.command = {options_.program, "--no-defaults", "--bootstrap",
                      "--datadir=" + made.string(), temporary};
  if (::geteuid() == 0) accounts.command.push_back("--user=" + options_.user);
  accounts.command.insert(accounts.command.end(), more.begin(), more.end());
  accounts.input = sql.string();
  accounts.output = log.string();
  const int code = run_child(accounts);
  fs::remove(sql, failed);  // it has a password
  if (code != 0) return "the supervisor's account could not be made: " + last_lines(log);
  if (const std::string why = write_durably(number_file(made), std::to_string(random_number()));
      !why.empty()) {
    return why;
  }
  fs::permissions(made, fs::perms::owner_all, failed);
  if (const std::string why = give_to_user(made, options_.user); !why.empty()) return why;
  if (!failed) fs::rename(made, data_folder(folder), failed);
  if (failed) return "can not make " + data_folder(folder).string() + ": " + failed.message();
  return {};
}

std::vector<std::string> server_process::arguments(core::start_role role) const {
  const bool keeps = role == core::start_role::primary || was_replica(options_.settings.folder);
  std::vector<std::string> out{
      options_.program, settings_option(options_.settings.folder),
      // A replica that ended as one has nothing to give up: what it has, it has received. Cut off
      // the end of its log it might be lost, for the relay log's files are deleted once applied.
      std::string("--init-rpl-role=") + (keeps ? "MASTER" : "SLAVE"),
      // What the role was can be read from this alone.
      "--report-user=" +
          to_string(start_mark{role, random_number(), boot_mark(options_.settings.folder)}),
      "--skip-slave-start", "--read-only"};
  if (::geteuid() == 0) out.push_back("--user=" + options_.user);
  return out;
}

std::string server_process::start(core::start_role role) {
  if (state() == core::process::running) return "it runs";
  if (!initialised()) return "there is no data folder";
  const fs::path folder = options_.settings.folder;
  if (!write_file(settings_file(folder), settings_text(options_.settings))) {
    return "can not write " + settings_file(folder).string();
  }
  if (std::string why = make_temporary_folder(folder); !why.empty()) return why;
  log_begin_ = size_of(error_log_file(folder));
  give_log(folder);
  stuck_ = false;
  child_options how;
  how.command = arguments(role);
  how.output = error_log_file(folder).string();
  how.dies_with_us = options_.dies_with_us;
  const pid_t id = start_child(how);
  if (id < 0) return std::string("can not start a process: ") + std::strerror(-id);
  if (!own(id)) {
    ::kill(id, SIGKILL);
    ::waitpid(id, nullptr, 0);
    return "can not watch a process";
  }
  return {};
}

void server_process::ended() {
  // Where it is our child, there is something to reap.
  ::waitpid(id_, nullptr, WNOHANG);
  ::close(descriptor_);
  descriptor_ = -1;
  id_ = 0;
  stuck_ = read_start(log()).stuck;
}

core::process server_process::state() {
  if (id_ != 0 && over(descriptor_, 0)) ended();
  if (id_ != 0) return core::process::running;
  return stuck_ ? core::process::stuck : core::process::down;
}

bool server_process::ready() {
  return state() == core::process::running && read_start(log()).ready;
}

bool server_process::wait_ready(core::time_point deadline, const interrupt* stop) {
  while (std::chrono::steady_clock::now() < deadline && !stopped(stop)) {
    if (ready()) return true;
    if (id_ == 0) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

void server_process::kill() {
  if (id_ == 0) return;
  // Its group has nobody else in it. Over the descriptor, so that it can be no other process.
  ::pidfd_send_signal(descriptor_, SIGKILL, nullptr, 0);
  while (!over(descriptor_, 1000)) {
  }
  ended();
}

std::string server_process::log() const {
  std::ifstream in(error_log_file(options_.settings.folder), std::ios::binary);
  in.seekg(static_cast<std::streamoff>(log_begin_));
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace understudy::db
