// Counting a drill's orders in their database.
#include "app/drill/drill_load.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <stdexcept>

namespace understudy::app {
namespace {

class drill_rows : public testing::Test {
 protected:
  drill_rows() {
    std::string pattern = (std::filesystem::temp_directory_path() / "rows-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    file_ = (folder_ / "orders.db").string();
  }
  ~drill_rows() override { std::filesystem::remove_all(folder_); }

  void run(const char* sql) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(::sqlite3_open(file_.c_str(), &handle), SQLITE_OK);
    EXPECT_EQ(::sqlite3_exec(handle, sql, nullptr, nullptr, nullptr), SQLITE_OK)
        << ::sqlite3_errmsg(handle);
    ::sqlite3_close(handle);
  }

  std::filesystem::path folder_;
  std::string file_;
};

TEST_F(drill_rows, counts_each_execution_of_each_call) {
  run("CREATE TABLE orders (id INTEGER PRIMARY KEY, ref TEXT NOT NULL, server TEXT NOT NULL);"
      "INSERT INTO orders (ref, server) VALUES ('first', 'primary'), ('drill-0', 'primary'),"
      " ('drill-2', 'primary'), ('drill-2', 'backup'), ('drill-123456', 'backup'),"
      " ('another', 'primary')");
  const auto rows = count_rows({file_});
  const std::unordered_map<std::uint64_t, drill_row> expected{
      {0, {1, true}}, {2, {2, true}}, {123456, {1, false}}};
  EXPECT_EQ(rows, expected);
  EXPECT_EQ(count_rows({file_, file_}).at(2).executions, 4u);  // databases are added up
}

TEST_F(drill_rows, an_empty_table_has_none) {
  run("CREATE TABLE orders (id INTEGER PRIMARY KEY, ref TEXT NOT NULL, server TEXT NOT NULL)");
  EXPECT_TRUE(count_rows({file_}).empty());
}

TEST_F(drill_rows, a_file_that_cannot_be_counted_is_told_in_a_sentence) {
  EXPECT_THROW((void)count_rows({file_}), std::runtime_error);
  run("CREATE TABLE other (id INTEGER PRIMARY KEY)");
  try {
    (void)count_rows({file_});
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("no such table: orders"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace understudy::app
