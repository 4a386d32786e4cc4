// What people ask of a call store, of a connection that need not be the one that writes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/call_store.hpp"
#include "store/sqlite/database.hpp"

namespace understudy::store::sqlite {

/// Each answer is of one moment. For one thread at a time. Throws `error`; where the connection is
/// interrupted, list() gives what it has found until then.
class reader {
 public:
  explicit reader(const connection& db);

  [[nodiscard]] std::optional<call_view> look(call_id id);
  /// By growing id. A filter by `key_print` is not for this: the index of keys is in memory.
  [[nodiscard]] std::vector<call_view> list(const call_filter& filter);

 private:
  /// A claim of it that is not settled; where it has a row in `live`, or no end.
  [[nodiscard]] bool claimed(std::int64_t id, std::int64_t settled);

  const connection* db_;
  statement look_, claims_;
};

/// Counts everything and follows what refers to what, as of one moment. What does not agree, a
/// sentence each. `db` must not be in a transaction.
[[nodiscard]] std::vector<std::string> verify(connection& db);

/// SQLite's own check of the file's structure (PRAGMA quick_check). What is wrong, a sentence each.
[[nodiscard]] std::vector<std::string> check_file(connection& db);

}  // namespace understudy::store::sqlite
