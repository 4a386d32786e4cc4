// Real MariaDB servers on loopback, in a temporary folder, that end with the test.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "db/node_session.hpp"
#include "db/server_process.hpp"

namespace understudy::db {

using namespace std::chrono_literals;

/// As much time as a loaded machine may need; nothing is measured with it.
inline core::time_point soon(core::duration time = 20s) {
  return std::chrono::steady_clock::now() + time;
}

/// A folder that is removed with all in it.
class temporary_folder {
 public:
  temporary_folder();
  ~temporary_folder();
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Options of a small server whose data folder is in `folder`, at a free port. Accounts: of the
/// supervisor, and `app`, who may do everything in the database of that name.
[[nodiscard]] process_options small_server(core::node_id node, const std::filesystem::path& folder);
[[nodiscard]] login test_supervisor();
[[nodiscard]] login test_application();

/// Waits until `so` is true. False where it does not come to be.
template <typename Condition>
[[nodiscard]] bool eventually(Condition so, core::duration time = 20s) {
  const auto until = soon(time);
  while (!so()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

/// Nodes 1 to `count`, started as replicas and told nothing. All functions throw
/// std::runtime_error where a server does not start.
class cluster {
 public:
  explicit cluster(unsigned count = 3);
  ~cluster();
  cluster(const cluster&) = delete;
  cluster& operator=(const cluster&) = delete;

  [[nodiscard]] const members& all() const { return all_; }
  [[nodiscard]] unsigned size() const { return static_cast<unsigned>(servers_.size()); }
  [[nodiscard]] server_process& server(unsigned node) { return *servers_.at(node - 1); }
  /// What it is started with, for another owner of its process.
  [[nodiscard]] const process_options& options(unsigned node) const {
    return options_.at(node - 1);
  }
  void start(unsigned node, core::start_role role = core::start_role::replica);
  void freeze(unsigned node);
  void thaw(unsigned node);

  /// The supervisor: its generation, and what it does and sees.
  core::generation gen{1};
  [[nodiscard]] node_report carry_out(unsigned node, const core::step& what,
                                      core::duration time = 20s);
  /// It is done. Throws where it is not, with the reason.
  core::sight does(unsigned node, const core::step& what);
  /// Throws where the node is not seen.
  [[nodiscard]] core::sight see(unsigned node);
  [[nodiscard]] node_session& supervisor(unsigned node) { return *sessions_.at(node - 1); }

  /// Node 1 is primary in epoch 1 and waits for acknowledgements; all others acknowledge. There is
  /// a table app.t(id BIGINT PRIMARY KEY).
  void replicate();
  /// `node` follows and acknowledges, or it throws.
  void joins(unsigned node, unsigned primary);

  /// A connection of the application.
  [[nodiscard]] std::unique_ptr<session> client(unsigned node, const interrupt* stop = nullptr);

 private:
  temporary_folder folder_;
  members all_;
  std::vector<process_options> options_;
  std::vector<std::unique_ptr<server_process>> servers_;
  std::vector<std::unique_ptr<node_session>> sessions_;
};

[[nodiscard]] inline core::node_id id_of(unsigned node) {
  return core::node_id{static_cast<std::uint16_t>(node)};
}

[[nodiscard]] core::node_set nodes(std::initializer_list<unsigned> numbers);

}  // namespace understudy::db
