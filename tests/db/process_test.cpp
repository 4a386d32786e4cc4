// The life of a server's process.
#include <gtest/gtest.h>

#include <set>

#include "db/error_log.hpp"
#include "db/look.hpp"
#include "db/server_process.hpp"
#include "db/sql.hpp"
#include "db/support/cluster.hpp"

namespace understudy::db {
namespace {

TEST(ErrorLog, SaysHowAStartEnded) {
  EXPECT_TRUE(read_start("2026 [Note] /usr/sbin/mariadbd: ready for connections.\n").ready);
  EXPECT_FALSE(read_start("2026 [Note] ready\n").ready);
  EXPECT_TRUE(read_start("[ERROR] Cannot truncate the binary log to file: x").stuck);
  EXPECT_TRUE(read_start("[Note] Successfully truncated binlog file").cut_off);
}

TEST(Process, MakesAFolderStartsAndIsKilled) {
  const temporary_folder folder;
  server_process server(small_server(core::node_id{1}, folder.path()));
  EXPECT_FALSE(server.initialised());
  EXPECT_EQ(server.start(core::start_role::replica), "there is no data folder");
  ASSERT_EQ(server.initialise(), "");
  EXPECT_TRUE(server.initialised());
  EXPECT_EQ(server.state(), core::process::down);

  ASSERT_EQ(server.start(core::start_role::replica), "");
  EXPECT_EQ(server.state(), core::process::running);
  EXPECT_EQ(server.start(core::start_role::replica), "it runs");
  ASSERT_TRUE(server.wait_ready(soon())) << server.log();
  EXPECT_TRUE(server.ready());
  EXPECT_EQ(::getpgid(server.id()), server.id());

  server.kill();
  EXPECT_EQ(server.id(), 0);
  EXPECT_EQ(server.state(), core::process::down);
  EXPECT_FALSE(server.wait_ready(soon()));
}

TEST(Process, AFolderThatCanNotBeMadeIsSaid) {
  const temporary_folder folder;
  process_options options = small_server(core::node_id{1}, folder.path());
  options.install_options.emplace_back("--no-such-option");
  server_process server(options);
  EXPECT_NE(server.initialise(), "");
  EXPECT_FALSE(server.initialised());
}

TEST(Process, ItsEndIsNoticed) {
  cluster one(1);
  const pid_t id = one.server(1).id();
  ASSERT_EQ(::kill(id, SIGKILL), 0);
  EXPECT_TRUE(eventually([&] { return one.server(1).state() == core::process::down; }));
  EXPECT_FALSE(one.server(1).ready());
}

TEST(Process, StartsAreToldApartAndSayTheirRole) {
  cluster one(1);
  const core::sight first = one.see(1);
  EXPECT_EQ(first.role, core::start_role::replica);
  EXPECT_NE(first.boot, 0u);
  one.supervisor(1).close();
  EXPECT_EQ(one.see(1).start, first.start);
  std::set<std::uint64_t> starts{first.start};
  for (int i = 0; i < 3; ++i) {
    one.server(1).kill();
    one.start(1, core::start_role::primary);
    const core::sight again = one.see(1);
    EXPECT_TRUE(starts.insert(again.start).second);
    EXPECT_EQ(again.role, core::start_role::primary);
    EXPECT_EQ(again.boot, first.boot);
    EXPECT_TRUE(again.read_only);
  }
}

TEST(Process, StartsAreToldApartWithoutAMark) {
  cluster one(1);
  session on;
  const auto ask = [&](const char* what) {
    const auto read = on.run(std::string("SELECT ") + what, soon());
    return std::string(read.tables.at(0).first());
  };
  const char* const uptime =
      "(SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME='UPTIME')";
  const std::string began = std::string("UNIX_TIMESTAMP() - ") + uptime;
  const std::string passed = uptime + std::string(" >= 2");
  const auto connect = [&] {
    return !on.connect(one.all().nodes[0].at, test_supervisor(), soon());
  };
  ASSERT_TRUE(connect());
  const std::string first = ask(began.c_str());
  const std::string drawn = ask("SUBSTR(UUID(), 20)");
  EXPECT_TRUE(eventually([&] {  // the same across seconds
    EXPECT_EQ(ask(began.c_str()), first);
    EXPECT_EQ(ask("SUBSTR(UUID(), 20)"), drawn);
    return ask(passed.c_str()) == "1";
  }));
  // A start draws another, also in the same second; now and then (1 in 16384) it is the same.
  std::set<std::string> all{drawn};
  for (int i = 0; i < 3; ++i) {
    one.server(1).kill();
    one.start(1);
    ASSERT_TRUE(connect());
    all.insert(ask("SUBSTR(UUID(), 20)"));
  }
  EXPECT_GE(all.size(), 3u);
  EXPECT_NE(ask(began.c_str()), first);
}

TEST(Process, ItsSettingsAreSafeAndOthersAreNamed) {
  cluster one(1);
  const node_report safe = one.supervisor(1).check(soon());
  EXPECT_TRUE(safe.seen) << safe.why;
  for (const auto& each : safe.unsafe) {
    ADD_FAILURE() << each.name << " is " << each.value << ", must be " << each.must_be;
  }
  session on;
  ASSERT_FALSE(on.connect(one.all().nodes[0].at, test_supervisor(), soon()));
  ASSERT_TRUE(
      on.run("SET GLOBAL sync_binlog=0, GLOBAL rpl_semi_sync_master_timeout=10000", soon()).ok());
  const auto unsafe = one.supervisor(1).check(soon()).unsafe;
  ASSERT_EQ(unsafe.size(), 2u);
  EXPECT_EQ(unsafe[0].name, "sync_binlog");
  EXPECT_EQ(unsafe[1].name, "rpl_semi_sync_master_timeout");
  EXPECT_EQ(unsafe[1].value, "10000");
  EXPECT_FALSE(unsafe[1].restart);
}

TEST(Process, TheNextOwnerFindsTheServer) {
  const temporary_folder folder;
  const process_options options = small_server(core::node_id{1}, folder.path());
  auto first = std::make_unique<server_process>(options);
  ASSERT_EQ(first->initialise(), "");
  ASSERT_EQ(first->start(core::start_role::replica), "");
  ASSERT_TRUE(first->wait_ready(soon())) << first->log();
  const pid_t id = first->id();
  first.reset();

  server_process second(options);
  EXPECT_EQ(second.id(), id);
  EXPECT_TRUE(second.ready()) << second.log();
  EXPECT_EQ(second.start(core::start_role::replica), "it runs");
  server_process third(options);
  second.kill();
  EXPECT_EQ(second.state(), core::process::down);
  EXPECT_EQ(third.state(), core::process::down);
  EXPECT_EQ(server_process(options).id(), 0);
}

TEST(Process, OneWhoseLogCanNotBeCutOffIsStuck) {
  cluster one(1);
  one.does(1, core::hold{});
  one.does(1, core::promote{core::epoch{1}, {}});
  one.does(1, core::open{core::epoch{1}, true});
  const auto client = one.client(1);
  ASSERT_TRUE(
      client->run("CREATE DATABASE app; CREATE TABLE app.t (id INT PRIMARY KEY)", soon()).ok());
  one.does(1, core::wait_for_acks{true});
  // A row, and then a change of the schema, that nobody acknowledges.
  interrupt stop;
  const auto begins = [&](const char* sql) {
    auto on = one.client(1, &stop);
    return std::thread([on = std::move(on), sql] { static_cast<void>(on->run(sql, soon(600s))); });
  };
  const core::gtid before = one.see(1).written;
  std::thread row = begins("INSERT INTO app.t VALUES (1)");
  EXPECT_TRUE(eventually([&] { return one.see(1).written.seq == before.seq + 1; }));
  std::thread schema = begins("CREATE TABLE app.u (id INT PRIMARY KEY)");
  EXPECT_TRUE(eventually([&] { return one.see(1).written.seq == before.seq + 2; }));
  one.server(1).kill();
  row.join();
  schema.join();

  ASSERT_EQ(one.server(1).start(core::start_role::replica), "");
  EXPECT_FALSE(one.server(1).wait_ready(soon()));
  EXPECT_EQ(one.server(1).state(), core::process::stuck) << one.server(1).log();
  // As a primary it starts.
  one.start(1, core::start_role::primary);
  EXPECT_EQ(one.see(1).written.seq, before.seq + 2);
}

}  // namespace
}  // namespace understudy::db
