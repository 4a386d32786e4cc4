#include "db/verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "db/common_snapshot.hpp"
#include "db/definitions.hpp"
#include "db/local_node.hpp"
#include "db/table_shape.hpp"

namespace understudy::db {

namespace {

using node_pointers = std::vector<snapshot_node*>;

/// Differing chunks are cut into so many until one row is left.
constexpr unsigned finer = 16;

/// What one node says of one chunk.
struct chunk_sum {
  fault failed;
  std::string rows;
  std::string sum;
  [[nodiscard]] bool same_as(const chunk_sum& other) const {
    return rows == other.rows && sum == other.sum;
  }
};

class verifier {
 public:
  explicit verifier(const verify_task& task) : task_(task) {}

  verify_report run() {
    tell("snapshot", {});
    moment_ = take_common_snapshot(task_);
    out_.at = moment_.at;
    out_.pause = moment_.pause;
    out_.attempts = moment_.attempts;
    out_.failed = moment_.failed;
    if (out_.failed.empty()) compare_definitions();
    if (out_.failed.empty()) compare_rows();
    for (const snapshot_node& each : moment_.nodes) {
      if (each.id == task_.primary) continue;
      if (each.why.empty()) {
        if (out_.failed.empty()) out_.compared.push_back(each.id);
      } else {
        out_.gaps.push_back({each.id, {}, each.why});
      }
    }
    out_.stopped = !finished_ && stopped(task_.stop);
    if (out_.stopped) out_.failed = cancelled;
    return std::move(out_);
  }

 private:
  [[nodiscard]] snapshot_node& primary() { return moment_.nodes.front(); }
  [[nodiscard]] node_pointers replicas() {
    node_pointers out;
    for (std::size_t i = 1; i < moment_.nodes.size(); ++i) {
      if (moment_.nodes[i].why.empty()) out.push_back(&moment_.nodes[i]);
    }
    return out;
  }
  [[nodiscard]] core::time_point until(core::duration enough) const {
    return statement_deadline(task_, enough);
  }
  void tell(std::string_view phase, std::string_view table) const {
    if (task_.progress) task_.progress({phase, table, done_, shapes_.size(), out_.rows});
  }
  /// It can go on with others where it was one of them, and says why.
  void lose(snapshot_node& node, const fault& failed) {
    if (node.id == task_.primary) {
      if (out_.failed.empty()) out_.failed = "the primary can not be read: " + sentence(failed);
    } else {
      node.why = sentence(failed);
    }
  }

  void compare_definitions();
  [[nodiscard]] std::map<core::node_id, definitions> read_all_definitions();
  void note_definitions(core::node_id node, const definitions& ours, const definitions& theirs);
  [[nodiscard]] bool catch_up();

  void compare_rows();
  void compare_table(const table_shape& shape);
  /// Compares the range in chunks on these nodes. True: to its end.
  [[nodiscard]] bool compare_range(const table_shape& shape, const key_range& range, unsigned rows,
                                   const node_pointers& nodes);
  [[nodiscard]] bool find_end(const table_shape& shape, const key_range& range, unsigned rows,
                              key_range& chunk);
  [[nodiscard]] std::map<core::node_id, chunk_sum> sum_of(const table_shape& shape,
                                                          const key_range& chunk,
                                                          node_pointers nodes);
  [[nodiscard]] bool compare_chunk(const table_shape& shape, const key_range& chunk, unsigned rows,
                                   const node_pointers& nodes);
  void note_rows(const table_shape& shape, const key_range& chunk, core::node_id node,
                 const chunk_sum& ours, const chunk_sum& theirs);
  void skip(core::node_id node, const table_shape& shape, const std::string& why);
  [[nodiscard]] static bool exact(const table_shape& shape) { return shape.engine == "InnoDB"; }

  const verify_task& task_;
  verify_report out_;
  common_snapshot moment_;
  std::vector<table_shape> shapes_;
  std::size_t done_ = 0;
  bool finished_ = false;
  /// Of tables whose rows can not be compared there.
  std::set<std::pair<core::node_id, std::string>> apart_;
  std::map<core::node_id, std::size_t> told_;  ///< differences of this table
};

/// What the primary has now is there on the replicas.
bool verifier::catch_up() {
  const reply position =
      primary().now->run("SELECT @@global.gtid_binlog_pos", until(task_.patience));
  if (!position.ok()) {
    lose(primary(), position.failed);
    return false;
  }
  const std::string wait =
      fmt::format("SELECT MASTER_GTID_WAIT('{}',{})", position.tables.at(0).first(),
                  std::chrono::duration_cast<std::chrono::seconds>(task_.patience).count());
  for_each_at_once(replicas(), [&](snapshot_node& node) {
    const reply waited = node.now->run(wait, until(2 * task_.patience));
    if (!waited.ok()) lose(node, waited.failed);
  });
  return true;
}

std::map<core::node_id, definitions> verifier::read_all_definitions() {
  std::map<core::node_id, definitions> out;
  node_pointers all = replicas();
  all.push_back(&primary());
  for (const snapshot_node* each : all) out[each->id];
  for_each_at_once(all, [&](snapshot_node& node) {
    constexpr int tables_for_one_statement = 10;
    const fault failed = read_definitions(
        *node.now, until(tables_for_one_statement * task_.statement_max), out.at(node.id));
    if (failed) lose(node, failed);
  });
  return out;
}

void verifier::note_definitions(core::node_id node, const definitions& ours,
                                const definitions& theirs) {
  const auto note = [&](difference_kind kind, const definition_name& what) {
    verify_difference found;
    found.node = node;
    found.kind = kind;
    found.object = what.object;
    found.database = what.database;
    found.name = what.name;
    out_.differences.push_back(std::move(found));
    if (what.object == "table") apart_.emplace(node, what.database + "." + what.name);
  };
  for (const auto& [what, text] : ours) {
    const auto at = theirs.find(what);
    if (at == theirs.end()) note(difference_kind::missing, what);
    if (at != theirs.end() && at->second != text) note(difference_kind::definition, what);
  }
  for (const auto& [what, text] : theirs) {
    if (!ours.contains(what)) note(difference_kind::extra, what);
  }
}

/// Definitions are those of now. One that the primary has changed meanwhile is the same on a
/// replica a little later: what differs counts only if it does so repeatedly.
void verifier::compare_definitions() {
  constexpr int looks = 3;
  tell("definitions", {});
  std::map<core::node_id, definitions> all;
  for (int i = 0; i < looks && out_.failed.empty(); ++i) {
    if (!catch_up()) return;
    all = read_all_definitions();
    const node_pointers others = replicas();
    const bool equal = std::all_of(others.begin(), others.end(), [&](const snapshot_node* node) {
      return all.at(node->id) == all.at(task_.primary);
    });
    if (equal) return;
  }
  if (!out_.failed.empty()) return;
  for (const snapshot_node* each : replicas()) {
    note_definitions(each->id, all.at(task_.primary), all.at(each->id));
  }
}

void verifier::compare_rows() {
  const reply answer = primary().now->run(shapes_question(), until(task_.statement_max));
  if (!answer.ok()) {
    lose(primary(), answer.failed);
    return;
  }
  shapes_ = read_shapes(answer);
  for (const table_shape& each : shapes_) {
    if (!out_.failed.empty()) return;
    if (replicas().empty()) {
      out_.failed = "no replica is left to compare with";
      return;
    }
    tell("rows", each.full_name());
    compare_table(each);
    ++done_;
  }
  finished_ = true;
  tell("rows", {});
}

void verifier::skip(core::node_id node, const table_shape& shape, const std::string& why) {
  if (!apart_.emplace(node, shape.full_name()).second) return;
  out_.gaps.push_back({node, shape.full_name(), why});
}

void verifier::compare_table(const table_shape& shape) {
  told_.clear();
  if (!exact(shape)) out_.inexact.push_back(shape.full_name());
  node_pointers nodes;
  for (snapshot_node* each : replicas()) {
    if (!apart_.contains({each->id, shape.full_name()})) nodes.push_back(each);
  }
  if (nodes.empty()) return;
  if (compare_range(shape, {}, task_.chunk_rows, nodes)) ++out_.tables;
}

bool verifier::find_end(const table_shape& shape, const key_range& range, unsigned rows,
                        key_range& chunk) {
  if (shape.key.empty()) return true;
  // Others wait for nothing of this: what a statement has locked is given back after it.
  const reply answer =
      primary().reads->run("SAVEPOINT u;" + bound_question(shape, {chunk.from, range.to}, rows) +
                               ";ROLLBACK TO SAVEPOINT u",
                           until(task_.statement_max));
  if (!answer.ok()) {
    if (answer.failed.what != trouble::answered) {
      lose(primary(), answer.failed);
    } else {
      skip(task_.primary, shape, sentence(answer.failed));
    }
    return false;
  }
  chunk.to = range.to;
  const table& found = answer.tables.at(1);
  if (!found.rows.empty()) chunk.to = read_bound(shape, found);
  return true;
}

bool verifier::compare_range(const table_shape& shape, const key_range& range, unsigned rows,
                             const node_pointers& nodes) {
  key_range chunk{range.from, range.to};
  for (;;) {
    if (!find_end(shape, range, rows, chunk)) return false;
    if (!compare_chunk(shape, chunk, rows, nodes)) return false;
    const bool end = !chunk.to || (range.to && chunk.to->literals == range.to->literals);
    if (end) return true;
    chunk.from = chunk.to;
    chunk.to = range.to;
  }
}

std::map<core::node_id, chunk_sum> verifier::sum_of(const table_shape& shape,
                                                    const key_range& chunk, node_pointers nodes) {
  const std::string sql = "SAVEPOINT u;" + sum_question(shape, chunk) + ";ROLLBACK TO SAVEPOINT u";
  std::map<core::node_id, chunk_sum> out;
  nodes.push_back(&primary());
  for (const snapshot_node* each : nodes) out[each->id];
  for_each_at_once(nodes, [&](snapshot_node& node) {
    const reply answer = node.reads->run(sql, until(task_.statement_max));
    chunk_sum& sum = out.at(node.id);
    sum.failed = answer.failed;
    if (!answer.ok()) return;
    sum.rows = answer.tables.at(1).first();
    sum.sum = answer.tables.at(1).first(0, 1);
  });
  return out;
}

bool verifier::compare_chunk(const table_shape& shape, const key_range& chunk, unsigned rows,
                             const node_pointers& nodes) {
  node_pointers here;
  for (snapshot_node* each : nodes) {
    if (each->why.empty() && !apart_.contains({each->id, shape.full_name()})) here.push_back(each);
  }
  if (here.empty()) return false;
  const std::map<core::node_id, chunk_sum> sums = sum_of(shape, chunk, here);
  const chunk_sum& ours = sums.at(task_.primary);
  if (ours.failed) {
    if (ours.failed.what != trouble::answered) lose(primary(), ours.failed);
    if (ours.failed.what == trouble::answered) skip(task_.primary, shape, sentence(ours.failed));
    return false;
  }
  if (rows == task_.chunk_rows || shape.key.empty()) {
    out_.rows += std::stoull(ours.rows);
    tell("rows", shape.full_name());
  }
  node_pointers differ;
  for (snapshot_node* each : here) {
    const chunk_sum& theirs = sums.at(each->id);
    if (theirs.failed && theirs.failed.what != trouble::answered) {
      lose(*each, theirs.failed);
    } else if (theirs.failed) {
      skip(each->id, shape, sentence(theirs.failed));
    } else if (!ours.same_as(theirs)) {
      if (told_[each->id] >= task_.differences_per_table) {
        out_.more = true;
      } else if (rows == 1 || shape.key.empty()) {
        note_rows(shape, chunk, each->id, ours, theirs);
      } else {
        differ.push_back(each);
      }
    }
  }
  if (differ.empty()) return true;
  // Those that are lost meanwhile are not the others' concern.
  static_cast<void>(compare_range(shape, chunk, std::max(1U, rows / finer), differ));
  return out_.failed.empty() && !apart_.contains({task_.primary, shape.full_name()});
}

void verifier::note_rows(const table_shape& shape, const key_range& chunk, core::node_id node,
                         const chunk_sum& ours, const chunk_sum& theirs) {
  verify_difference found;
  found.node = node;
  found.kind = difference_kind::rows;
  found.object = "table";
  found.database = shape.database;
  found.name = shape.name;
  if (chunk.from) found.from = chunk.from->text;
  if (chunk.to) found.to = chunk.to->text;
  found.rows_primary = std::stoull(ours.rows);
  found.rows_node = std::stoull(theirs.rows);
  found.exact = exact(shape);
  out_.differences.push_back(std::move(found));
  ++told_[node];
}

}  // namespace

verify_report verify(const verify_task& task) {
  return verifier(task).run();
}

}  // namespace understudy::db
