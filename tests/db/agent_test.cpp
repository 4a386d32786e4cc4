// What an agent keeps, and the life of its server.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "db/agent_notes.hpp"
#include "db/files.hpp"
#include "db/log_groups.hpp"
#include "db/support/agents.hpp"

namespace understudy::db {
namespace {

namespace fs = std::filesystem;
using core::generation;
using core::step_end;

TEST(AgentNotes, AreKeptAndADamagedFileIsNoZero) {
  const temporary_folder folder;
  const fs::path file = notes_file(folder.path());
  agent_notes read{generation{9}, true};
  EXPECT_EQ(read_notes(file, read), "");
  EXPECT_EQ(read, agent_notes{});
  const agent_notes wrote{generation{1234567890123}, true};
  ASSERT_EQ(write_notes(file, wrote), "");
  EXPECT_EQ(read_notes(file, read), "");
  EXPECT_EQ(read, wrote);

  const std::string whole = read_text(file).value();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ASSERT_EQ(write_durably(file, whole.substr(0, size)), "");
    EXPECT_NE(read_notes(file, read), "") << size;
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string other = whole;
    other[at] = static_cast<char>(other[at] ^ 1);
    ASSERT_EQ(write_durably(file, other), "");
    EXPECT_NE(read_notes(file, read), "") << at;
  }
  EXPECT_EQ(read, wrote);  // untouched
}

TEST(Agent, RefusesLowerGenerationsAlsoAfterItsOwnStart) {
  cluster one(1);
  agents all(one);
  one.gen = generation{7};
  all.does(1, core::kill_server{});
  one.gen = generation{6};
  EXPECT_EQ(all.carry_out(1, core::start_server{}).end, step_end::refused);
  EXPECT_EQ(all.of(1).server().state(), core::process::down);
  all.restart(1);
  EXPECT_EQ(all.of(1).told(), generation{7});
  EXPECT_EQ(all.carry_out(1, core::start_server{}).end, step_end::refused);
  one.gen = generation{7};
  all.starts(1);

  // The server was told more by a session.
  one.gen = generation{9};
  one.does(1, core::hold{});
  one.gen = generation{8};
  EXPECT_EQ(all.carry_out(1, core::salvage{}).end, step_end::refused);
  EXPECT_FALSE(one.see(1).salvaged);
}

TEST(Agent, DoesNothingWithDamagedNotes) {
  cluster one(1);
  agents all(one);
  const fs::path file = notes_file(one.options(1).settings.folder);
  std::ofstream(file) << "told 0\n";
  all.restart(1);
  const agent_report report = all.carry_out(1, core::kill_server{});
  EXPECT_EQ(report.end, step_end::failed);
  EXPECT_NE(report.why.find("is damaged"), std::string::npos) << report.why;
  EXPECT_EQ(all.of(1).server().state(), core::process::running);
}

TEST(Agent, KillsAndStartsItsServer) {
  cluster one(1);
  agents all(one);
  const core::sight first = one.see(1);
  const agent_report again = all.carry_out(1, core::start_server{});
  EXPECT_EQ(again.end, step_end::failed);
  EXPECT_EQ(again.why, "it runs");
  all.does(1, core::kill_server{});
  all.does(1, core::kill_server{});
  EXPECT_EQ(all.of(1).server().state(), core::process::down);
  all.starts(1, core::start_role::primary);
  const core::sight seen = one.see(1);
  EXPECT_EQ(seen.role, core::start_role::primary);
  EXPECT_EQ(seen.boot, first.boot);
  EXPECT_NE(seen.start, first.start);
  EXPECT_EQ(all.carry_out(1, core::hold{}).end, step_end::failed);
}

class Log : public ::testing::Test {
 protected:
  cluster one_{1};
  agents all_{one_};

  std::vector<log_group> groups(const std::vector<fs::path>& files) {
    std::vector<log_group> out;
    log_visitor visitor;
    visitor.group = [&](const log_group& each) {
      out.push_back(each);
      return true;
    };
    EXPECT_EQ(read_groups(files, visitor), "");
    return out;
  }
};

TEST_F(Log, SaysWhatItsTransactionsAre) {
  all_.administrator(1, "CREATE DATABASE app");
  all_.administrator(1, "CREATE TABLE app.t (id INT PRIMARY KEY, v INT, w INT)");
  all_.administrator(1, "INSERT INTO app.t VALUES (1,2,3)");
  all_.administrator(1, "FLUSH BINARY LOGS");
  all_.administrator(1, "BEGIN; UPDATE app.t SET v=3; DELETE FROM app.t; COMMIT");
  all_.administrator(1, "INSERT INTO app.t VALUES (4,5,6)");
  all_.administrator(1, "SET SESSION binlog_row_image=MINIMAL; UPDATE app.t SET v=7");
  all_.administrator(1, "INSERT INTO mysql.help_topic VALUES (9999,'no such topic',1,'','','')");
  const auto files = files_of_log(all_.data(1) / "bin.index");
  ASSERT_EQ(files.size(), 2u);
  const auto all = groups(files);
  ASSERT_EQ(all.size(), 7u);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].id, (core::gtid{1, i + 1}));
    EXPECT_EQ(all[i].file, i < 3 ? 0u : 1u);
    EXPECT_EQ(all[i].rows_only, i >= 2 && i <= 4) << i;
  }
  EXPECT_EQ(all[3].tables, std::vector<std::string>{"app.t"});
  // One that is cut off anywhere in its last transaction is without that one.
  const fs::path torn = one_.options(1).settings.folder / "torn";
  const auto last = groups({files[0]});
  ASSERT_EQ(last.size(), 3u);
  std::string text = read_text(files[0]).value();
  ASSERT_EQ(write_durably(torn, text), "");
  ASSERT_EQ(groups({torn}).size(), 3u);
  // The last event is a rotation of some 40 bytes.
  for (std::size_t cut = 60; cut < 200; ++cut) {
    ASSERT_EQ(write_durably(torn, text.substr(0, text.size() - cut)), "");
    EXPECT_EQ(groups({torn}).size(), 2u) << cut;
  }
}

}  // namespace
}  // namespace understudy::db
