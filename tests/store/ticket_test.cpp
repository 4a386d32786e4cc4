#include <gtest/gtest.h>

#include "store/call_store.hpp"

namespace understudy::store {
namespace {

TEST(Ticket, ReadsWhatItWrites) {
  const call_id id{123456789};
  EXPECT_EQ(format_ticket("0a1b2c3d4e", id), "c-0a1b2c3d4e-123456789");
  EXPECT_EQ(parse_ticket("0a1b2c3d4e", "c-0a1b2c3d4e-123456789"), id);
}

TEST(Ticket, OfAnotherStoreIsNone) {
  EXPECT_EQ(parse_ticket("0a1b2c3d4e", "c-1111111111-5"), std::nullopt);
}

TEST(Ticket, HasOneSpelling) {
  for (const char* wrong :
       {"", "c-", "c-t-", "c-t-05", "c-t-0", "c-t-5 ", "c-t--5", "c-t-x", "C-t-5", "c-t-5x",
        "c-t-9223372036854775808", "c-t-99999999999999999999"}) {
    EXPECT_EQ(parse_ticket("t", wrong), std::nullopt) << wrong;
  }
  EXPECT_TRUE(parse_ticket("t", "c-t-9223372036854775807"));
}

}  // namespace
}  // namespace understudy::store
