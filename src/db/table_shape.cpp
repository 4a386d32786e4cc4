#include "db/table_shape.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <utility>

#include "db/sql.hpp"

namespace understudy::db {

namespace {

bool one_of(std::string_view type, std::initializer_list<std::string_view> all) {
  return std::find(all.begin(), all.end(), type) != all.end();
}

bool is_number(std::string_view type) {
  return one_of(type, {"tinyint", "smallint", "mediumint", "int", "bigint", "decimal"});
}

bool is_bytes(std::string_view type) {
  return one_of(type, {"binary", "varbinary"});
}

bool is_text(std::string_view type) {
  return one_of(type, {"char", "varchar"});
}

/// Such values can be written in SQL so that they compare as the column's do.
bool can_bound(std::string_view type) {
  return is_number(type) || is_bytes(type) || is_text(type) ||
         one_of(type, {"date", "datetime", "timestamp", "time", "year", "uuid", "inet4", "inet6"});
}

/// The value as bytes that differ where it does.
std::string bytes_of(const table_column& column) {
  const std::string name = as_name(column.name);
  if (column.type == "float") return fmt::format("CAST(CAST({} AS DOUBLE) AS BINARY)", name);
  // By number: two members of a set may have the same name in another character set.
  if (one_of(column.type, {"bit", "enum", "set"})) return fmt::format("CAST({}+0 AS BINARY)", name);
  // What is long would make the whole row longer than the server can join: that would be NULL.
  if (one_of(column.type,
             {"tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob", "mediumblob",
              "longblob", "json", "geometry", "point", "linestring", "polygon", "multipoint",
              "multilinestring", "multipolygon", "geometrycollection"})) {
    return fmt::format("MD5({})", name);
  }
  return fmt::format("CAST({} AS BINARY)", name);
}

std::string part_of(const table_column& column) {
  const std::string bytes = bytes_of(column);
  return fmt::format("IFNULL(CONCAT(LENGTH({0}),':',{0}),'-')", bytes);
}

/// Rows after the place: (a>1) OR (a=1 AND b>2), which the server can use the key for.
std::string beyond(const table_shape& shape, const key_bound& place, std::string_view last_sign,
                   std::string_view sign) {
  std::vector<std::string> ways;
  std::string same;
  for (std::size_t i = 0; i < shape.key.size(); ++i) {
    const std::string name = as_name(shape.key[i].name);
    const bool last = i + 1 == shape.key.size();
    ways.push_back(
        fmt::format("({}{}{}{})", same, name, last ? last_sign : sign, place.literals[i]));
    same += fmt::format("{}={} AND ", name, place.literals[i]);
  }
  return fmt::format("({})", fmt::join(ways, " OR "));
}

std::string condition_of(const table_shape& shape, const key_range& range) {
  std::vector<std::string> all;
  if (range.from) all.push_back(beyond(shape, *range.from, ">", ">"));
  if (range.to) all.push_back(beyond(shape, *range.to, "<=", "<"));
  return all.empty() ? std::string() : fmt::format(" WHERE {}", fmt::join(all, " AND "));
}

std::string table_of(const table_shape& shape) {
  return fmt::format("{}.{}{}", as_name(shape.database), as_name(shape.name),
                     shape.key.empty() ? "" : " FORCE INDEX (PRIMARY)");
}

using place_of = std::map<std::pair<std::string, std::string>, table_shape*>;

place_of index(std::vector<table_shape>& shapes) {
  place_of out;
  for (table_shape& each : shapes) out.emplace(std::pair(each.database, each.name), &each);
  return out;
}

}  // namespace

std::string as_name(std::string_view name) {
  std::string out = "`";
  for (const char c : name) {
    if (c == '`') out += '`';
    out += c;
  }
  return out + "`";
}

std::string_view databases_apart() {
  return "'mysql','information_schema','performance_schema','sys','understudy_local'";
}

std::string shapes_question() {
  return fmt::format(
      "SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA "
      "NOT IN ({0}) AND TABLE_TYPE IN ('BASE TABLE','SYSTEM VERSIONED') AND ENGINE IS NOT NULL "
      "ORDER BY TABLE_SCHEMA, TABLE_NAME;"
      "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE, IFNULL(CHARACTER_SET_NAME,'') FROM "
      "information_schema.COLUMNS WHERE TABLE_SCHEMA NOT IN ({0}) AND EXTRA NOT LIKE '%VIRTUAL%' "
      "AND IFNULL(GENERATION_EXPRESSION,'') NOT IN ('ROW START','ROW END') "
      "ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION;"
      "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, SUB_PART IS NOT NULL FROM "
      "information_schema.STATISTICS WHERE TABLE_SCHEMA NOT IN ({0}) AND INDEX_NAME='PRIMARY' "
      "ORDER BY TABLE_SCHEMA, TABLE_NAME, SEQ_IN_INDEX",
      databases_apart());
}

std::vector<table_shape> read_shapes(const reply& answer) {
  std::vector<table_shape> out;
  const table& tables = answer.tables.at(0);
  for (std::size_t i = 0; i < tables.rows.size(); ++i) {
    table_shape& shape = out.emplace_back();
    shape.database = tables.first(i);
    shape.name = tables.first(i, 1);
    shape.engine = tables.first(i, 2);
  }
  const place_of places = index(out);
  const auto find = [&](const table& in, std::size_t row) {
    const auto at = places.find({std::string(in.first(row)), std::string(in.first(row, 1))});
    return at == places.end() ? nullptr : at->second;
  };
  const table& columns = answer.tables.at(1);
  for (std::size_t i = 0; i < columns.rows.size(); ++i) {
    table_shape* const shape = find(columns, i);
    if (shape == nullptr) continue;
    shape->columns.push_back({std::string(columns.first(i, 2)), std::string(columns.first(i, 3)),
                              std::string(columns.first(i, 4))});
  }
  const table& keys = answer.tables.at(2);
  std::map<table_shape*, bool> unusable;
  for (std::size_t i = 0; i < keys.rows.size(); ++i) {
    table_shape* const shape = find(keys, i);
    if (shape == nullptr) continue;
    const auto column =
        std::find_if(shape->columns.begin(), shape->columns.end(),
                     [&](const table_column& each) { return each.name == keys.first(i, 2); });
    const bool usable =
        column != shape->columns.end() && keys.first(i, 3) == "0" && can_bound(column->type);
    if (!usable) unusable[shape] = true;
    if (usable) shape->key.push_back(*column);
  }
  for (const auto& [shape, is] : unusable) shape->key.clear();
  return out;
}

std::string bound_question(const table_shape& shape, const key_range& range, unsigned count) {
  std::vector<std::string> names;
  std::vector<std::string> values;
  for (const table_column& each : shape.key) {
    names.push_back(as_name(each.name));
    values.push_back(is_text(each.type) || is_bytes(each.type)
                         ? fmt::format("HEX(CAST({} AS BINARY))", names.back())
                         : fmt::format("CAST({} AS CHAR)", names.back()));
    values.push_back(is_bytes(each.type) ? fmt::format("CONCAT('0x',HEX({}))", names.back())
                                         : fmt::format("CAST({} AS CHAR)", names.back()));
  }
  return fmt::format("SELECT {} FROM {}{} ORDER BY {} LIMIT 1 OFFSET {}", fmt::join(values, ", "),
                     table_of(shape), condition_of(shape, range), fmt::join(names, ", "),
                     count - 1);
}

key_bound read_bound(const table_shape& shape, const table& answer) {
  key_bound out;
  for (std::size_t i = 0; i < shape.key.size(); ++i) {
    const std::string value(answer.first(0, 2 * i));
    const table_column& column = shape.key[i];
    std::string literal = db::quoted(value);
    if (is_number(column.type)) literal = value;
    if (is_bytes(column.type)) literal = "X'" + value + "'";
    if (is_text(column.type)) literal = fmt::format("_{} X'{}'", column.charset, value);
    out.literals.push_back(std::move(literal));
    if (i > 0) out.text += ", ";
    out.text += answer.first(0, 2 * i + 1);
  }
  return out;
}

std::string sum_question(const table_shape& shape, const key_range& range) {
  std::vector<std::string> parts;
  for (const table_column& each : shape.columns) parts.push_back(part_of(each));
  return fmt::format(
      "SELECT COUNT(*), IFNULL(SUM(CAST(CONV(LEFT(MD5(CONCAT({})),16),16,10) AS UNSIGNED)),0) "
      "FROM {}{}",
      fmt::join(parts, ","), table_of(shape), condition_of(shape, range));
}

}  // namespace understudy::db
