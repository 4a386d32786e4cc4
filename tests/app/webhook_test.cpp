// Signatures, as RFC 4231 has them.
#include "app/calls/webhook.hpp"

#include <gtest/gtest.h>

namespace understudy::app {
namespace {

TEST(webhook, signs_as_the_rfc_says) {
  EXPECT_EQ(webhook_signature("Jefe", "what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

}  // namespace
}  // namespace understudy::app
