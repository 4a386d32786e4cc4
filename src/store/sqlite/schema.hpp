// The tables of the call store, the pragmas of its connection, and what moves an older file on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "store/sqlite/database.hpp"

namespace understudy::store::sqlite {

/// Of the file and the WAL.
inline constexpr std::size_t page_bytes = 8192;
/// What a WAL that grew beyond it, because someone read for long, is cut to when it begins anew.
inline constexpr std::size_t wal_kept = 64UL << 20U;

/// Sets WAL with an fsync for each commit and no checkpoint but by the caller, and the page cache.
/// Checkpoints what an earlier process left: after a failed fsync the WAL may exist only in the
/// kernel's page cache, and what is acknowledged from now on must not rest on it.
void prepare(connection& db, std::size_t cache_bytes);

/// Gives the empty WAL its space at once: a commit into space that a file has already is flushed
/// several times as quickly as one that makes it grow. From then on the WAL is never truncated, but
/// begins anew in place. What it has then; 0 where there is no room, or the file system has no such
/// function: it grows as it is needed.
[[nodiscard]] std::size_t reserve_wal(connection& db, std::size_t bytes);

/// Makes the tables, or brings those of an older version up to date, in one transaction. Throws
/// std::runtime_error with a sentence where the file is of a newer version or no call store.
/// `tag` is kept where the store is new.
void migrate(connection& db, const std::string& tag);

/// Named integers that outlive the process.
[[nodiscard]] std::int64_t meta_integer(connection& db, const char* name);
void set_meta(connection& db, const char* name, std::int64_t value);
[[nodiscard]] std::string meta_text(connection& db, const char* name);

}  // namespace understudy::store::sqlite
