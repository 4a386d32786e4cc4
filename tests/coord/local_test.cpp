// One supervisor with a file: what is written is found again, or missed loudly.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "coord/local/local_coordinator.hpp"
#include "coord/topology_text.hpp"
#include "coord_support.hpp"

namespace understudy::coord {
namespace {

namespace fs = std::filesystem;

class Local : public testing::Test {
 protected:
  std::unique_ptr<coordinator> make() {
    local_options options;
    options.folder = folder();
    options.self = core::supervisor_id{0xa1};
    return make_local_coordinator(loop_.executor(), options);
  }
  [[nodiscard]] std::string folder() const { return temp_.path() + "/a/b"; }
  [[nodiscard]] std::string file() const { return folder() + "/topology"; }
  read_result read(coordinator& c) { return loop_.run(c.read(in(20s))); }
  write_result write(coordinator& c, std::int64_t expected, const core::topology& t) {
    return loop_.run(c.write(revision{expected}, t, in(20s)));
  }
  std::string fault() {
    try {
      make();
    } catch (const std::runtime_error& what) {
      return what.what();
    }
    return {};
  }
  static std::string content(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream(path, std::ios::binary).rdbuf();
    return out.str();
  }
  static void put(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  }

  temp_folder temp_;
  loop loop_;
};

TEST_F(Local, FindsAgainWhatWasWritten) {
  {
    const auto first = make();
    const auto nothing = read(*first);
    EXPECT_EQ(nothing.end, read_end::answered);
    EXPECT_FALSE(nothing.value);
    EXPECT_EQ(nothing.at, revision{0});
    const auto written = write(*first, 0, topology_of(1));
    EXPECT_EQ(written.end, write_end::written) << written.why;
    EXPECT_EQ(written.at, revision{1});
    EXPECT_EQ(write(*first, 1, topology_of(2, 2)).at, revision{2});
    EXPECT_EQ(read(*first).value, topology_of(2, 2));
  }
  const auto second = make();
  const auto found = read(*second);
  EXPECT_EQ(found.end, read_end::answered) << found.why;
  EXPECT_EQ(found.value, topology_of(2, 2));
  EXPECT_EQ(found.at, revision{2});
  EXPECT_EQ(write(*second, 2, topology_of(3, 2)).at, revision{3});
}

TEST_F(Local, KeepsAJournalOfEpochs) {
  const auto c = make();
  write(*c, 0, topology_of(1, 1));
  write(*c, 1, topology_of(2, 1));
  write(*c, 2, topology_of(3, 2));
  EXPECT_NE(content(folder() + "/journal/1").find(to_text(topology_of(1, 1))), std::string::npos);
  EXPECT_NE(content(folder() + "/journal/2").find(to_text(topology_of(3, 2))), std::string::npos);
}

TEST_F(Local, DecidesByTheRevision) {
  const auto c = make();
  EXPECT_EQ(write(*c, 1, topology_of(1)).end, write_end::conflict);
  EXPECT_EQ(write(*c, 0, topology_of(1)).end, write_end::written);
  EXPECT_EQ(write(*c, 0, topology_of(2)).end, write_end::conflict);
  EXPECT_EQ(write(*c, 1, topology_of(1)).end, write_end::refused);
  EXPECT_EQ(read(*c).value, topology_of(1));
}

TEST_F(Local, OfTwoWritesAtOnceOneIsDone) {
  const auto c = make();
  auto one = c->write(revision{0}, topology_of(1, 1, 0xa1), in(20s));
  auto other = c->write(revision{0}, topology_of(1, 1, 0xb2), in(20s));
  EXPECT_EQ(loop_.run(std::move(one)).end, write_end::written);
  EXPECT_EQ(loop_.run(std::move(other)).end, write_end::conflict);
  EXPECT_EQ(read(*c).value, topology_of(1, 1, 0xa1));
}

TEST_F(Local, LetsNoOtherProcessIn) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    // Another process: it has the folder until it is killed.
    const auto c = make();
    if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_EQ(fault(), "Another process supervises this cluster: it holds " + folder() + "/lock.");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  EXPECT_EQ(fault(), "");
}

TEST_F(Local, NeverBeginsAnewWithADamagedFile) {
  write(*make(), 0, topology_of(1));
  const std::string good = content(file());
  EXPECT_EQ(fault(), "");
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    put(file(), bad);
    ASSERT_EQ(fault(), file() + " is damaged: its checksum is not that of what is in it.") << at;
    put(file(), good.substr(0, at));
    ASSERT_NE(fault(), "") << at;
  }
  put(file(), good + "x");
  EXPECT_NE(fault(), "");
  put(file(), good);
  EXPECT_EQ(read(*make()).value, topology_of(1));
}

TEST_F(Local, TakesAFileWithoutATopologyForNone) {
  write(*make(), 0, topology_of(1));
  fs::remove(file());
  fs::create_directory(file());
  EXPECT_NE(fault().find("Can not read " + file()), std::string::npos) << fault();
}

TEST_F(Local, SaysWhatIsInTheWayOfItsFolder) {
  put(temp_.path() + "/a", "");
  EXPECT_EQ(fault(), "Can not make " + temp_.path() + "/a: File exists.");
}

TEST_F(Local, AWriteThatFailsLeavesAllAsItWas) {
  const auto c = make();
  write(*c, 0, topology_of(1));
  fs::create_directory(file() + ".new");  // in the way
  const auto failed = write(*c, 1, topology_of(2));
  EXPECT_EQ(failed.end, write_end::unreachable);
  EXPECT_NE(failed.why.find("Can not write the topology to " + folder()), std::string::npos);
  EXPECT_EQ(read(*c).value, topology_of(1));
  fs::remove(file() + ".new");
  EXPECT_EQ(write(*c, 1, topology_of(2)).at, revision{2});
}

TEST_F(Local, AnEntryOfTheJournalThatFailsLeavesAllAsItWas) {
  const auto c = make();
  write(*c, 0, topology_of(1));
  fs::create_directory(folder() + "/journal/2.new");
  EXPECT_EQ(write(*c, 1, topology_of(2, 2)).end, write_end::unreachable);
  EXPECT_EQ(read(*c).value, topology_of(1));
}

TEST_F(Local, DoesNotWaitForALateDisk) {
  const auto c = make();
  write(*c, 0, topology_of(1));
  const std::string in_the_way = file() + ".new";
  ASSERT_EQ(::mkfifo(in_the_way.c_str(), 0600), 0);  // to open it takes until somebody reads
  const auto late = loop_.run(c->write(revision{1}, topology_of(2), in(20ms)));
  EXPECT_EQ(late.end, write_end::unknown);
  EXPECT_EQ(read(*c).value, topology_of(1));
  const int reader = ::open(in_the_way.c_str(), O_RDONLY | O_CLOEXEC);
  fs::remove(in_the_way);
  // That fails at last: what is no file can not be flushed. So the one behind it is the next.
  EXPECT_EQ(write(*c, 1, topology_of(2, 1, 0xb2)).end, write_end::written);
  ::close(reader);
  EXPECT_EQ(read(*c).value, topology_of(2, 1, 0xb2));
}

TEST_F(Local, TellsOfChanges) {
  const auto c = make();
  std::vector<read_result> told;
  c->watch([&told](const read_result& found) { told.push_back(found); });
  loop_.until([&told] { return told.size() == 1; });
  EXPECT_FALSE(told[0].value);
  write(*c, 0, topology_of(1));
  loop_.until([&told] { return told.size() == 2; });
  EXPECT_EQ(told[1].value, topology_of(1));
  c->saw(core::generation{5});
  loop_.until([&told] { return told.size() == 3; });
  EXPECT_EQ(told[2].end, read_end::gone_back);
}

TEST_F(Local, SeesThatItsFileIsOlderThanWhatNodesWereTold) {
  const auto c = make();
  write(*c, 0, topology_of(1));
  c->saw(core::generation{5});
  EXPECT_EQ(read(*c).end, read_end::gone_back);
  EXPECT_EQ(write(*c, 1, topology_of(5)).end, write_end::refused);
  EXPECT_EQ(write(*c, 1, topology_of(6)).end, write_end::written);
  EXPECT_EQ(read(*c).end, read_end::answered);
}

TEST_F(Local, Leads) {
  const auto c = make();
  c->campaign();
  EXPECT_GT(c->leading_until(), in(1000s));
  EXPECT_EQ(c->leader().who, core::supervisor_id{0xa1});
  loop_.run(c->resign(in(1s)));
}

}  // namespace
}  // namespace understudy::coord
