// A data folder is replaced by a copy of another node's.
//
// `data.copy` is what comes, `data` what is, `data.old` what was. A file in the copy (the seal)
// says that it is whole, and where in the history; it is removed when the server of the copy has
// taken that place. So what an interruption leaves can be told from the names and the seal.
#include <fmt/format.h>

#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>

#include "db/files.hpp"
#include "db/local_node.hpp"
#include "db/sql.hpp"

namespace understudy::db {

namespace fs = std::filesystem;

namespace {

fs::path copy_folder(const fs::path& folder) {
  return folder / "data.copy";
}

fs::path old_folder(const fs::path& folder) {
  return folder / "data.old";
}

fs::path seal_of(const fs::path& data) {
  return data / "understudy.copy";
}

/// Where in the history the copy is.
struct place {
  core::gtid at;
  core::history state;
};

std::string read_place(const fs::path& seal, place& into) {
  std::istringstream text(read_text(seal).value_or(""));
  std::string at;
  std::string state;
  std::string end;
  if (!std::getline(text, at) || !std::getline(text, state) || !std::getline(text, end) ||
      end != "end") {
    return seal.string() + " can not be read";
  }
  const auto position = core::parse_gtid(at);
  const auto all = core::parse_history(state);
  if (!position || !all) return seal.string() + " makes no sense";
  into = {*position, *all};
  return {};
}

std::string write_place(const fs::path& data, const place& what) {
  return write_durably(seal_of(data),
                       core::to_string(what.at) + "\n" + core::to_string(what.state) + "\nend\n");
}

std::string check_space(local_node& node, std::uintmax_t bytes) {
  constexpr std::uintmax_t more = 64U << 20U;  // for the log that is written while it is prepared
  std::error_code failed;
  const fs::space_info space = fs::space(node.folder(), failed);
  if (failed) return "can not see how much space is left: " + failed.message();
  // Not bytes * 1.1: it may be any number.
  if (space.available / 11 * 10 < bytes || space.available < bytes + more) {
    return fmt::format("the copy has {} bytes, and {} are left for it", bytes, space.available);
  }
  return {};
}

/// Streams the copy into `into`.
std::string receive(local_node& node, copy_source& from, const fs::path& into,
                    std::uintmax_t bytes) {
  std::error_code failed;
  fs::remove_all(into, failed);
  fs::create_directories(into, failed);
  if (failed) return "can not make " + into.string() + ": " + failed.message();
  fs::permissions(into, fs::perms::owner_all, failed);
  connected_pair pipe;
  if (!pipe.good()) return "no pipe could be made";
  std::string sending;
  // Whatever ends this function ends the program first: then nobody reads, and sending ends too.
  std::jthread sender([&] {
    sending = from.send(pipe.out(), node.stop);
    pipe.close_out();
  });
  child_options how;
  how.command = {(node.options.tools / "mbstream").string(), "-x", "-C", into.string()};
  how.input_fd = pipe.in();
  tool unpacks(how, node.tool_log("mbstream"));
  pipe.close_in();
  std::string unpacking =
      wait_all({&unpacks}, node.stop, [&] { node.tell("copy", bytes_in(into), bytes); });
  sender.join();
  if (stopped(node.stop)) return cancelled;
  if (!sending.empty()) return "the donor: " + sending;
  return unpacking;
}

/// The third word of what the backup notes is the GTID.
std::string position_of(const fs::path& copy, core::gtid& into) {
  std::ifstream in(copy / "xtrabackup_binlog_info");
  std::string file;
  std::string offset;
  std::string position;
  if (!(in >> file >> offset)) return "the copy does not say which position it has";
  in >> position;
  const auto found = core::parse_gtid(position);
  if (!found) return "the copy's position is none of one domain: " + position;
  into = *found;
  return {};
}

/// What the donor had of each server when it had `at`, from what it had before and after.
core::history state_at(const core::gtid& at, core::history before, const core::history& after) {
  for (const core::gtid& each : after.last()) {
    if (each.seq <= at.seq) before.add(each);
  }
  before.add(at);
  return before;
}

std::string prepare(local_node& node, core::node_id donor, const core::history& before) {
  const fs::path copy = copy_folder(node.folder());
  node.tell("prepare");
  std::string failed = node.run_tool({(node.options.tools / "mariadb-backup").string(), "--prepare",
                                      // Not the common one, where servers delete what others have.
                                      "--tmpdir=" + copy.string(), "--target-dir=" + copy.string()},
                                     {}, {});
  if (!failed.empty()) return failed;
  place where;
  if (failed = position_of(copy, where.at); !failed.empty()) return failed;
  core::history after;
  if (failed = node.state_of(donor, after); !failed.empty()) return failed;
  where.state = state_at(where.at, before, after);
  if (failed = give_to_user(copy, node.options.server.user); !failed.empty()) return failed;
  // All of it is on the disk before the seal says that it is whole.
  if (failed = sync_tree(copy); !failed.empty()) return failed;
  return write_place(copy, where);
}

std::string swap_in(local_node& node) {
  const fs::path data = data_folder(node.folder());
  const fs::path old = old_folder(node.folder());
  node.tell("swap");
  node.server.kill();
  std::error_code failed;
  fs::remove_all(old, failed);
  if (failed) return "can not remove " + old.string() + ": " + failed.message();
  if (fs::exists(data)) {
    if (std::string f = move_durably(data, old); !f.empty()) return f;
  }
  return move_durably(copy_folder(node.folder()), data);
}

/// The new one does not start: the old one is there again.
void swap_back(local_node& node) {
  const fs::path data = data_folder(node.folder());
  const fs::path old = old_folder(node.folder());
  node.server.kill();
  std::error_code ignored;
  if (!fs::exists(old, ignored)) return;
  // Without its seal it is never taken for one that is whole.
  fs::remove(seal_of(data), ignored);
  fs::rename(data, copy_folder(node.folder()), ignored);
  fs::rename(old, data, ignored);
  static_cast<void>(sync_folder(node.folder()));
  fs::remove_all(copy_folder(node.folder()), ignored);
}

std::string take_place(local_node& node) {
  const fs::path data = data_folder(node.folder());
  place where;
  if (std::string f = read_place(seal_of(data), where); !f.empty()) return f;
  session on(node.stop);
  if (std::string f = node.connect(on); !f.empty()) return f;
  const std::string sql = fmt::format(
      "STOP SLAVE;RESET SLAVE ALL;RESET MASTER;SET GLOBAL gtid_binlog_state={};"
      "SET GLOBAL gtid_slave_pos={};DROP TABLE IF EXISTS understudy_local.repair;"
      "UPDATE understudy_local.fence SET gen=GREATEST(gen,{}), salvaged=0 WHERE id=1",
      db::quoted(core::to_string(where.state)), db::quoted(core::to_string(where.at)),
      core::number_of(node.gen));
  return node.run(on, sql);
}

}  // namespace

bool clone_unfinished(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(seal_of(data_folder(folder)), ignored);
}

void settle_clone(const fs::path& folder) {
  std::error_code ignored;
  const fs::path data = data_folder(folder);
  const fs::path copy = copy_folder(folder);
  const fs::path old = old_folder(folder);
  if (!fs::exists(data, ignored)) {
    const bool whole = fs::exists(seal_of(copy), ignored);
    if (whole || fs::exists(old, ignored)) fs::rename(whole ? copy : old, data, ignored);
    static_cast<void>(sync_folder(folder));
  }
  if (fs::exists(data, ignored)) fs::remove_all(copy, ignored);
  if (fs::exists(data, ignored) && !clone_unfinished(folder)) fs::remove_all(old, ignored);
}

std::string finish_clone(local_node& node) {
  node.tell("start");
  std::string failed;
  if (node.server.state() != core::process::running) {
    failed = node.server.start(core::start_role::replica);
  }
  if (failed.empty() && !node.server.wait_ready(node.deadline(), node.stop)) {
    failed = stopped(node.stop)
                 ? cancelled
                 : "the copy does not start: " + last_lines(error_log_file(node.folder()));
  }
  if (failed.empty()) failed = take_place(node);
  if (!failed.empty()) {
    // Stopped it is left as it is: a start goes on.
    if (!stopped(node.stop)) swap_back(node);
    return failed;
  }
  // What was to be repaired is gone.
  if (failed = node.note_repairing(false); !failed.empty()) return failed;
  std::error_code ignored;
  const fs::path data = data_folder(node.folder());
  fs::remove(seal_of(data), ignored);
  if (failed = sync_folder(data); !failed.empty()) return failed;
  fs::remove_all(old_folder(node.folder()), ignored);
  return {};
}

std::string clone_from(local_node& node, core::node_id donor) {
  if (donor == node.options.server.settings.node) return "it is its own donor";
  copy_source* const from = node.options.donor ? node.options.donor(donor) : nullptr;
  if (from == nullptr) return "there is no way to the donor's agent";
  settle_clone(node.folder());
  core::history before;
  std::uintmax_t bytes = 0;
  if (std::string f = node.state_of(donor, before); !f.empty()) return f;
  if (std::string f = from->measure(bytes); !f.empty()) return "the donor: " + f;
  if (std::string f = check_space(node, bytes); !f.empty()) return f;
  // What only it has goes with the old folder. A log that can not be read is no reason to keep it.
  divergence what;
  if (find_divergence(data_folder(node.folder()), before, what).empty()) {
    if (std::string f = keep_tail(node, what); !f.empty()) return f;
  }
  node.tell("copy", 0, bytes);
  std::string failed = receive(node, *from, copy_folder(node.folder()), bytes);
  if (failed.empty()) failed = prepare(node, donor, before);
  if (failed.empty() && stopped(node.stop)) failed = cancelled;
  if (!failed.empty()) {
    std::error_code ignored;
    fs::remove_all(copy_folder(node.folder()), ignored);
    return failed;
  }
  if (std::string f = swap_in(node); !f.empty()) {
    settle_clone(node.folder());
    return f;
  }
  return finish_clone(node);
}

}  // namespace understudy::db
