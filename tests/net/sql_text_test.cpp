// Where SQL text kills, and where it only speaks of it; cut at every byte.
#include "net/sql_text.hpp"

#include <gtest/gtest.h>

#include <string>

#include "net/sql_packets.hpp"

namespace understudy::test {
namespace {

bool kills(std::string_view text, std::uint16_t status = net::sql_status::autocommit) {
  net::sql_kill_finder whole(status);
  const bool found = whole.find(text);
  net::sql_kill_finder pieces(status);
  bool found_in_pieces = false;
  for (const char& c : text) found_in_pieces = found_in_pieces || pieces.find({&c, 1});
  EXPECT_EQ(found, found_in_pieces) << text;
  return found;
}

TEST(SqlKillFinder, FindsTheStatement) {
  for (const char* text : {
           "KILL 5",
           "kill query 5",
           "  \t\r\n KiLl\n5",
           "KILL/**/5",
           "/* a */KILL 5",
           "/* ** KILL */ /***/ KILL 5",
           "-- a\nKILL 5",
           "--\nKILL 5",
           "# a\nKILL 5",
           "/*!KILL 5*/",
           "/*!50000KILL 5*/",
           "/*!100500 KILL QUERY 5 */",
           "/*M!100500 KILL 5*/",
           "SELECT 1;KILL 5",
           "SELECT 'a\\'; '; KILL 5",
           "SELECT 'a''b', \"c\"\"d\", `e``f`; KILL 5",
           "SELECT '\\\\'; KILL 5",
           "SELECT `\\`; KILL 5",
           "SELECT 1 - -1 / 2 * 3; KILL 5",
           "SELECT 1--1; KILL 5",
           "SELECT 2/*!*/*3; KILL 5",
           "SELECT 2*/* a */3; KILL 5",
           "BEGIN NOT ATOMIC KILL 5; END",
           "SET STATEMENT max_statement_time=1 FOR KILL 5",
           "CREATE PROCEDURE p() KILL 5",
           "KILL @a",
           "KILL'5'",
       }) {
    EXPECT_TRUE(kills(text)) << text;
  }
}

TEST(SqlKillFinder, LetsTheWordBe) {
  for (const char* text : {
           "SELECT 'KILL 5'",
           "SELECT \"; KILL 5\"",
           "SELECT `KILL ` FROM t",
           "SELECT '\\'; KILL 5 '",
           "SELECT 'a''; KILL 5 '",
           "SELECT t.kill FROM t",
           "SELECT @kill , @@kill ",
           "SELECT skill , kills , kill_ , kill$ , 1kill , killer FROM t",
           "SELECT k\xc3\xadll , kill\xc3\xa9 FROM t",
           "SELECT 1 -- KILL 5",
           "SELECT 1 # KILL 5",
           "SELECT 1 /* KILL 5 */",
           "SELECT 1 /* * / KILL 5 */",
           "SELECT 1 /*m! KILL 5 */",
           "/*! SELECT 1 */ /* KILL 5 */",
           "K/**/ILL 5",
           "KI",
           "",
       }) {
    EXPECT_FALSE(kills(text)) << text;
  }
}

TEST(SqlKillFinder, QuotesAsTheSessionDoes) {
  EXPECT_TRUE(kills("SELECT 'a\\', '; KILL 5"));
  EXPECT_FALSE(kills("SELECT 'a\\', '; KILL 5", net::sql_status::no_backslash_escapes));
  EXPECT_TRUE(kills("SELECT 'a\\'; KILL 5", net::sql_status::no_backslash_escapes));
  EXPECT_FALSE(kills("SELECT \"a\\\"; KILL 5"));
  EXPECT_TRUE(kills("SELECT \"a\\\"; KILL 5", net::sql_status::ansi_quotes));
}

}  // namespace
}  // namespace understudy::test
