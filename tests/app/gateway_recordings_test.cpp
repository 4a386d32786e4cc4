// The recorded callers, once to a server and once through a gateway: both get the same answers.
#include <gtest/gtest.h>

#include <algorithm>

#include "app/gateway_support.hpp"
#include "support/recordings.hpp"
#include "support/test_server.hpp"

namespace understudy::test {
namespace {

// Everything that comes back on each connection until its end, after what the caller had sent.
std::vector<std::vector<wire_frame>> replay(const recording& recorded, std::uint16_t port) {
  std::vector<std::unique_ptr<wire_socket>> sockets;
  std::vector<std::vector<wire_frame>> answers;
  for (const auto& connection : recorded.connections) {
    sockets.push_back(std::make_unique<wire_socket>(port));
    sockets.back()->send(connection.to_server);
    sockets.back()->end_sending();
    // One after the other: which of two connections comes first is not part of a recording.
    auto& frames = answers.emplace_back();
    while (auto frame = sockets.back()->receive()) frames.push_back(std::move(*frame));
  }
  return answers;
}

class gateway_recordings : public testing::TestWithParam<std::string> {};

TEST_P(gateway_recordings, are_answered_as_by_the_server_itself) {
  const recording& recorded = find_recording(GetParam());
  // A server each: its counters and per-connection objects begin anew.
  test_server direct;
  test_server behind;
  app::gateway_config config = free_ports();
  app::pool_config pool = quick_pool();
  pool.multiplex = false;  // one recording counts the calls of a connection
  pool.servers = {server_on("127.0.0.1:" + std::to_string(behind.port()))};
  config.pools.push_back(std::move(pool));
  app::gateway gateway(config);
  gateway.start();

  auto wanted = replay(recorded, direct.port());
  for (auto& connection : wanted) {
    for (wire_frame& frame : connection) {  // `whoami` tells the server's port
      const std::string own = "\"" + std::to_string(direct.port()) + "\"";
      const std::size_t at = frame.body.find(own);
      if (at == std::string::npos) continue;
      frame.body.replace(at, own.size(), "\"" + std::to_string(behind.port()) + "\"");
    }
  }
  const auto got = replay(recorded, port_of(gateway.frames_address()));
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    ASSERT_EQ(got[i].size(), wanted[i].size());
    for (std::size_t j = 0; j < wanted[i].size(); ++j) {
      EXPECT_EQ(got[i][j].type, wanted[i][j].type);
      EXPECT_TRUE(got[i][j].body == wanted[i][j].body)
          << "wanted " << wanted[i][j].body.substr(0, 500) << "\ngot    "
          << got[i][j].body.substr(0, 500);
    }
  }
  wire_socket another(port_of(gateway.frames_address()));
  EXPECT_EQ(answer_kind(another.ask(request_text("UserInterface@ping", "[]"))), "result");
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const recording& one : recordings()) all.push_back(one.name);
  return all;
}

INSTANTIATE_TEST_SUITE_P(all, gateway_recordings, testing::ValuesIn(names()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace understudy::test
