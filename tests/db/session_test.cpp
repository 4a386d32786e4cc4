// What becomes of a session whose peer is no MariaDB server, or one that does not answer.
#include "db/session.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "db/support/cluster.hpp"

namespace understudy::db {
namespace {

/// Listens, and lets the kernel accept connections as it does for a frozen process.
class mute_listener {
 public:
  mute_listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(::listen(fd_, 8), 0);
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size), 0);
    port_ = ntohs(at.sin_port);
  }
  ~mute_listener() { close(); }
  mute_listener(const mute_listener&) = delete;
  mute_listener& operator=(const mute_listener&) = delete;
  [[nodiscard]] endpoint at() const { return {"127.0.0.1", port_}; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void accept_and_close() const {
    const int one = ::accept(fd_, nullptr, nullptr);
    ::close(one);
  }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

TEST(Session, NobodyListens) {
  mute_listener gone;
  gone.close();
  session on;
  EXPECT_EQ(on.connect(gone.at(), {"a", "b"}, soon()).what, trouble::refused);
  EXPECT_FALSE(on.usable());
}

TEST(Session, AFrozenServerAcceptsAndIsSilent) {
  const mute_listener frozen;
  session on;
  EXPECT_EQ(on.connect(frozen.at(), {"a", "b"}, soon(100ms)).what, trouble::silent);
  EXPECT_FALSE(on.open());
}

TEST(Session, APeerThatHangsUpBeforeItsGreeting) {
  const mute_listener peer;
  std::thread closer([&] { peer.accept_and_close(); });
  session on;
  EXPECT_EQ(on.connect(peer.at(), {"a", "b"}, soon()).what, trouble::lost);
  closer.join();
}

TEST(Session, IsInterrupted) {
  const mute_listener frozen;
  interrupt stop;
  session on(&stop);
  std::thread stopper([&] { stop.stop(); });
  EXPECT_EQ(on.connect(frozen.at(), {"a", "b"}, soon(600s)).what, trouble::stopped);
  stopper.join();
  EXPECT_EQ(on.connect(frozen.at(), {"a", "b"}, soon(600s)).what, trouble::stopped);
}

TEST(Session, WithoutAConnectionNothingRuns) {
  session on;
  EXPECT_EQ(on.run("SELECT 1", soon()).failed.what, trouble::lost);
}

class OneServer : public ::testing::Test {
 protected:
  cluster one_{1};
  session on_;
  void SetUp() override {
    ASSERT_FALSE(on_.connect(one_.all().nodes[0].at, test_supervisor(), soon()));
  }
};

TEST_F(OneServer, AnswersEachStatementUpToTheOneThatFails) {
  const auto good = on_.run("SELECT 1 AS a, NULL AS b; DO 0; SELECT 'x' UNION SELECT 'y'", soon());
  ASSERT_TRUE(good.ok()) << good.failed.text;
  ASSERT_EQ(good.tables.size(), 3u);
  EXPECT_EQ(good.tables[0].at(0, "a"), "1");
  EXPECT_EQ(good.tables[0].at(0, "b"), "");
  EXPECT_FALSE(good.tables[0].rows[0][1]);
  EXPECT_EQ(good.tables[0].at(0, "c"), "");
  EXPECT_TRUE(good.tables[1].rows.empty());
  EXPECT_EQ(good.tables[2].first(1), "y");

  const auto bad = on_.run("SELECT 1; SELECT * FROM understudy.nothing; SELECT 2", soon());
  EXPECT_EQ(bad.failed.what, trouble::answered);
  EXPECT_TRUE(bad.failed.code == 1049 || bad.failed.code == 1146) << bad.failed.code;
  EXPECT_EQ(bad.tables.size(), 1u);
  EXPECT_TRUE(on_.usable());
  EXPECT_EQ(on_.run("SELECT CONNECTION_ID()", soon()).tables.at(0).first(),
            std::to_string(on_.id()));
}

TEST_F(OneServer, AWrongPasswordIsAnAnswer) {
  session other;
  const fault f = other.connect(one_.all().nodes[0].at, {"understudy", "wrong"}, soon());
  EXPECT_EQ(f.what, trouble::answered);
  EXPECT_EQ(f.code, 1045u);
}

TEST_F(OneServer, AStatementHasADeadline) {
  EXPECT_EQ(on_.run("SELECT SLEEP(600)", soon(50ms)).failed.what, trouble::silent);
  EXPECT_FALSE(on_.open());
}

TEST_F(OneServer, AKilledConnectionIsLost) {
  session other;
  ASSERT_FALSE(other.connect(one_.all().nodes[0].at, test_supervisor(), soon()));
  ASSERT_TRUE(other.run("KILL " + std::to_string(on_.id()), soon()).ok());
  ASSERT_TRUE(eventually([&] { return !on_.usable(); }));
  EXPECT_EQ(on_.run("SELECT 1", soon()).failed.what, trouble::lost);
}

TEST_F(OneServer, AServerThatDiesIsLostAndThenRefused) {
  std::thread killer([&] { one_.server(1).kill(); });
  EXPECT_EQ(on_.run("SELECT SLEEP(600)", soon()).failed.what, trouble::lost);
  killer.join();
  EXPECT_EQ(on_.connect(one_.all().nodes[0].at, test_supervisor(), soon()).what, trouble::refused);
}

}  // namespace
}  // namespace understudy::db
