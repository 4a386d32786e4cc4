// What a server answers to SQL, and what can come instead.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace understudy::db {

/// Why there is no answer, by what it says of the server.
enum class trouble : std::uint8_t {
  none,
  refused,   ///< its host says that nobody listens there
  lost,      ///< the connection ended
  silent,    ///< no answer in time, or no way to the host
  answered,  ///< the server answered with an error: `code` and `text` are its own
  stopped,   ///< we were told to stop
};

struct fault {
  trouble what = trouble::none;
  unsigned code = 0;  ///< of the server or the client library; 0: ours
  std::string text;
  [[nodiscard]] explicit operator bool() const { return what != trouble::none; }
};

/// Rows of one statement. Values are as the server prints them; nothing is NULL.
struct table {
  std::vector<std::string> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;

  /// "" where there is no such column, or it is NULL.
  [[nodiscard]] std::string_view at(std::size_t row, std::string_view column) const {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (columns[i] == column && rows.at(row)[i]) return *rows.at(row)[i];
    }
    return {};
  }
  [[nodiscard]] std::string_view first(std::size_t row = 0, std::size_t column = 0) const {
    if (rows.size() <= row || !rows[row].at(column)) return {};
    return *rows[row][column];
  }
};

/// To some statements sent as one: a table for each that has been done, up to the one that failed.
struct reply {
  std::vector<table> tables;
  fault failed;
  [[nodiscard]] bool ok() const { return !failed; }
};

}  // namespace understudy::db
