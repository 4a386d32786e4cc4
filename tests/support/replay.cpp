#include "support/replay.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>

#include "support/test_server.hpp"
#include "wire/frame.hpp"
#include "wire/json_text.hpp"

namespace understudy::test {
namespace {

using json = boost::json::value;

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

bool same_message(const std::string& wanted, const std::string& got) {
  if (answer_kind(wanted) != answer_kind(got) || keys_of(wanted) != keys_of(got)) return false;
  const auto error = wire::find_member(wanted, "error");
  if (error && answer_kind(wanted) == "0") return true;  // the text is the recorded server's own
  if (error && keys_of(*error) != keys_of(*wire::find_member(got, "error"))) return false;
  return same_value(boost::json::parse(wanted), boost::json::parse(got));
}

bool server_closed_first(const recording& recorded, std::size_t connection) {
  for (const auto& event : recorded.events)
    if (event.connection == connection && event.what == recorded_event::kind::fin)
      return event.where == direction::to_client;
  return false;
}

bool answered_after(const recording& recorded, const recorded_event& fin) {
  return std::any_of(&fin, recorded.events.data() + recorded.events.size(), [&](const auto& e) {
    return e.connection == fin.connection && e.what == recorded_event::kind::bytes &&
           e.where == direction::to_client;
  });
}

class player {
 public:
  player(const recording& recorded, std::uint16_t port) : recorded_(recorded) {
    for (std::size_t i = 0; i < recorded.connections.size(); ++i)
      connections_.push_back(std::make_unique<wire_socket>(port));
  }

  std::vector<std::string> play() {
    send();
    const auto* const difference = find_difference(recorded_.name);
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      if (difference != nullptr) {
        expect_kinds(*connections_[i], difference->answers);
        expect_afterwards(i, !difference->stays_open);
      } else {
        expect_frames(*connections_[i], frames_of(recorded_.connections[i].to_client));
        expect_afterwards(i, server_closed_first(recorded_, i));
      }
    }
    return std::move(problems_);
  }

 private:
  /// Each read as it was seen; a half-close where answers came after it.
  void send() {
    std::map<std::size_t, std::size_t> sent;
    for (const auto& event : recorded_.events) {
      if (event.where != direction::to_server) continue;
      auto& connection = *connections_.at(event.connection);
      const auto& stream = recorded_.connections[event.connection].to_server;
      if (event.what == recorded_event::kind::bytes) {
        auto& at = sent[event.connection];
        connection.send(std::string_view(stream).substr(at, event.bytes));
        at += event.bytes;
      } else if (event.what == recorded_event::kind::fin && answered_after(recorded_, event)) {
        connection.end_sending();
        ended_.insert(event.connection);
      }
    }
  }

  void expect_kinds(wire_socket& connection, const std::vector<std::string>& kinds) {
    for (const auto& wanted : kinds) {
      auto got = connection.receive();
      while (got && got->type == 1) got = connection.receive();
      if (!got) return problem("no answer where " + wanted + " was due");
      if (answer_kind(got->body) != wanted) problem("not " + wanted + " but " + got->body);
    }
  }

  void expect_frames(wire_socket& connection, const std::vector<wire_frame>& frames) {
    for (const auto& wanted : frames) {
      const auto got = connection.receive();
      if (!got) return problem("no answer where one was due: " + wanted.body.substr(0, 200));
      const bool same =
          got->type == wanted.type &&
          (wanted.type == 1 ? got->body == wanted.body : same_message(wanted.body, got->body));
      if (same) continue;
      problem("wanted " + wanted.body.substr(0, 500) + ", got " + got->body.substr(0, 500));
    }
  }

  void expect_afterwards(std::size_t connection, bool closed) {
    if (closed || ended_.contains(connection)) {
      if (!connections_[connection]->closed()) problem("the connection was not closed");
    } else if (!connections_[connection]->quiet()) {
      problem("the connection did not stay open and quiet");
    }
  }

  void problem(const std::string& what) { problems_.push_back(recorded_.name + ": " + what); }

  const recording& recorded_;
  std::vector<std::unique_ptr<wire_socket>> connections_;
  std::set<std::size_t> ended_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> replay(const recording& recorded, std::uint16_t port) {
  try {
    return player(recorded, port).play();
  } catch (const std::runtime_error& failed) {
    return {recorded.name + ": " + failed.what()};
  }
}

}  // namespace understudy::test
