// One question to the kernel for all connections of a loop, and what it may be used for.
#include "net/arrivals.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <list>
#include <optional>
#include <string>

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

class arrivals_test : public testing::Test {
 protected:
  struct connection {
    explicit connection(asio::io_context& io) : here(io), peer(io) {}
    tcp::socket here;
    tcp::socket peer;
    std::optional<arrivals::place> place;
    [[nodiscard]] bool quiet() const { return place->quiet(); }
    void say() { asio::write(peer, asio::buffer("x", 1)); }
    void hear() {
      char byte = 0;
      asio::read(here, asio::buffer(&byte, 1));
    }
  };

  connection& connect() {
    auto& made = connections_.emplace_back(io_);
    made.here.connect(acceptor_.local_endpoint());
    made.peer = acceptor_.accept();
    made.place.emplace(all_, made.here.native_handle());
    return made;
  }

  asio::io_context io_{1};
  arrivals& all_ = arrivals::of(io_.get_executor());
  outbox& sends_ = outbox::of(io_.get_executor());
  tcp::acceptor acceptor_{io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  std::list<connection> connections_;
};

TEST_F(arrivals_test, what_has_come_is_seen_until_it_is_read) {
  auto& one = connect();
  auto& other = connect();
  EXPECT_TRUE(one.quiet());
  one.say();
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(one.quiet());
  EXPECT_TRUE(other.quiet());
  one.hear();
  EXPECT_TRUE(one.quiet());
}

TEST_F(arrivals_test, so_is_the_end) {
  auto& one = connect();
  one.peer.shutdown(tcp::socket::shutdown_send);
  EXPECT_FALSE(one.quiet());
  auto& other = connect();
  other.peer.set_option(tcp::socket::linger(true, 0));
  other.peer.close();
  EXPECT_FALSE(other.quiet());
}

TEST_F(arrivals_test, one_look_serves_a_burst_and_no_other) {
  auto& one = connect();
  auto& other = connect();
  std::string seen;
  sends_.add([&] {
    seen += one.quiet() ? 'q' : 'n';
    other.say();
  });
  sends_.add([&] { seen += other.quiet() ? 'q' : 'n'; });
  io_.run();
  EXPECT_EQ(seen, "qq");
  sends_.add([&] { seen += other.quiet() ? 'q' : 'n'; });
  io_.restart();
  io_.run();
  EXPECT_EQ(seen, "qqn");
  EXPECT_FALSE(other.quiet());  // in no burst
}

TEST_F(arrivals_test, where_one_look_cannot_tell_of_all_none_is_called_quiet) {
  auto& silent = connect();
  for (int i = 0; i < 200; ++i) connect().say();
  EXPECT_FALSE(silent.quiet());
  for (const auto& each : connections_) EXPECT_FALSE(each.quiet());
}

// A second descriptor keeps the connection, and the kernel what it knows of it.
TEST_F(arrivals_test, a_place_that_is_gone_is_not_found_again) {
  auto& one = connect();
  const int second = ::dup(one.here.native_handle());
  ASSERT_GE(second, 0);
  one.place.reset();
  one.here.close();
  one.say();
  auto& other = connect();  // has the same number
  EXPECT_TRUE(other.quiet());
  ::close(second);
}

TEST_F(arrivals_test, a_descriptor_that_the_kernel_cannot_watch_is_never_called_quiet) {
  const arrivals::place nowhere(all_, -1);
  EXPECT_FALSE(nowhere.quiet());
}

}  // namespace
}  // namespace understudy::net
