#include "app/gateway/lane_records.hpp"

#include <gtest/gtest.h>

namespace understudy::app {
namespace {

using namespace std::chrono_literals;

core::record record_of(std::string kind, std::string subject = "pool p, server a:1") {
  core::record record;
  record.kind = std::move(kind);
  record.subject = std::move(subject);
  return record;
}

struct lane_records_test : testing::Test {
  core::time_point start{1h};
  lane_records told;
};

TEST_F(lane_records_test, what_another_lane_told_a_moment_ago_is_a_repetition) {
  EXPECT_FALSE(told.repeated(start, 2, record_of("server_down")));
  EXPECT_TRUE(told.repeated(start + 5ms, 0, record_of("server_down")));
  EXPECT_TRUE(told.repeated(start + 900ms, 1, record_of("server_down")));
}

TEST_F(lane_records_test, what_the_same_lane_tells_again_is_news) {
  EXPECT_FALSE(told.repeated(start, 1, record_of("server_down")));
  EXPECT_FALSE(told.repeated(start + 5ms, 1, record_of("server_down")));
}

TEST_F(lane_records_test, another_kind_or_subject_is_news) {
  EXPECT_FALSE(told.repeated(start, 0, record_of("server_down")));
  EXPECT_FALSE(told.repeated(start, 1, record_of("server_up")));
  EXPECT_FALSE(told.repeated(start, 1, record_of("server_down", "pool p, server b:1")));
}

TEST_F(lane_records_test, after_a_while_it_is_news) {
  EXPECT_FALSE(told.repeated(start, 0, record_of("server_down")));
  EXPECT_FALSE(told.repeated(start + lane_records::window + 1ms, 1, record_of("server_down")));
  EXPECT_TRUE(told.repeated(start + lane_records::window + 2ms, 0, record_of("server_down")));
}

TEST_F(lane_records_test, a_lane_that_tells_again_keeps_the_others_quiet) {
  EXPECT_FALSE(told.repeated(start, 0, record_of("server_suspect")));
  EXPECT_FALSE(told.repeated(start + 800ms, 0, record_of("server_suspect")));
  EXPECT_TRUE(told.repeated(start + 1500ms, 1, record_of("server_suspect")));
}

TEST_F(lane_records_test, calls_are_counted_by_each_lane) {
  EXPECT_FALSE(told.repeated(start, 0, record_of("call_refused", "pool p")));
  EXPECT_FALSE(told.repeated(start, 1, record_of("call_refused", "pool p")));
}

}  // namespace
}  // namespace understudy::app
