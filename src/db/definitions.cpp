#include "db/definitions.hpp"

#include <fmt/format.h>

#include <cctype>

#include "db/sql.hpp"
#include "db/table_shape.hpp"

namespace understudy::db {

namespace {

std::string question() {
  return fmt::format(
      "SELECT 'database', SCHEMA_NAME, '', CONCAT(DEFAULT_CHARACTER_SET_NAME,' ',"
      "DEFAULT_COLLATION_NAME) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN ({0}) "
      "UNION ALL SELECT 'view', TABLE_SCHEMA, TABLE_NAME, MD5(CONCAT_WS('|', VIEW_DEFINITION, "
      "CHECK_OPTION, DEFINER, SECURITY_TYPE, ALGORITHM)) FROM information_schema.VIEWS "
      "WHERE TABLE_SCHEMA NOT IN ({0}) "
      "UNION ALL SELECT 'trigger', TRIGGER_SCHEMA, TRIGGER_NAME, MD5(CONCAT_WS('|', "
      "EVENT_MANIPULATION, EVENT_OBJECT_TABLE, ACTION_ORDER, ACTION_STATEMENT, ACTION_TIMING, "
      "SQL_MODE, DEFINER)) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA NOT IN ({0}) "
      "UNION ALL SELECT LOWER(type), db, name, MD5(CONCAT_WS('|', sql_data_access, "
      "is_deterministic, security_type, HEX(param_list), HEX(returns), HEX(body), definer, "
      "sql_mode, aggregate)) FROM mysql.proc WHERE db NOT IN ({0}) "
      "UNION ALL SELECT 'event', db, name, MD5(CONCAT_WS('|', HEX(body), definer, "
      "IFNULL(execute_at,'-'), IFNULL(interval_value,'-'), IFNULL(interval_field,'-'), "
      "IFNULL(starts,'-'), IFNULL(ends,'-'), on_completion, sql_mode, time_zone)) "
      "FROM mysql.event WHERE db NOT IN ({0});"
      "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES "
      "WHERE TABLE_SCHEMA NOT IN ({0}) AND TABLE_TYPE<>'VIEW'",
      databases_apart());
}

}  // namespace

std::string without_next_number(std::string text) {
  // Of the options behind the columns: a comment of a column could have the same words, and then
  // the closing bracket follows it.
  constexpr std::string_view words = " AUTO_INCREMENT=";
  const std::size_t options = text.rfind("\n)");
  if (options == std::string::npos) return text;
  const std::size_t at = text.find(words, options);
  if (at == std::string::npos) return text;
  std::size_t end = at + words.size();
  while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end])) != 0) ++end;
  return text.erase(at, end - at);
}

fault read_definitions(session& on, core::time_point deadline, definitions& into) {
  into.clear();
  const reply answer = on.run(question(), deadline);
  if (!answer.ok()) return answer.failed;
  const table& all = answer.tables.at(0);
  for (std::size_t i = 0; i < all.rows.size(); ++i) {
    into[{std::string(all.first(i)), std::string(all.first(i, 1)), std::string(all.first(i, 2))}] =
        all.first(i, 3);
  }
  const table& tables = answer.tables.at(1);
  for (std::size_t i = 0; i < tables.rows.size(); ++i) {
    const std::string_view database = tables.first(i);
    const std::string_view name = tables.first(i, 1);
    const reply text =
        on.run(fmt::format("SHOW CREATE TABLE {}.{}", as_name(database), as_name(name)), deadline);
    if (is_missing(text.failed)) continue;
    // One that can not be opened is an answer, too: it differs where the other can be.
    if (!text.ok() && text.failed.what != trouble::answered) return text.failed;
    into[{tables.first(i, 2) == "SEQUENCE" ? "sequence" : "table", std::string(database),
          std::string(name)}] =
        text.ok() ? without_next_number(std::string(text.tables.at(0).first(0, 1)))
                  : text.failed.text;
  }
  return {};
}

}  // namespace understudy::db
