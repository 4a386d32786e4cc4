// A data folder is replaced by a copy, or it is not.
#include "db/files.hpp"
#include "db/support/diverged.hpp"

namespace understudy::db {
namespace {

namespace fs = std::filesystem;
using core::step_end;

/// Gives what it is told to.
struct false_source final : copy_source {
  std::uintmax_t bytes = 1;
  std::string failure;
  std::string measure(std::uintmax_t& into) override {
    into = bytes;
    return {};
  }
  std::string send(int /*fd*/, const interrupt* /*stop*/) override { return failure; }
};

class Clone : public Diverged {
 protected:
  void SetUp() override {
    Diverged::SetUp();
    alone("INSERT INTO app.t VALUES (500)");
    alone("CREATE TABLE app.u (id INT PRIMARY KEY)");
    written_ = two_.see(1).written;
    rows_ = rows_of(two_, 1);
  }
  /// The agent ends when the clone comes to this phase.
  void dies_at(std::string_view place) {
    all_.watch = [this, place](std::string_view phase) {
      if (phase != place) return;
      all_.watch = nullptr;
      throw agent_died();
    };
    EXPECT_THROW(static_cast<void>(all_.carry_out(1, core::clone{id_of(2)})), agent_died) << place;
  }
  void expect_clean() {
    const fs::path folder = two_.options(1).settings.folder;
    EXPECT_FALSE(fs::exists(folder / "data.copy"));
    EXPECT_FALSE(fs::exists(folder / "data.old"));
  }
  core::gtid written_;
  std::set<std::int64_t> rows_;
};

TEST_F(Clone, ADivergedNodeBecomesACopyAndFollows) {
  std::set<std::string> phases;
  all_.watch = [&](std::string_view phase) { phases.emplace(phase); };
  const std::uint64_t start = two_.see(1).start;
  two_.gen = core::generation{30};
  const agent_report report = all_.does(1, core::clone{id_of(2)});
  EXPECT_EQ(phases, (std::set<std::string>{"keep", "copy", "prepare", "swap", "start"}));
  EXPECT_NE(read_text(report.kept).value_or("").find("CREATE TABLE app.u"), std::string::npos);
  core::sight seen = two_.see(1);
  const core::sight donor = two_.see(2);
  EXPECT_EQ(seen.written, donor.written);
  EXPECT_EQ(seen.state, donor.state);
  EXPECT_TRUE(seen.read_only);
  EXPECT_FALSE(seen.replica);
  EXPECT_FALSE(seen.salvaged);
  EXPECT_EQ(seen.role, core::start_role::replica);
  EXPECT_EQ(seen.server_id, 1u);
  EXPECT_EQ(seen.told, core::generation{30});
  EXPECT_NE(seen.start, start);
  EXPECT_NE(seen.start, donor.start);
  EXPECT_FALSE(donor.read_only);
  expect_clean();
  expect_follows();
  all_.restarts(1);  // as any other: what was cut off its log is in its relay log
  all_.does(1, core::salvage{});
  EXPECT_EQ(two_.see(1).written, two_.see(2).written);
}

TEST_F(Clone, WhileTheDonorIsWritten) {
  load writes(two_, 2, 1000);
  ASSERT_TRUE(eventually([&] { return writes.count() > 50; }));
  all_.does(1, core::clone{id_of(2)});
  EXPECT_FALSE(writes.ended());
  two_.does(1, core::hold{});
  two_.joins(1, 2);
  writes.stop();
  ASSERT_TRUE(eventually([&] { return two_.see(1).written == two_.see(2).written; }));
  expect_follows();
}

TEST_F(Clone, ANodeWithoutDataBecomesACopy) {
  all_.does(1, core::kill_server{});
  fs::remove_all(all_.data(1));
  all_.does(1, core::clone{id_of(2)});
  expect_clean();
  expect_follows();
}

TEST_F(Clone, InterruptedItIsTheOldOneOrTheNewOne) {
  for (const char* const place : {"copy", "prepare", "swap"}) {
    dies_at(place);
    all_.restart(1);
    expect_untouched(written_, rows_);
    expect_clean();
  }
  dies_at("start");
  all_.restart(1);
  EXPECT_EQ(all_.of(1).server().state(), core::process::down);
  // Not as a primary: it has no place yet.
  EXPECT_EQ(all_.carry_out(1, core::start_server{core::start_role::primary}).end, step_end::failed);
  all_.starts(1);
  expect_clean();
  expect_follows();
}

TEST_F(Clone, InterruptedBetweenItsRenamesItIsTheNewOne) {
  dies_at("start");
  fs::rename(all_.data(1), two_.options(1).settings.folder / "data.copy");
  all_.restart(1);
  all_.starts(1);
  expect_clean();
  expect_follows();
}

TEST_F(Clone, WithoutTheNewOneItIsTheOldOne) {
  dies_at("start");
  // As it would be before the rename, with a copy that has no seal.
  const fs::path copy = two_.options(1).settings.folder / "data.copy";
  fs::rename(all_.data(1), copy);
  fs::remove(copy / "understudy.copy");
  all_.restart(1);
  all_.starts(1, core::start_role::primary);
  expect_untouched(written_, rows_);
  expect_clean();
}

TEST_F(Clone, ACopyThatDoesNotStartIsTakenOutAgain) {
  dies_at("start");
  fs::resize_file(all_.data(1) / "ibdata1", 4096);
  const agent_report report = all_.carry_out(1, core::start_server{});
  EXPECT_EQ(report.end, step_end::failed);
  EXPECT_NE(report.why.find("does not start"), std::string::npos) << report.why;
  expect_clean();
  all_.starts(1, core::start_role::primary);
  expect_untouched(written_, rows_);
}

TEST_F(Clone, FailuresLeaveTheNodeAsItIs) {
  const auto fails_with = [&](const char* why, const interrupt* stop = nullptr) {
    const agent_report report = all_.carry_out(1, core::clone{id_of(2)}, stop);
    EXPECT_EQ(report.end, step_end::failed);
    EXPECT_NE(report.why.find(why), std::string::npos) << report.why;
    expect_untouched(written_, rows_);
    expect_clean();
  };
  false_source source;
  all_.source = &source;
  source.bytes = std::uintmax_t{1} << 60U;
  fails_with("are left for it");
  source.bytes = 1;
  source.failure = "it is gone";
  fails_with("the donor: it is gone");
  source.failure = "";  // and nothing came
  fails_with("mariadb-backup failed");
  all_.source = nullptr;
  interrupt stop;
  all_.watch = [&](std::string_view phase) {
    if (phase == "prepare") stop.stop();
  };
  fails_with("it was cancelled", &stop);
  // A primary is no one's copy.
  EXPECT_EQ(all_.carry_out(2, core::clone{id_of(1)}).end, step_end::failed);
  EXPECT_FALSE(two_.see(2).read_only);
}

}  // namespace
}  // namespace understudy::db
