// Topologies as text: what goes in comes out, and nothing else goes in.
#include "coord/topology_text.hpp"

#include <gtest/gtest.h>

#include <string>

#include "coord_support.hpp"
#include "core/dice.hpp"

namespace understudy::coord {
namespace {

using core::node_id;

std::string text_of_example() {
  core::topology t = topology_of(7, 3, 0xbeef);
  t.nodes[1].agent = "10.0.0.2:9700";
  t.nodes[1].since = 18446744073709551615U;
  t.nodes[1].boot = 5;
  t.promoted_with = core::gtid{2001, 9007199254740993U};
  return to_text(t);
}

std::string with(std::string text, const std::string& what, const std::string& instead) {
  const auto at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.replace(at, what.size(), instead);
}

TEST(TopologyText, IsThis) {
  EXPECT_EQ(
      text_of_example(),
      R"({"epoch":3,"gen":"7","by":"000000000000beef","phase":"stable","primary":1,"sync":[2,3],)"
      R"("nodes":[{"id":1,"address":"10.0.0.1:3306","agent":"","rule":"neutral",)"
      R"("since":"0","boot":"0"},{"id":2,"address":"10.0.0.2:3306","agent":"10.0.0.2:9700",)"
      R"("rule":"neutral","since":"18446744073709551615","boot":"5"},{"id":3,)"
      R"("address":"10.0.0.3:3306","agent":"","rule":"neutral","since":"0","boot":"0"}],"next":0,)"
      R"("promoted_with":"0-2001-9007199254740993","maintenance":false})");
}

core::topology random_topology(core::dice& random) {
  const auto below = [&random](std::uint64_t n) { return random.next() % n; };
  core::topology t;
  t.epoch = core::epoch{static_cast<std::uint32_t>(1 + below(core::epoch_max))};
  t.gen = core::generation{random.next() >> below(64)};
  t.by = core::supervisor_id{random.next() >> below(64)};
  t.phase = static_cast<core::phase>(below(6));
  const auto first = 1 + below(900);
  const auto count = 2 + below(8);
  for (std::uint64_t i = 0; i < count; ++i) {
    core::node_entry node;
    node.id = static_cast<node_id>(first + i);
    const std::size_t length = below(20);
    for (std::size_t at = 0; at < length; ++at) {
      node.address += static_cast<char>(1 + below(127));  // quotes and controls, too
    }
    if (below(2) == 0) node.agent = "a:" + std::to_string(below(9));
    node.rule = static_cast<core::promotion>(below(2));
    node.since = random.next() >> below(64);
    node.boot = random.next() >> below(64);
    t.nodes.push_back(node);
  }
  t.primary = t.nodes[0].id;
  const bool empty = t.phase == core::phase::solo || t.phase == core::phase::promoting;
  for (std::uint64_t i = 1; i < count; ++i) {
    if (empty || (i > 1 && below(2) == 0)) {
      if (below(3) == 0) t.nodes[i].rule = core::promotion::never;
    } else {
      t.sync.insert(t.nodes[i].id);
    }
  }
  if (below(2) == 0) t.next = t.nodes[1].id;
  if (below(2) == 0)
    t.promoted_with = core::gtid{static_cast<std::uint32_t>(random.next()),
                                 1 + (random.next() >> (1 + below(60)))};
  t.maintenance = below(2) == 0;
  return t;
}

TEST(TopologyText, KeepsEveryTopology) {
  core::dice random(1);
  for (int i = 0; i < 2000; ++i) {
    const core::topology t = random_topology(random);
    ASSERT_EQ(core::fault_of(t), "");
    const std::string text = to_text(t);
    ASSERT_EQ(text.find('\n'), std::string::npos);
    const auto parsed = parse_topology(text);
    ASSERT_TRUE(parsed.value) << parsed.fault << '\n' << text;
    ASSERT_EQ(*parsed.value, t) << text;
  }
}

TEST(TopologyText, CutShortIsNone) {
  const std::string text = text_of_example();
  for (std::size_t size = 0; size < text.size(); ++size) {
    const auto parsed = parse_topology(text.substr(0, size));
    ASSERT_FALSE(parsed.value) << size;
    ASSERT_NE(parsed.fault, "");
  }
}

TEST(TopologyText, EachMemberIsNeeded) {
  const std::string text = text_of_example();
  for (const char* name : {"epoch", "gen", "by", "phase", "primary", "sync", "nodes", "next",
                           "promoted_with", "maintenance"}) {
    const auto parsed = parse_topology(with(text, '"' + std::string(name) + '"', "\"x\""));
    EXPECT_EQ(parsed.fault, "\"" + std::string(name) + "\" is missing in \"topology\".");
  }
  for (const char* name : {"id", "address", "agent", "rule", "since", "boot"}) {
    const auto parsed = parse_topology(with(text, '"' + std::string(name) + '"', "\"x\""));
    EXPECT_EQ(parsed.fault, "\"" + std::string(name) + "\" is missing in \"nodes\".");
  }
}

TEST(TopologyText, SaysWhatIsWrong) {
  const std::string text = text_of_example();
  const auto fault = [&text](const std::string& what, const std::string& instead) {
    const auto parsed = parse_topology(with(text, what, instead));
    EXPECT_FALSE(parsed.value) << instead;
    return parsed.fault;
  };
  EXPECT_EQ(fault("\"next\":0", "\"next\":0,\"more\":1"),
            "\"topology\" has a member that is not known: \"more\".");
  EXPECT_EQ(fault("\"id\":1", "\"id\":1,\"more\":1"),
            "\"nodes\" has a member that is not known: \"more\".");
  EXPECT_EQ(fault("\"epoch\":3", "\"epoch\":3.0"),
            "\"epoch\" is not a whole number from 0 to 4294966.");
  fault("\"epoch\":3", "\"epoch\":-3");
  fault("\"epoch\":3", "\"epoch\":4294967");
  fault("\"epoch\":3", "\"epoch\":18446744073709551615");
  EXPECT_EQ(fault("\"epoch\":3", "\"epoch\":0"), "The epoch is not between 1 and 4294966.");
  EXPECT_EQ(fault("\"gen\":\"7\"", "\"gen\":7"), "\"gen\" is not a text.");
  for (const char* gen : {"", "07", "+7", "-7", " 7", "7x", "18446744073709551616"}) {
    EXPECT_EQ(fault("\"gen\":\"7\"", "\"gen\":\"" + std::string(gen) + '"'),
              "\"gen\" is not a number of 64 bits as a text.");
  }
  for (const char* by :
       {"", "beef", "000000000000BEEF", "00000000000000beef", "000000000000beeg"}) {
    EXPECT_EQ(fault("000000000000beef", by), "\"by\" is not 16 hexadecimal digits.");
  }
  EXPECT_EQ(fault("\"stable\"", "\"calm\""), "\"phase\" is not the name of a phase.");
  EXPECT_EQ(fault("\"neutral\"", "\"ever\""), "\"rule\" is not prefer, neutral or never.");
  EXPECT_EQ(fault("[2,3]", "[2,2]"), "\"sync\" is not a list of different nodes.");
  EXPECT_EQ(fault("[2,3]", "[2,0]"), "\"sync\" is not a list of different nodes.");
  fault("[2,3]", "[2,1000]");
  fault("[2,3]", "[2,\"3\"]");
  EXPECT_EQ(fault("[2,3]", "{}"), "\"sync\" is not a list.");
  EXPECT_EQ(fault("[2,3]", "[1,2]"), "The primary is a member of its own sync set.");
  EXPECT_EQ(fault("\"maintenance\":false", "\"maintenance\":0"),
            "\"maintenance\" is not true or false.");
  for (const char* position : {"1-2001-5", "0-02001-5", "0-2001-0", "0-2001-5,0-1-2", "x"}) {
    EXPECT_EQ(fault("0-2001-9007199254740993", position), "\"promoted_with\" is not a position.");
  }
  EXPECT_EQ(parse_topology("[]").fault, "\"topology\" is not an object.");
  EXPECT_EQ(parse_topology(text + text).fault.substr(0, 14), "It is no JSON:");
}

TEST(SupervisorText, KeepsEveryId) {
  EXPECT_EQ(to_text(core::supervisor_id{0}), "0000000000000000");
  EXPECT_EQ(to_text(core::supervisor_id{0xfedcba9876543210U}), "fedcba9876543210");
  EXPECT_EQ(parse_supervisor("fedcba9876543210"), core::supervisor_id{0xfedcba9876543210U});
  EXPECT_EQ(parse_supervisor("0xdcba9876543210"), std::nullopt);
}

}  // namespace
}  // namespace understudy::coord
