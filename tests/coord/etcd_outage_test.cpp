// Members of etcd die, pause, and come back with another past.
#include <gtest/gtest.h>

#include "coord/etcd/etcd_json.hpp"
#include "coord/topology_text.hpp"
#include "etcd_support.hpp"

namespace understudy::coord {
namespace {

/// The leading member first: it is the one that is asked.
std::vector<std::string> leader_first(const test::etcd_cluster& etcd) {
  auto out = etcd.endpoints();
  std::swap(out[0], out[etcd.leader()]);
  return out;
}

TEST(EtcdOutage, ADeadMemberIsPassedBy) {
  test::etcd_cluster etcd(3);
  supervisor a(leader_first(etcd), 0xa1);
  EXPECT_EQ(a.write(revision{0}, topology_of(1)).end, write_end::written);
  etcd.kill(etcd.leader());
  for (const write_end end : a.write_next()) EXPECT_NE(end, write_end::refused);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(a.write_next().empty());
  EXPECT_EQ(a.read().end, read_end::answered);
}

TEST(EtcdOutage, APausedMemberIsPassedBy) {
  test::etcd_cluster etcd(3);
  supervisor a(leader_first(etcd), 0xa1);
  a.write(revision{0}, topology_of(1));
  etcd.pause(etcd.leader());
  a.write_next();
  const auto found = a.read();
  EXPECT_EQ(found.end, read_end::answered) << found.why;
  EXPECT_GE(core::number_of(found.value->gen), 2U);
}

TEST(EtcdOutage, WithoutAMajorityNothingIsWritten) {
  test::etcd_cluster etcd(3);
  supervisor a(etcd.endpoints(), 0xa1);
  const auto at = a.write(revision{0}, topology_of(1)).at;
  etcd.kill(1);
  etcd.kill(2);
  EXPECT_EQ(a.write(at, topology_of(2), 1500ms).end, write_end::unknown);
  EXPECT_EQ(a.read(1500ms).end, read_end::unreachable);
  etcd.start(1);
  etcd.start(2);
  a.write_next();
}

TEST(EtcdOutage, WithAllMembersDownNothingIsReachedUntilTheyAreBack) {
  test::etcd_cluster etcd(3);
  supervisor a(etcd.endpoints(), 0xa1);
  const auto at = a.write(revision{0}, topology_of(1)).at;
  for (std::size_t i = 0; i < etcd.size(); ++i) etcd.kill(i);
  const auto none = a.read();
  EXPECT_EQ(none.end, read_end::unreachable);
  EXPECT_EQ(none.why, "etcd did not answer: Connection refused.");
  EXPECT_EQ(a.write(at, topology_of(2)).end, write_end::unreachable);
  for (std::size_t i = 0; i < etcd.size(); ++i) etcd.start(i);
  etcd.await_health();
  EXPECT_EQ(a.read().value, topology_of(1));
  EXPECT_EQ(a.write(at, topology_of(2)).end, write_end::written);
}

TEST(EtcdOutage, ARestoredStoreHasGoneBack) {
  test::etcd_cluster etcd;
  supervisor a(etcd.endpoints(), 0xa1);
  a.write_next();
  etcd.kill(0);
  etcd.save(0);
  etcd.start(0);
  etcd.await_health();
  a.write_next();
  a.write_next();
  etcd.kill(0);
  etcd.restore(0);
  etcd.start(0);
  etcd.await_health();
  const auto back = a.read();
  EXPECT_EQ(back.end, read_end::gone_back);
  EXPECT_EQ(back.value, topology_of(1));
  EXPECT_EQ(back.why, "The topology is of generation 1, and 3 was seen before.");
  // A supervisor that has seen nothing hears of it from the nodes.
  supervisor b(etcd.endpoints(), 0xb2);
  EXPECT_EQ(b.read().end, read_end::answered);
  b.get().saw(core::generation{3});
  EXPECT_EQ(b.read().end, read_end::gone_back);
  // An operator's word goes on above all that was seen; below that nothing is written.
  EXPECT_EQ(a.write(back.at, topology_of(3)).end, write_end::refused);
  EXPECT_EQ(a.write(back.at, topology_of(4)).end, write_end::written);
  EXPECT_EQ(a.read().end, read_end::answered);
  EXPECT_EQ(b.read().end, read_end::answered);
}

TEST(EtcdOutage, AnEmptiedStoreHasGoneBack) {
  test::etcd_cluster etcd;
  supervisor a(etcd.endpoints(), 0xa1);
  a.write_next();
  etcd.kill(0);
  etcd.empty(0);
  etcd.start(0);
  etcd.await_health();
  const auto back = a.read();
  EXPECT_EQ(back.end, read_end::gone_back);
  EXPECT_FALSE(back.value);
  EXPECT_EQ(back.at, revision{0});
}

TEST(EtcdOutage, TheSameRevisionOfAnotherPastIsAConflict) {
  test::etcd_cluster etcd;
  supervisor a(etcd.endpoints(), 0xa1);
  const auto at = a.write(revision{0}, topology_of(1, 1, 0xa1)).at;
  etcd.kill(0);
  etcd.empty(0);
  etcd.start(0);
  etcd.await_health();
  supervisor b(etcd.endpoints(), 0xb2);
  ASSERT_EQ(b.write(revision{0}, topology_of(1, 1, 0xb2)).at, at);
  EXPECT_EQ(a.write(at, topology_of(2, 1, 0xa1)).end, write_end::conflict);
  EXPECT_EQ(a.read().end, read_end::gone_back);
  EXPECT_EQ(b.read().value, topology_of(1, 1, 0xb2));
}

}  // namespace
}  // namespace understudy::coord
