// The recorded conversations, against our server.
#include <gtest/gtest.h>

#include "support/recordings.hpp"
#include "support/replay.hpp"
#include "support/test_server.hpp"

namespace understudy::test {
namespace {

class Recordings : public testing::TestWithParam<std::string> {};

TEST_P(Recordings, AreAnsweredAsByTheRealServer) {
  test_server server;
  const auto problems = replay(find_recording(GetParam()), server.port());
  EXPECT_TRUE(problems.empty()) << testing::PrintToString(problems);
  wire_socket another(server.port());
  EXPECT_EQ(answer_kind(another.ask(request_text("UserInterface@ping", "[]"))), "result");
}

std::vector<std::string> all_names() {
  std::vector<std::string> names;
  for (const auto& recorded : recordings()) names.push_back(recorded.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, Recordings, testing::ValuesIn(all_names()),
                         [](const auto& tested) { return tested.param; });

TEST(RecordingsTable, AllAreThere) {
  EXPECT_EQ(recordings().size(), 69U);
}

TEST(Replay, FindsAnAnswerThatDiffers) {
  test_server server;
  recording changed = find_recording("hello");
  auto& answer = changed.connections.at(0).to_client;
  answer.replace(answer.find("world"), 5, "w0rld");
  EXPECT_EQ(replay(changed, server.port()).size(), 1U);
}

TEST(Replay, FindsAnAnswerThatIsMissing) {
  test_server server;
  recording changed = find_recording("bad_type9");  // closed after one answer
  auto& answers = changed.connections.at(0).to_client;
  answers += answers;
  EXPECT_EQ(replay(changed, server.port()).size(), 1U);
}

}  // namespace
}  // namespace understudy::test
