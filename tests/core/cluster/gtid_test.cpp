#include "core/cluster/gtid.hpp"

#include <gtest/gtest.h>

namespace understudy::core {
namespace {

history of(std::string_view text) {
  return parse_history(text).value();
}

TEST(Gtid, IsReadAndWrittenAsMariaDbDoes) {
  EXPECT_EQ(parse_gtid("0-1001-7"), (gtid{1001, 7}));
  EXPECT_EQ(to_string(gtid{1001, 7}), "0-1001-7");
  EXPECT_EQ(parse_gtid(""), gtid{});
  EXPECT_EQ(to_string(gtid{}), "");
}

TEST(Gtid, AnotherDomainIsNone) {
  EXPECT_FALSE(parse_gtid("1-1001-7"));
  EXPECT_FALSE(parse_history("0-1001-7,1-1001-9"));
}

TEST(Gtid, WhatIsNoPositionIsRefused) {
  for (const char* text : {"0", "0-", "0-1", "0-1-", "0-1-x", "0-1-2-3", "x", "0-1-2,", "0--1-2",
                           "0-1-99999999999999999999", "0-4294967296-1", " 0-1-2"}) {
    EXPECT_FALSE(parse_gtid(text)) << text;
  }
}

TEST(Gtid, AServerIsOfOneEpochOnly) {
  EXPECT_EQ(server_id_of(epoch{2}, node_id{3}), 2003U);
  EXPECT_EQ(server_id_of(epoch{epoch_max}, node_id{node_number_max}), 4'294'966'999U);
}

TEST(History, HoldsWhatItsServersWrote) {
  const history all = of("0-1001-9,0-2002-14");
  EXPECT_TRUE(all.holds({1001, 9}));
  EXPECT_TRUE(all.holds({1001, 3}));
  EXPECT_TRUE(all.holds({2002, 14}));
  EXPECT_TRUE(all.holds({}));
}

// By number alone the tail of a deposed primary would pass.
TEST(History, DoesNotHoldTheTailOfADeposedPrimary) {
  const history all = of("0-1001-9,0-2002-14");
  EXPECT_FALSE(all.holds({1001, 10}));
  EXPECT_FALSE(all.holds({3001, 2}));
}

TEST(History, IsTheSameHoweverItIsListed) {
  EXPECT_EQ(of("0-2002-14,0-1001-9"), of("0-1001-9,0-2002-14"));
  EXPECT_EQ(to_string(of("0-2002-14,0-1001-9")), "0-1001-9,0-2002-14");
  EXPECT_TRUE(of("").empty());
}

}  // namespace
}  // namespace understudy::core
