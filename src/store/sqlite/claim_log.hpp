// Which calls are claimed, in the file: a row for each commit that claims, not for each call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "store/sqlite/running_book.hpp"
#include "store/sqlite/statements.hpp"

namespace understudy::store::sqlite {

/// The table `claim` has ids of calls whose attempts may be under way. Nothing is written when a
/// claim is over: a claim is open where
/// - its call's row in `live` says so (`settled` is less than the claim's batch), or
/// - its call was claimed in the commit that accepted it, and has neither a row in `live` nor an
///   end.
/// A row goes when none of its claims is open. Rows of which few are open are written anew, so that
/// there are at most some times as many ids as open claims.
///
/// For one transaction at a time: begins and ends come as they happen, write() before the commit,
/// then commit() or rollback().
class claim_log {
 public:
  claim_log(statements& sql, running_book& running) : sql_(sql), running_(running) {}

  void begins(std::int64_t id) { fresh_.push_back(id); }
  /// `batch` of the claim that is over; 0: it was not written yet.
  void ends(std::int64_t batch);
  /// `draw` gives the batch: a number larger than any `settled` until now.
  void write(const std::function<std::int64_t()>& draw);
  void commit();
  /// `running_` has been rolled back before.
  void rollback();

  /// Ids in the table.
  [[nodiscard]] std::size_t listed() const { return listed_; }

 private:
  struct row {
    std::size_t listed = 0;
    std::size_t open = 0;
  };
  void shrink();

  statements& sql_;
  running_book& running_;
  std::map<std::int64_t, row> batches_;
  std::vector<std::int64_t> fresh_;  // claimed in this transaction
  std::vector<std::int64_t> over_;   // batches of which nothing is open since this transaction
  std::int64_t written_ = 0;         // the batch of this transaction
  std::size_t listed_ = 0;
};

}  // namespace understudy::store::sqlite
