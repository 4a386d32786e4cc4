// Sends what the real client sent to our server, and compares what comes back with what the real
// server answered.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <set>

#include "support/recordings.hpp"
#include "support/test_server.hpp"
#include "wire/frame.hpp"
#include "wire/json_text.hpp"

namespace understudy::test {
namespace {

std::vector<wire_frame> frames_of(std::string_view stream) {
  wire::frame_limits no_limits{std::size_t{1} << 31, std::size_t{1} << 31};
  wire::frame_reader reader(no_limits);
  const auto room = reader.prepare(stream.size() + 1);
  std::copy(stream.begin(), stream.end(), room.begin());
  reader.commit(stream.size());
  std::vector<wire_frame> frames;
  for (auto next = reader.next(); std::holds_alternative<wire::frame>(next); next = reader.next()) {
    const auto& frame = std::get<wire::frame>(next);
    frames.push_back({static_cast<std::uint32_t>(frame.type), std::string(frame.body)});
  }
  return frames;
}

std::vector<std::string> keys_of(std::string_view object) {
  std::vector<std::string> keys;
  wire::for_each_member(object, [&](const wire::json_member& member) {
    keys.emplace_back(member.key);
    return true;
  });
  return keys;
}

/// Numbers are the same if a PHP program cannot tell them apart; nor can it tell [] from {}.
bool same_value(const json& a, const json& b) {
  if (a.is_number() && b.is_number())
    return a == b || a.to_number<double>() == b.to_number<double>();
  const auto empty = [](const json& v) {
    return (v.is_array() && v.get_array().empty()) || (v.is_object() && v.get_object().empty());
  };
  if (empty(a) && empty(b)) return true;
  if (a.kind() != b.kind()) return false;
  if (a.is_array()) return std::ranges::equal(a.get_array(), b.get_array(), same_value);
  if (!a.is_object()) return a == b;
  return std::ranges::equal(a.get_object(), b.get_object(), [](const auto& x, const auto& y) {
    return x.key() == y.key() && same_value(x.value(), y.value());
  });
}

void expect_same_message(const std::string& wanted, const std::string& got) {
  EXPECT_EQ(keys_of(wanted), keys_of(got)) << got;
  EXPECT_EQ(answer_kind(wanted), answer_kind(got)) << got;
  const auto error = wire::find_member(wanted, "error");
  if (error && answer_kind(wanted) == "0") return;  // the text is the recorded server's own
  if (error) {
    EXPECT_EQ(keys_of(*error), keys_of(*wire::find_member(got, "error")));
  }
  EXPECT_TRUE(same_value(boost::json::parse(wanted), boost::json::parse(got)))
      << "wanted " << wanted.substr(0, 500) << "\ngot    " << got.substr(0, 500);
}

bool server_closed_first(const recording& recorded, std::size_t connection) {
  for (const auto& event : recorded.events)
    if (event.connection == connection && event.what == recorded_event::kind::fin)
      return event.where == direction::to_client;
  return false;
}

class Recordings : public testing::TestWithParam<std::string> {
 protected:
  /// Sends each read as it was seen; a half-close where answers came after it.
  void send_recorded(const recording& recorded) {
    std::map<std::size_t, std::size_t> sent;
    for (const auto& event : recorded.events) {
      if (event.where != direction::to_server) continue;
      auto& connection = *connections_.at(event.connection);
      const auto& stream = recorded.connections[event.connection].to_server;
      if (event.what == recorded_event::kind::bytes) {
        auto& at = sent[event.connection];
        connection.send(std::string_view(stream).substr(at, event.bytes));
        at += event.bytes;
      } else if (event.what == recorded_event::kind::fin && answered_after(recorded, event)) {
        connection.end_sending();
        ended_.insert(event.connection);
      }
    }
  }

  static bool answered_after(const recording& recorded, const recorded_event& fin) {
    return std::any_of(&fin, recorded.events.data() + recorded.events.size(), [&](const auto& e) {
      return e.connection == fin.connection && e.what == recorded_event::kind::bytes &&
             e.where == direction::to_client;
    });
  }

  void expect_afterwards(std::size_t connection, bool closed) {
    if (closed || ended_.contains(connection))
      EXPECT_TRUE(connections_[connection]->closed());
    else
      EXPECT_TRUE(connections_[connection]->quiet());
  }

  test_server server_;
  std::vector<std::unique_ptr<wire_socket>> connections_;
  std::set<std::size_t> ended_;
};

TEST_P(Recordings, AreAnsweredAsByTheRealServer) {
  const auto& recorded = find_recording(GetParam());
  const auto* const difference = find_difference(recorded.name);
  for (std::size_t i = 0; i < recorded.connections.size(); ++i)
    connections_.push_back(std::make_unique<wire_socket>(server_.port()));
  send_recorded(recorded);
  for (std::size_t i = 0; i < recorded.connections.size(); ++i) {
    auto& connection = *connections_[i];
    if (difference != nullptr) {
      SCOPED_TRACE(difference->why);
      for (const auto& wanted : difference->answers) {
        auto got = connection.receive();
        while (got && got->type == 1) got = connection.receive();
        ASSERT_TRUE(got);
        EXPECT_EQ(answer_kind(got->body), wanted) << got->body;
      }
      expect_afterwards(i, !difference->stays_open);
      continue;
    }
    for (const auto& wanted : frames_of(recorded.connections[i].to_client)) {
      const auto got = connection.receive();
      ASSERT_TRUE(got);
      ASSERT_EQ(got->type, wanted.type);
      if (wanted.type == 1)
        EXPECT_EQ(got->body, wanted.body);
      else
        expect_same_message(wanted.body, got->body);
    }
    expect_afterwards(i, server_closed_first(recorded, i));
  }
  wire_socket another(server_.port());
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

}  // namespace
}  // namespace understudy::test
