// A thin C++ face of SQLite: one connection, prepared statements, errors as exceptions.
#pragma once

#include <sqlite3.h>

#include <concepts>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace understudy::store::sqlite {

/// What SQLite said, with the extended result code.
class error : public std::runtime_error {
 public:
  error(int code, const std::string& what) : std::runtime_error(what), code_(code) {}
  [[nodiscard]] int code() const { return code_; }
  [[nodiscard]] bool full() const { return (code_ & 0xff) == SQLITE_FULL; }

 private:
  int code_;
};

enum class access : std::uint8_t { write, read };

/// One connection to a file, for one thread at a time. Throws `error`.
class connection {
 public:
  /// `vfs`: a registered sqlite3_vfs; empty: the default one. With access::write the file is made
  /// where there is none. Closing it checkpoints nothing.
  connection(const std::string& file, access how, const std::string& vfs);

  void run(const char* sql);
  [[nodiscard]] sqlite3* handle() const { return handle_.get(); }
  /// Rows that the last statement inserted, changed or deleted.
  [[nodiscard]] int changes() const { return ::sqlite3_changes(handle_.get()); }
  /// False where SQLite has rolled back by itself.
  [[nodiscard]] bool in_transaction() const { return ::sqlite3_get_autocommit(handle_.get()) == 0; }
  [[noreturn]] void fail(int code) const;

 private:
  std::unique_ptr<sqlite3, decltype(&::sqlite3_close_v2)> handle_{nullptr, &::sqlite3_close_v2};
};

/// Rows of a statement that runs; the statement is reset with it. Columns count from 0.
class rows {
 public:
  rows(const connection& on, sqlite3_stmt* running) : on_(&on), running_(running) {}
  rows(const rows&) = delete;
  rows& operator=(const rows&) = delete;
  ~rows() { ::sqlite3_reset(running_); }

  /// True while there is a row.
  bool next() {
    const int code = ::sqlite3_step(running_);
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) on_->fail(code);
    return false;
  }
  [[nodiscard]] std::int64_t integer(int column) const {
    return ::sqlite3_column_int64(running_, column);
  }
  [[nodiscard]] bool null(int column) const {
    return ::sqlite3_column_type(running_, column) == SQLITE_NULL;
  }
  /// Valid until next().
  [[nodiscard]] std::string_view bytes(int column) const {
    const void* data = ::sqlite3_column_blob(running_, column);
    const auto size = static_cast<std::size_t>(::sqlite3_column_bytes(running_, column));
    return {static_cast<const char*>(data), data == nullptr ? 0 : size};
  }
  [[nodiscard]] std::string text(int column) const { return std::string(bytes(column)); }

 private:
  const connection* on_;
  sqlite3_stmt* running_;
};

/// A prepared statement, used again and again. Its arguments are integers, texts (string_view) and
/// blobs (span of bytes); they must live as long as it runs.
class statement {
 public:
  statement(const connection& on, const char* sql);

  template <typename... Args>
  [[nodiscard]] rows query(const Args&... args) {
    int parameter = 0;
    (bind(++parameter, args), ...);
    return rows(*on_, prepared_.get());
  }
  /// To the end; the number of rows that changed.
  template <typename... Args>
  int run(const Args&... args) {
    auto all = query(args...);
    while (all.next()) {
    }
    return on_->changes();
  }

 private:
  template <std::integral T>
  void bind(int parameter, T value) {
    ::sqlite3_bind_int64(prepared_.get(), parameter, static_cast<sqlite3_int64>(value));
  }
  void bind(int parameter, std::string_view value) {
    // A null pointer would bind NULL.
    ::sqlite3_bind_text(prepared_.get(), parameter, value.data() == nullptr ? "" : value.data(),
                        static_cast<int>(value.size()), SQLITE_STATIC);
  }
  void bind(int parameter, std::span<const std::uint8_t> value) {
    ::sqlite3_bind_blob(prepared_.get(), parameter, value.data(), static_cast<int>(value.size()),
                        SQLITE_STATIC);
  }

  const connection* on_;
  std::unique_ptr<sqlite3_stmt, decltype(&::sqlite3_finalize)> prepared_{nullptr,
                                                                         &::sqlite3_finalize};
};

}  // namespace understudy::store::sqlite
