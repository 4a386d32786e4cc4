// How a client asks a gateway to store a call.
#include "net/client_stored.hpp"

#include <gtest/gtest.h>

#include "understudy/error.hpp"
#include "wire/json_text.hpp"

namespace understudy::net {
namespace {

using namespace std::chrono_literals;

TEST(ClientStored, SaysNoMoreThanWasAskedFor) {
  EXPECT_EQ(stored_context("[]", {}), R"({"understudy":{"mode":"durable"}})");
}

TEST(ClientStored, SaysAllThatWasAskedForAndKeepsTheContext) {
  stored_call wanted;
  wanted.as = stored_call::mode::queued;
  wanted.key = "a\"b";
  wanted.wait = 1s;
  wanted.delay = 2ms;
  wanted.deadline = 3ms;
  wanted.priority = 9;
  wanted.order_by = "o";
  const auto text = stored_context(R"({"a":1.0,"b":[]})", wanted);
  EXPECT_EQ(text, R"({"understudy":{"mode":"queued","key":"a\"b","wait_ms":1000,"delay_ms":2,)"
                  R"("deadline_ms":3,"priority":9,"order_by":"o"},"a":1.0,"b":[]})");
  EXPECT_TRUE(wire::json_valid(text));
}

TEST(ClientStored, RefusesAContextThatSaysSoItself) {
  try {
    (void)stored_context(R"({"understudy":{}})", {});
    FAIL() << "it is refused";
  } catch (const rpc_error& error) {
    EXPECT_EQ(error.code(), code::invalid_params);
    EXPECT_EQ(error.sent(), delivery::not_sent);
  }
}

}  // namespace
}  // namespace understudy::net
