// The tables of the call store, the pragmas of its connection, and what moves an older file on.
#pragma once

#include <cstdint>
#include <string>

#include "store/sqlite/database.hpp"

namespace understudy::store::sqlite {

/// Sets WAL with an fsync for each commit and no checkpoint but by the caller, and the page cache.
/// Checkpoints what an earlier process left: after a failed fsync the WAL may exist only in the
/// kernel's page cache, and what is acknowledged from now on must not rest on it.
void prepare(connection& db, std::size_t cache_bytes);

/// Makes the tables, or brings those of an older version up to date, in one transaction. Throws
/// std::runtime_error with a sentence where the file is of a newer version or no call store.
/// `tag` is kept where the store is new.
void migrate(connection& db, const std::string& tag);

/// Named integers that outlive the process.
[[nodiscard]] std::int64_t meta_integer(connection& db, const char* name);
void set_meta(connection& db, const char* name, std::int64_t value);
[[nodiscard]] std::string meta_text(connection& db, const char* name);

}  // namespace understudy::store::sqlite
