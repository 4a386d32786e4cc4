// Who goes first: one at a time, by its own clock.
#include <gtest/gtest.h>

#include "coord/etcd/etcd_json.hpp"
#include "etcd_support.hpp"

namespace understudy::coord {
namespace {

void await_lead(supervisor& who) {
  who.get().campaign();
  who.events().until([&who] { return who.leads(); });
}

TEST(EtcdLeader, OneLeadsAndTheOtherHearsWho) {
  const test::etcd_cluster etcd;
  supervisor a(etcd.endpoints(), 0xa1);
  supervisor b(etcd.endpoints(), 0xb2);
  EXPECT_FALSE(a.leads());
  await_lead(a);
  EXPECT_TRUE(a.hears_of(0xa1));
  b.get().campaign();
  b.events().until([&b] { return b.hears_of(0xa1); });
  EXPECT_FALSE(b.leads());
}

TEST(EtcdLeader, ItGoesOnLeading) {
  const test::etcd_cluster etcd;
  supervisor a(etcd.endpoints(), 0xa1);
  await_lead(a);
  // Longer than the lease: it is kept.
  const auto first = a.get().leading_until();
  a.events().until([&] { return a.get().leading_until() > first + 3s; });
}

TEST(EtcdLeader, OneThatWasPausedDoesNotBelieveItsLease) {
  const test::etcd_cluster etcd;
  supervisor a(etcd.endpoints(), 0xa1);
  supervisor b(etcd.endpoints(), 0xb2);
  await_lead(a);
  // From here a's loop stands still, as that of a stopped process does.
  b.get().campaign();
  b.events().until([&] {
    EXPECT_FALSE(b.leads() && a.leads()) << "two lead at a time";
    return b.leads();
  });
  EXPECT_FALSE(a.leads());
  // And when it wakes up it learns who does.
  a.events().until([&a] { return a.hears_of(0xb2); });
  EXPECT_FALSE(a.leads());
}

TEST(EtcdLeader, APausedEtcdLetsTheLeadPass) {
  test::etcd_cluster etcd;
  supervisor a(etcd.endpoints(), 0xa1);
  await_lead(a);
  etcd.pause(0);
  a.events().until([&a] { return !a.leads(); });
  etcd.resume(0);
  a.events().until([&a] { return a.leads(); });
}

TEST(EtcdLeader, ALeaseWithoutTheKeyIsNoLead) {
  const test::etcd_cluster etcd;
  supervisor a(etcd.endpoints(), 0xa1);
  await_lead(a);
  // Somebody takes the key; a's lease lives, and is kept.
  etcd::condition always;
  always.key = "/understudy/orders/leader";
  std::vector<etcd::put> other(1);
  other[0].key = always.key;
  other[0].value = "00000000000000b2";
  (void)etcd.post(0, "/v3/kv/txn", etcd::txn_text(always, other, always.key));
  a.events().until([&a] { return a.hears_of(0xb2); });
  EXPECT_FALSE(a.leads());
}

TEST(EtcdLeader, ARevokedLeaseIsReplaced) {
  const test::etcd_cluster etcd;
  supervisor a(etcd.endpoints(), 0xa1);
  await_lead(a);
  const auto key = etcd::parse_range(
      etcd.post(0, "/v3/kv/range", etcd::range_text("/understudy/orders/leader")));
  ASSERT_TRUE(key && key->found);
  ASSERT_NE(key->found->lease, 0);
  (void)etcd.post(0, "/v3/lease/revoke", etcd::lease_text(key->found->lease));
  a.events().until([&a] { return !a.leads(); });
  a.events().until([&a] { return a.leads(); });
}

TEST(EtcdLeader, ResigningLetsTheNextLeadAtOnce) {
  const test::etcd_cluster etcd;
  supervisor a(etcd.endpoints(), 0xa1);
  supervisor b(etcd.endpoints(), 0xb2);
  await_lead(a);
  a.events().run(a.get().resign(in(20s)));
  EXPECT_FALSE(a.leads());
  const auto key = etcd::parse_range(
      etcd.post(0, "/v3/kv/range", etcd::range_text("/understudy/orders/leader")));
  ASSERT_TRUE(key);
  EXPECT_FALSE(key->found);
  await_lead(b);
  // It may compete again.
  a.get().campaign();
  a.events().until([&a] { return a.hears_of(0xb2); });
}

TEST(EtcdLeader, TheLeadOutlivesAMemberOfEtcd) {
  test::etcd_cluster etcd(3);
  supervisor a(etcd.endpoints(), 0xa1);
  await_lead(a);
  etcd.kill(0);
  const auto killed = in(0s);
  a.events().until([&] { return a.get().leading_until() > killed + 4s; });
}

}  // namespace
}  // namespace understudy::coord
