// What of a call is kept, what names it, and what a server is sent.
#include "app/calls/stored_text.hpp"

#include <gtest/gtest.h>

namespace understudy::app {
namespace {

TEST(stored_text, a_key_names_a_call_within_its_place_interface_and_method) {
  const store::print key = key_print("", "A@place", "k");
  EXPECT_EQ(key_print("", "A@place", "k"), key);
  EXPECT_NE(key_print("pool", "A@place", "k"), key);
  EXPECT_NE(key_print("", "B@place", "k"), key);
  EXPECT_NE(key_print("", "A@cancel", "k"), key);
  EXPECT_NE(key_print("", "A@place", "K"), key);
  // PHP ignores the case of methods, not that of what is registered.
  EXPECT_EQ(key_print("", "A@PLACE", "k"), key);
  EXPECT_NE(key_print("", "a@place", "k"), key);
}

TEST(stored_text, no_two_lists_of_parts_look_alike) {
  EXPECT_NE(key_print("a", "b@c", "d"), key_print("ab", "@c", "d"));
  EXPECT_NE(key_print("", "A@b", "c1:d"), key_print("", "A@bc", "1:d"));
  EXPECT_NE(content_print("A@b", "[1]"), content_print("A@b[", "1]"));
}

TEST(stored_text, content_is_what_was_received) {
  EXPECT_EQ(content_print("A@b", "[1]"), content_print("A@b", "[1]"));
  EXPECT_NE(content_print("A@b", "[1]"), content_print("A@b", "[1.0]"));
  EXPECT_NE(content_print("A@b", "[1]"), content_print("A@b", "[ 1]"));
}

TEST(stored_text, what_a_caller_says_in_our_name_is_not_kept) {
  EXPECT_EQ(kept_context(R"({"a":1,"understudy":{"token":"secret"},"b":[2]})"),
            R"({"a":1,"b":[2]})");
  EXPECT_EQ(kept_context(R"({"understudy":{"call":"c-x-1"},"understudy":{"attempt":9}})"), "[]");
  EXPECT_EQ(kept_context(R"({"\u0075nderstudy":{"call":"c-x-1"}})"), "[]");
  EXPECT_EQ(kept_context("[]"), "[]");
}

TEST(stored_text, a_server_is_told_ticket_attempt_and_key_by_the_gateway_alone) {
  store::claimed_call call;
  call.method = "A@b";
  call.params = "[1]";
  call.key = "k";
  call.context = kept_context(R"({"understudy":{"call":"forged","attempt":7},"a":1})");
  EXPECT_EQ(attempt_request(call, "c-t-1", 2),
            R"({"jsonrpc":"2.0","method":"A@b","params":[1],"context":{"understudy":)"
            R"({"call":"c-t-1","attempt":2,"key":"k"},"a":1},"id":""})");
}

}  // namespace
}  // namespace understudy::app
