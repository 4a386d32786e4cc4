// What may follow what, and which write may be sent.
#include "coord/sightings.hpp"

#include <gtest/gtest.h>

#include "coord/topology_text.hpp"
#include "coord_support.hpp"

namespace understudy::coord {
namespace {

read_result seen(sightings& s, const core::topology& t, std::int64_t at) {
  auto found = s.judge(to_text(t), revision{at}, s.highest());
  EXPECT_TRUE(found);
  return found.value_or(read_result());
}

TEST(Sightings, GenerationsGoUp) {
  sightings s;
  auto nothing = s.judge(std::nullopt, revision{}, s.highest());
  ASSERT_TRUE(nothing);
  EXPECT_EQ(nothing->end, read_end::answered);
  EXPECT_FALSE(nothing->value);
  EXPECT_EQ(seen(s, topology_of(4), 10).end, read_end::answered);
  EXPECT_EQ(seen(s, topology_of(4), 10).end, read_end::answered);
  EXPECT_EQ(seen(s, topology_of(6), 12).end, read_end::answered);
  const auto back = seen(s, topology_of(5), 11);
  EXPECT_EQ(back.end, read_end::gone_back);
  EXPECT_EQ(back.value, topology_of(5));
  EXPECT_EQ(back.at, revision{11});
  EXPECT_EQ(back.why, "The topology is of generation 5, and 6 was seen before.");
}

TEST(Sightings, GoneIsGoneBack) {
  sightings s;
  seen(s, topology_of(4), 10);
  const auto gone = s.judge(std::nullopt, revision{}, s.highest());
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->end, read_end::gone_back);
  EXPECT_EQ(gone->why, "There is no topology, and generation 4 was seen before.");
}

TEST(Sightings, AnotherOfTheSameGenerationIsGoneBack) {
  sightings s;
  seen(s, topology_of(4, 1, 0xa1), 10);
  EXPECT_EQ(seen(s, topology_of(4, 1, 0xb2), 10).end, read_end::gone_back);
}

TEST(Sightings, WhatNodesWereToldCounts) {
  sightings s;
  s.saw(core::generation{5});
  EXPECT_EQ(seen(s, topology_of(4), 10).end, read_end::gone_back);
  // Of a generation that is only a number any text is believed; then no other.
  EXPECT_EQ(seen(s, topology_of(5, 1, 0xa1), 11).end, read_end::answered);
  EXPECT_EQ(seen(s, topology_of(5, 1, 0xb2), 11).end, read_end::gone_back);
  s.saw(core::generation{3});
  EXPECT_EQ(seen(s, topology_of(5, 1, 0xa1), 11).end, read_end::answered);
}

TEST(Sightings, AnAnswerThatWasOvertakenIsNoneAtAll) {
  sightings s;
  seen(s, topology_of(4), 10);
  const auto sent = s.highest();
  s.wrote(topology_of(5), to_text(topology_of(5)), revision{11});
  EXPECT_FALSE(s.judge(to_text(topology_of(4)), revision{10}, sent));
  // What a write expects is still what was written.
  EXPECT_FALSE(s.objection(revision{11}, topology_of(6)));
  EXPECT_EQ(s.text(), to_text(topology_of(5)));
}

TEST(Sightings, AWriteThatWasOvertakenChangesNothing) {
  sightings s;
  seen(s, topology_of(6, 1, 0xb2), 12);
  s.wrote(topology_of(5), to_text(topology_of(5)), revision{11});
  EXPECT_FALSE(s.objection(revision{12}, topology_of(7)));
  EXPECT_EQ(s.text(), to_text(topology_of(6, 1, 0xb2)));
}

TEST(Sightings, BrokenTextCanBeReplaced) {
  sightings s;
  const auto found = s.judge("{}", revision{9}, s.highest());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->end, read_end::broken);
  EXPECT_EQ(found->why, "What is stored is no topology: \"epoch\" is missing in \"topology\".");
  EXPECT_FALSE(s.objection(revision{9}, topology_of(1)));
  EXPECT_EQ(s.text(), "{}");
}

TEST(Sightings, ObjectToWhatCanNotBeWritten) {
  sightings s;
  EXPECT_FALSE(s.objection(revision{}, topology_of(1)));
  seen(s, topology_of(4), 10);
  EXPECT_FALSE(s.objection(revision{10}, topology_of(5)));
  const auto end = [&s](std::int64_t expected, const core::topology& t) {
    const auto objection = s.objection(revision{expected}, t);
    return objection ? objection->end : write_end::written;
  };
  EXPECT_EQ(end(9, topology_of(5)), write_end::conflict);
  EXPECT_EQ(end(0, topology_of(5)), write_end::conflict);
  EXPECT_EQ(end(10, topology_of(4)), write_end::refused);
  core::topology faulty = topology_of(5);
  faulty.primary = core::node_id{9};
  EXPECT_EQ(end(10, faulty), write_end::refused);
  s.saw(core::generation{7});
  EXPECT_EQ(end(10, topology_of(7)), write_end::refused);
  EXPECT_EQ(end(10, topology_of(8)), write_end::written);  // adopting
}

TEST(Sightings, KnowWhereAnEpochBegins) {
  sightings s;
  EXPECT_TRUE(s.begins_epoch(topology_of(1, 1)));
  seen(s, topology_of(1, 1), 10);
  EXPECT_FALSE(s.begins_epoch(topology_of(2, 1)));
  EXPECT_TRUE(s.begins_epoch(topology_of(2, 2)));
  s.wrote(topology_of(2, 2), to_text(topology_of(2, 2)), revision{11});
  EXPECT_FALSE(s.begins_epoch(topology_of(3, 2)));
}

}  // namespace
}  // namespace understudy::coord
