#include "net/address.hpp"

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <stdexcept>
#include <string>
#include <utility>

#include "net/listen.hpp"

namespace understudy::net {
namespace {

using pair = std::pair<std::string, std::string>;

pair parts(std::string_view address, port_rule port = port_rule::given) {
  const auto found = split_address(address, port);
  return found ? pair(found->host, found->port) : pair();
}

TEST(split_address, takes_hosts_names_and_bracketed_ipv6_with_a_port) {
  EXPECT_EQ(parts("127.0.0.1:9501"), pair("127.0.0.1", "9501"));
  EXPECT_EQ(parts("[::1]:9501"), pair("::1", "9501"));
  EXPECT_EQ(parts("orders.internal:1"), pair("orders.internal", "1"));
  EXPECT_EQ(parts("a:65535"), pair("a", "65535"));
}

TEST(split_address, refuses_everything_else) {
  constexpr std::array bad{"",       ":9501", "localhost", "localhost:", "a:65536",
                           "a:-1",   "a:+1",  "a:9x",      "::1:9",      "http://a:9501",
                           "a b:1",  "[]:1",  "[::1]",     "[::1:1",     "::1]:1",
                           "[a]b:1", "a/b:1", "a@b:1",     "a:0"};
  for (const char* address : bad) EXPECT_FALSE(split_address(address)) << address;
}

TEST(split_address, port_zero_is_for_those_who_listen) {
  EXPECT_EQ(parts("127.0.0.1:0", port_rule::any_for_zero), pair("127.0.0.1", "0"));
  EXPECT_FALSE(split_address("127.0.0.1:0"));
}

TEST(numeric_endpoint, is_there_for_ip_addresses_and_writes_back_alike) {
  for (const char* address : {"127.0.0.1:9501", "[::1]:9501"}) {
    const auto endpoint = numeric_endpoint(split_address(address).value());
    ASSERT_TRUE(endpoint) << address;
    EXPECT_EQ(format_endpoint(*endpoint), address);
  }
  EXPECT_FALSE(numeric_endpoint({"localhost", "9501"}));
}

TEST(listen_on, says_why_it_cannot) {
  boost::asio::io_context context;
  const auto failure = [&](const std::string& address) {
    try {
      (void)listen_on(context.get_executor(), address);
    } catch (const std::runtime_error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(failure("9501"), "Cannot listen on 9501: an address is HOST:PORT.");
  const auto taken = listen_on(context.get_executor(), "127.0.0.1:0");
  const auto address = format_endpoint(taken.local_endpoint());
  EXPECT_EQ(failure(address), "Cannot listen on " + address + ": Address already in use.");
}

TEST(listen_on, several_may_share_a_port_that_all_of_them_share) {
  boost::asio::io_context context;
  const auto first = listen_on(context.get_executor(), "127.0.0.1:0", true);
  const auto address = format_endpoint(first.local_endpoint());
  EXPECT_NO_THROW((void)listen_on(context.get_executor(), address, true));
}

}  // namespace
}  // namespace understudy::net
