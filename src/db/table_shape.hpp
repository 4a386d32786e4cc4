// How the rows of a table are read in chunks, and summed up so that two tables can be compared.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/reply.hpp"
#include "db/session.hpp"

namespace understudy::db {

/// `name`, in back quotes.
[[nodiscard]] std::string as_name(std::string_view name);
/// 'understudy_local', ...: databases that are not compared, for NOT IN (...).
[[nodiscard]] std::string_view databases_apart();

struct table_column {
  std::string name;
  std::string type;     ///< information_schema's DATA_TYPE
  std::string charset;  ///< of text; empty: it is none
};

struct table_shape {
  std::string database;
  std::string name;
  std::string engine;
  std::vector<table_column> columns;  ///< those that are stored, in the order of the definition
  /// Of the primary key; empty where there is none, or none that chunks can be bounded by.
  std::vector<table_column> key;

  [[nodiscard]] std::string full_name() const { return database + "." + name; }
};

/// A place in the order of the primary key.
struct key_bound {
  std::vector<std::string> literals;  ///< one for each column of the key
  std::string text;                   ///< for people
};
/// Rows above `from` and not above `to`; nothing: no bound.
struct key_range {
  std::optional<key_bound> from;
  std::optional<key_bound> to;
};

/// All tables with rows of their own, outside of the databases apart, by name. They are found by
/// `shapes_question()`, several statements in one.
[[nodiscard]] std::string shapes_question();
[[nodiscard]] std::vector<table_shape> read_shapes(const reply& answer);

/// Asks for the place of the `count`-th row of a range; no row: there are fewer.
[[nodiscard]] std::string bound_question(const table_shape& shape, const key_range& range,
                                         unsigned count);
[[nodiscard]] key_bound read_bound(const table_shape& shape, const table& answer);

/// Asks for the number of rows and the sum of their hashes: 64 bits of MD5 for each row, added as
/// whole numbers. So the order does not matter, two equal rows do not cancel out (as they would by
/// XOR), and NULL, '' and 'NULL' differ. Texts count as they are stored, FLOAT with all its bits.
[[nodiscard]] std::string sum_question(const table_shape& shape, const key_range& range);

}  // namespace understudy::db
