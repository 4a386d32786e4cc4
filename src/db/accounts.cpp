#include "db/accounts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "db/local_node.hpp"
#include "db/look.hpp"
#include "db/native_password.hpp"
#include "db/sql.hpp"

namespace understudy::db {

namespace {

constexpr unsigned access_denied = 1045;
constexpr std::chrono::seconds quick(10);

/// `hashes`: any of them opens it.
std::string change_account(std::string_view user, const std::vector<std::string>& hashes) {
  std::string ways;
  for (const std::string& each : hashes) {
    if (!ways.empty()) ways += " OR ";
    ways += fmt::format("mysql_native_password USING '{}'", each);
  }
  return fmt::format("ALTER USER {}@'%' IDENTIFIED VIA {}", db::quoted(user), ways);
}

class rotation {
 public:
  explicit rotation(const rotation_task& task) : task_(task) {}

  obstacles begin() {
    if (!may_begin() || !connect({task_.all.supervisor.password, task_.supervisor})) return out_;
    if (!check_places()) return out_;
    change({task_.all.supervisor.password, task_.supervisor},
           {task_.all.replication_password, task_.replication});
    if (out_.empty()) wait_until_replicated();
    return out_;
  }

  obstacles finish() {
    if (!may_begin() || !connect({task_.supervisor})) return out_;
    if (!check_places()) return out_;
    for (connection& each : nodes_) check_renewed(each);
    if (!out_.empty()) return out_;
    change({task_.supervisor}, {task_.replication});
    if (out_.empty()) wait_until_replicated();
    return out_;
  }

 private:
  struct connection {
    core::node_id node{};
    std::unique_ptr<session> on;
    core::sight seen;
  };
  using texts = std::vector<std::string>;

  [[nodiscard]] core::time_point until(core::duration enough) const {
    return std::min(task_.deadline, std::chrono::steady_clock::now() + enough);
  }
  void object(core::node_id node, std::string_view why) {
    out_.push_back(fmt::format("node {}: {}", core::number_of(node), why));
  }
  [[nodiscard]] bool may_begin() {
    if (task_.supervisor.empty() || task_.replication.empty()) {
      out_.emplace_back("a password must not be empty");
    }
    if (task_.all.find(task_.primary) == nullptr) out_.emplace_back("there is no such primary");
    return out_.empty();
  }
  [[nodiscard]] bool connect(const texts& passwords);
  [[nodiscard]] bool check_places();
  void check_renewed(connection& node);
  void change(const texts& supervisor, const texts& replication);
  void change_replicated(connection& primary, const texts& statements);
  void wait_until_replicated();

  static texts hashes(const texts& passwords) {
    texts out;
    for (const std::string& each : passwords) {
      std::string hash = native_hash(each);
      if (out.empty() || out.front() != hash) out.push_back(std::move(hash));
    }
    return out;
  }

  const rotation_task& task_;
  obstacles out_;
  std::vector<connection> nodes_;
};

/// To all nodes, each with the first password that it takes.
bool rotation::connect(const texts& passwords) {
  for (const member& each : task_.all.nodes) {
    connection& to = nodes_.emplace_back();
    to.node = each.node;
    to.on = std::make_unique<session>(task_.stop);
    fault failed;
    for (const std::string& password : passwords) {
      failed = to.on->connect(each.at, {task_.all.supervisor.user, password}, until(quick));
      if (failed.code != access_denied) break;
    }
    if (!failed) failed = to.on->run(session_start(), until(quick)).failed;
    if (failed.code == access_denied) {
      object(each.node, "it does not take the supervisor's new password: begin the rotation there");
    } else if (failed) {
      object(each.node, sentence(failed));
    }
  }
  return out_.empty();
}

bool rotation::check_places() {
  for (connection& each : nodes_) {
    look_result looked = look(*each.on, task_.all, until(quick));
    if (!looked.seen) {
      object(each.node, sentence(looked.failed));
      continue;
    }
    each.seen = *looked.seen;
    if (each.node == task_.primary && (each.seen.replica || each.seen.read_only)) {
      object(each.node, "it is not the primary, or takes no writes");
    }
    if (each.node != task_.primary && !each.seen.replica && !each.seen.read_only) {
      object(each.node, "it takes writes, and is not the primary");
    }
    const bool gets_all = each.seen.receiving == core::receiver::running && each.seen.applying;
    if (each.node != task_.primary && each.seen.replica && !gets_all) {
      object(each.node, "it does not receive and apply what the primary writes");
    }
  }
  return out_.empty();
}

/// What is no replica will take its primary with the new password, when it follows.
void rotation::check_renewed(connection& node) {
  const std::string hash = native_hash(task_.replication);
  // Who is asked for the password: the primary of now, or of a moment from now.
  const reply accounts =
      node.on->run(fmt::format("SELECT User FROM mysql.global_priv WHERE User LIKE 'repl\\_%' AND "
                               "NOT Priv LIKE '%{}%'",
                               hash),
                   until(quick));
  if (!accounts.ok()) {
    object(node.node, sentence(accounts.failed));
    return;
  }
  if (!accounts.tables.at(0).rows.empty()) {
    object(node.node, fmt::format("the account {} does not take the new password yet",
                                  accounts.tables[0].first()));
  }
  if (!node.seen.replica) return;
  const reply noted = node.on->run(noted_receiver(), until(quick));
  if (!noted.ok() && !is_missing(noted.failed)) {
    object(node.node, sentence(noted.failed));
  } else if (!noted.ok() || noted.tables.at(0).first() != hash) {
    object(node.node, "it still receives with the old password");
  }
}

void rotation::change(const texts& supervisor, const texts& replication) {
  const std::string own = change_account(task_.all.supervisor.user, hashes(supervisor));
  for (connection& each : nodes_) {
    if (each.node != task_.primary) continue;
    const reply accounts = each.on->run(replication_accounts(), until(quick));
    if (!accounts.ok()) {
      object(each.node, sentence(accounts.failed));
      return;
    }
    texts all;
    for (std::size_t i = 0; i < accounts.tables.at(0).rows.size(); ++i) {
      const std::string_view user = accounts.tables[0].first(i);
      if (core::number_of(node_of_account(user)) == 0) continue;
      all.push_back(change_account(user, hashes(replication)));
    }
    change_replicated(each, all);
  }
  for (connection& each : nodes_) {
    if (!out_.empty()) return;
    if (fault f = each.on->run(own, until(quick)).failed; f) object(each.node, sentence(f));
  }
}

void rotation::change_replicated(connection& primary, const texts& statements) {
  fault failed = primary.on->run("SET SESSION sql_log_bin=1", until(quick)).failed;
  for (const std::string& each : statements) {
    if (!failed) failed = primary.on->run(each, until(quick)).failed;
  }
  if (!failed) failed = primary.on->run("SET SESSION sql_log_bin=0", until(quick)).failed;
  if (failed) object(primary.node, sentence(failed));
}

void rotation::wait_until_replicated() {
  std::string position;
  for (connection& each : nodes_) {
    if (each.node != task_.primary) continue;
    const reply read = each.on->run("SELECT @@global.gtid_binlog_pos", until(quick));
    if (!read.ok()) object(each.node, sentence(read.failed));
    if (read.ok()) position = read.tables.at(0).first();
  }
  for (connection& each : nodes_) {
    if (!out_.empty() || !each.seen.replica) continue;
    const reply waited = each.on->run(
        fmt::format("SELECT MASTER_GTID_WAIT({},{})", db::quoted(position), quick.count() - 1),
        until(quick));
    if (!waited.ok()) {
      object(each.node, sentence(waited.failed));
    } else if (waited.tables.at(0).first() != "0") {
      object(each.node, "it does not apply in time what the primary has written");
    }
  }
}

}  // namespace

obstacles begin_rotation(const rotation_task& task) {
  return rotation(task).begin();
}

obstacles finish_rotation(const rotation_task& task) {
  return rotation(task).finish();
}

}  // namespace understudy::db
