// Passwords are changed while a cluster works.
#include "db/accounts.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>

#include "db/files.hpp"
#include "db/native_password.hpp"
#include "db/node_link.hpp"
#include "db/sql.hpp"
#include "db/support/cluster.hpp"
#include "db/support/load.hpp"

namespace understudy::db {
namespace {

namespace fs = std::filesystem;

std::string hex(std::string_view text) {
  std::string out;
  for (const std::uint8_t each : sha1(text)) {
    constexpr std::string_view digits = "0123456789abcdef";
    out += digits[each >> 4U];
    out += digits[each & 0xfU];
  }
  return out;
}

TEST(NativePassword, IsAsTheServerMakesIt) {
  // FIPS 180's examples, and sizes about a block's end.
  EXPECT_EQ(hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  EXPECT_EQ(native_hash("old"), "*CD02AC33DE7D3D2AFEDF5F2BAB51B07CDB499E79");
  EXPECT_EQ(native_hash(""), "");
  cluster one(1);
  session on;
  ASSERT_FALSE(on.connect(one.all().nodes[0].at, test_supervisor(), soon()));
  for (std::size_t size = 1; size < 140; size += 9) {
    const std::string text(size, 'x');
    EXPECT_EQ(on.run("SELECT PASSWORD('" + text + "')", soon()).tables.at(0).first(),
              native_hash(text));
  }
}

class Rotation : public ::testing::Test {
 protected:
  cluster three_{3};
  const std::string supervisor_ = "new one's \\ word";
  const std::string replication_ = "new-replication";

  void SetUp() override { three_.replicate(); }

  [[nodiscard]] rotation_task task() {
    return {three_.all(), id_of(1), supervisor_, replication_, nullptr, soon(60s)};
  }
  [[nodiscard]] fault login_to(unsigned node, const login& who) {
    session on;
    return on.connect(three_.all().nodes.at(node - 1).at, who, soon());
  }
  [[nodiscard]] bool takes(unsigned node, const std::string& user, const std::string& password) {
    return !login_to(node, {user, password});
  }
  void renew(unsigned node) {
    three_.supervisor(node).use_passwords(supervisor_, replication_);
    const auto began = std::chrono::steady_clock::now();
    const node_report report = three_.supervisor(node).renew_receiver(three_.gen, soon());
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
    RecordProperty("renewed_ms_" + std::to_string(node), std::to_string(took.count()));
    ASSERT_EQ(report.end, core::step_end::done) << report.why;
    ASSERT_TRUE(eventually([&] {
      return three_.see(node).receiving == core::receiver::running && three_.see(1).ackers == 2;
    }));
  }
  static std::string all(const obstacles& found) {
    std::string out;
    for (const std::string& each : found) out += each + "\n";
    return out;
  }
  /// In the logs of any kind, on any node.
  [[nodiscard]] bool logged(const std::string& words) {
    for (unsigned n = 1; n <= 3; ++n) {
      for (const auto& each : fs::recursive_directory_iterator(three_.options(n).settings.folder)) {
        const std::string name = each.path().filename().string();
        const bool log =
            name.ends_with(".log") || name.starts_with("bin.") || name.starts_with("relay.");
        if (log && read_text(each.path()).value_or("").find(words) != std::string::npos) {
          return true;
        }
      }
    }
    return false;
  }
};

TEST_F(Rotation, UnderLoadNoCommitFails) {
  for (unsigned n = 1; n <= 3; ++n) {
    session on;
    ASSERT_FALSE(on.connect(three_.all().nodes[n - 1].at, test_supervisor(), soon()));
    ASSERT_TRUE(on.run("SET GLOBAL general_log=1; SET GLOBAL log_output='FILE'", soon()).ok());
  }
  std::vector<std::unique_ptr<load>> writers;
  for (int i = 0; i < 4; ++i) {
    writers.push_back(std::make_unique<load>(three_, 1, 1 + i * 10'000'000));
  }
  const auto goes_on = [&] {
    for (const auto& each : writers) {
      const std::size_t before = each->count();
      if (!eventually([&] { return each->count() > before + 20; })) return false;
    }
    return true;
  };
  ASSERT_TRUE(goes_on());
  obstacles found = begin_rotation(task());
  EXPECT_TRUE(found.empty()) << all(found);
  for (unsigned n = 1; n <= 3; ++n) {
    EXPECT_TRUE(takes(n, "understudy", test_supervisor().password));
    EXPECT_TRUE(takes(n, "understudy", supervisor_));
    EXPECT_TRUE(takes(n, "repl_2", "repl's"));
    EXPECT_TRUE(takes(n, "repl_2", replication_));
  }
  EXPECT_TRUE(goes_on());
  found = finish_rotation(task());
  EXPECT_NE(all(found).find("node 2: it still receives with the old"), std::string::npos);
  EXPECT_NE(all(found).find("node 3: it still receives with the old"), std::string::npos);
  renew(2);
  EXPECT_TRUE(goes_on());
  found = finish_rotation(task());
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0], "node 3: it still receives with the old password");
  EXPECT_TRUE(takes(1, "repl_3", "repl's"));
  renew(3);
  EXPECT_TRUE(goes_on());
  found = finish_rotation(task());
  EXPECT_TRUE(found.empty()) << all(found);
  for (unsigned n = 1; n <= 3; ++n) {
    EXPECT_FALSE(takes(n, "understudy", test_supervisor().password));
    EXPECT_TRUE(takes(n, "understudy", supervisor_));
    EXPECT_FALSE(takes(n, "repl_2", "repl's"));
    EXPECT_TRUE(takes(n, "repl_2", replication_));
  }
  EXPECT_TRUE(goes_on());
  std::set<std::int64_t> acknowledged;
  for (const auto& each : writers) {
    EXPECT_FALSE(each->ended());
    each->stop();
    acknowledged.merge(each->acknowledged());
  }
  const std::set<std::int64_t> there = rows_of(three_, 1);
  EXPECT_TRUE(std::includes(there.begin(), there.end(), acknowledged.begin(), acknowledged.end()));
  // A log was written, and has none of them.
  EXPECT_TRUE(logged("INSERT INTO app.t"));
  EXPECT_FALSE(logged(replication_));
  EXPECT_FALSE(logged("new one"));
  EXPECT_FALSE(logged("repl's"));
  EXPECT_FALSE(logged("repl\\'s"));
}

TEST_F(Rotation, ALinkRenewsAndGoesOnWithTheNewPasswords) {
  ASSERT_EQ(all(begin_rotation(task())), "");
  node_link link(three_.all(), id_of(2));
  const auto wait_for = [&](auto ask) {
    std::promise<node_report> done;
    EXPECT_TRUE(ask([&](node_report report) { done.set_value(std::move(report)); }));
    return done.get_future().get();
  };
  three_.supervisor(2).close();
  EXPECT_TRUE(wait_for([&](auto done) {
                return link.carry_out(core::hold{}, three_.gen, 20s, done);
              }).seen);
  link.use_passwords(supervisor_, replication_);
  const node_report renewed =
      wait_for([&](auto done) { return link.renew_receiver(three_.gen, 20s, done); });
  EXPECT_EQ(renewed.end, core::step_end::done) << renewed.why;
  ASSERT_TRUE(eventually([&] { return three_.see(2).receiving == core::receiver::running; }));
  three_.supervisor(3).use_passwords(supervisor_, replication_);
  EXPECT_EQ(three_.supervisor(3).renew_receiver(three_.gen, soon()).end, core::step_end::done);
  ASSERT_TRUE(eventually([&] { return three_.see(3).receiving == core::receiver::running; }));
  EXPECT_EQ(all(finish_rotation(task())), "");
  // Connects anew: it has lost its connection.
  session kills;
  ASSERT_FALSE(kills.connect(three_.all().nodes[1].at, {"understudy", supervisor_}, soon()));
  ASSERT_TRUE(kills.run("KILL USER understudy", soon()).ok());
  EXPECT_TRUE(wait_for([&](auto done) { return link.look(20s, done); }).seen ||
              wait_for([&](auto done) { return link.look(20s, done); }).seen);
}

TEST_F(Rotation, ANodeThatDoesNotAnswerIsNamed) {
  three_.server(3).kill();
  const obstacles found = begin_rotation(task());
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].starts_with("node 3: ")) << found[0];
  EXPECT_FALSE(takes(2, "understudy", supervisor_));
  EXPECT_NE(all(finish_rotation(task())).find("node 2: it does not take the supervisor's new"),
            std::string::npos);
}

TEST_F(Rotation, WhatWasBegunIsTakenBackAndBegunAgain) {
  EXPECT_TRUE(begin_rotation(task()).empty());
  EXPECT_TRUE(begin_rotation(task()).empty());
  rotation_task back = task();
  back.all.supervisor.password = supervisor_;
  back.all.replication_password = replication_;
  back.supervisor = three_.all().supervisor.password;
  back.replication = three_.all().replication_password;
  EXPECT_EQ(all(finish_rotation(back)), "");
  EXPECT_FALSE(takes(2, "understudy", supervisor_));
  EXPECT_TRUE(takes(2, "understudy", test_supervisor().password));
}

TEST_F(Rotation, WhoIsCutOffStaysSo) {
  session on;
  ASSERT_FALSE(on.connect(three_.all().nodes[0].at, test_supervisor(), soon()));
  ASSERT_TRUE(on.run(replication_account(id_of(9), "repl's"), soon()).ok());
  three_.does(1, core::cut{id_of(9), true});
  ASSERT_EQ(all(begin_rotation(task())), "");
  EXPECT_EQ(three_.see(1).cut, nodes({9}));
  constexpr unsigned account_is_locked = 4151;
  EXPECT_EQ(login_to(1, {"repl_9", replication_}).code, account_is_locked);
  // A node that gets nothing would not learn of it.
  three_.does(1, core::cut{id_of(3), true});
  ASSERT_TRUE(eventually([&] { return three_.see(3).receiving != core::receiver::running; }));
  const obstacles found = begin_rotation(task());
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0], "node 3: it does not receive and apply what the primary writes");
}

TEST_F(Rotation, WhatIsReceivedAndNotAppliedIsNotLost) {
  ASSERT_TRUE(begin_rotation(task()).empty());
  session locks;
  ASSERT_FALSE(locks.connect({socket_file(three_.options(2).settings.folder).string(), 0},
                             {"root", ""}, soon()));
  ASSERT_TRUE(locks.run("LOCK TABLES app.t WRITE", soon()).ok());
  ASSERT_TRUE(three_.client(1)->run("INSERT INTO app.t VALUES (1)", soon()).ok());
  const core::gtid written = three_.see(1).written;
  ASSERT_TRUE(eventually([&] { return three_.see(2).received == written; }));
  three_.supervisor(2).use_passwords(test_supervisor().password, replication_);
  const node_report report = three_.supervisor(2).renew_receiver(three_.gen, soon(2s));
  EXPECT_EQ(report.end, core::step_end::failed);
  EXPECT_NE(report.why.find("has not applied"), std::string::npos) << report.why;
  EXPECT_EQ(three_.see(2).received, written);
  ASSERT_TRUE(locks.run("UNLOCK TABLES", soon()).ok());
  three_.joins(2, 1);
  EXPECT_TRUE(eventually([&] { return rows_of(three_, 2) == std::set<std::int64_t>{1}; }));
}

}  // namespace
}  // namespace understudy::db
