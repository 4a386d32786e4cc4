// The secret of a cluster: what is taken, what is refused, and what is made of it.
#include "app/database/cluster_secret.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace understudy::app {
namespace {

namespace fs = std::filesystem;

class ClusterSecret : public testing::Test {
 protected:
  fs::path file =
      fs::temp_directory_path() /
      (std::string("secret-") + testing::UnitTest::GetInstance()->current_test_info()->name());

  void TearDown() override { fs::remove(file); }
  void write(const std::string& text, fs::perms may = fs::perms::owner_read) {
    std::ofstream(file) << text;
    fs::permissions(file, may);
  }
  std::string why_not() {
    try {
      (void)read_cluster_secret(file.string());
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "it was taken";
  }
};

TEST_F(ClusterSecret, IsTheFirstLine) {
  write("0123456789abcdef\nand a remark\n");
  const cluster_secret read = read_cluster_secret(file.string());
  EXPECT_EQ(read.supervisor, "0123456789abcdef");
  EXPECT_EQ(read.replication.size(), 64U);
  EXPECT_NE(read.replication, read.agent);
  // It is the same on all hosts, and in all versions: replicas log in with it.
  EXPECT_EQ(read.replication, make_cluster_secret("0123456789abcdef").replication);
  EXPECT_EQ(read.replication.substr(0, 16), "aa05dbcda3cde682");
}

TEST_F(ClusterSecret, ThatIsShortIsRefused) {
  write("short\n");
  EXPECT_NE(why_not().find("it needs 16 at least"), std::string::npos) << why_not();
}

TEST_F(ClusterSecret, WithABlankIsRefused) {
  write("0123456789 abcdef\n");
  EXPECT_NE(why_not().find("no blanks"), std::string::npos) << why_not();
}

TEST_F(ClusterSecret, ThatEverybodyCanReadIsRefused) {
  write("0123456789abcdef\n", fs::perms::owner_read | fs::perms::others_read);
  EXPECT_NE(why_not().find("Everybody can read"), std::string::npos) << why_not();
}

TEST_F(ClusterSecret, ThatIsNotThereIsNamed) {
  EXPECT_NE(why_not().find(file.string()), std::string::npos) << why_not();
}

}  // namespace
}  // namespace understudy::app
