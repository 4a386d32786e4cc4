// Writes to a real etcd: one wins, and what is not known is said.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "coord/etcd/base64.hpp"
#include "coord/etcd/etcd_json.hpp"
#include "coord/topology_text.hpp"
#include "etcd_support.hpp"

namespace understudy::coord {
namespace {

std::string value_of(const test::etcd_cluster& etcd, const std::string& key) {
  const auto range = etcd::parse_range(etcd.post(0, "/v3/kv/range", etcd::range_text(key)));
  return range && range->found ? range->found->value : std::string();
}

TEST(EtcdWrite, BeginsWithNothing) {
  const test::etcd_cluster etcd;
  supervisor a(etcd.endpoints(), 0xa1);
  const auto nothing = a.read();
  EXPECT_EQ(nothing.end, read_end::answered) << nothing.why;
  EXPECT_FALSE(nothing.value);
  EXPECT_EQ(nothing.at, revision{0});
  const auto written = a.write(revision{0}, topology_of(1));
  EXPECT_EQ(written.end, write_end::written) << written.why;
  const auto found = a.read();
  EXPECT_EQ(found.end, read_end::answered) << found.why;
  EXPECT_EQ(found.value, topology_of(1));
  EXPECT_EQ(found.at, written.at);
  EXPECT_EQ(value_of(etcd, "/understudy/orders/topology"), to_text(topology_of(1)));
}

TEST(EtcdWrite, OfTwoWhoCreateItOneDoes) {
  const test::etcd_cluster etcd;
  loop events;
  std::vector<std::unique_ptr<coordinator>> all;
  std::vector<write_result> results;
  for (std::uint64_t id = 1; id <= 8; ++id) {
    etcd_options options;
    options.endpoints = etcd.endpoints();
    options.cluster = "orders";
    all.push_back(make_etcd_coordinator(events.executor(), options));
    boost::asio::co_spawn(events.executor(),
                          all.back()->write(revision{0}, topology_of(1, 1, id), in(20s)),
                          [&results](const std::exception_ptr&, write_result result) {
                            results.push_back(std::move(result));
                          });
  }
  events.until([&results] { return results.size() == 8; });
  const auto count = [&results](write_end end) {
    return std::count_if(results.begin(), results.end(),
                         [end](const write_result& each) { return each.end == end; });
  };
  EXPECT_EQ(count(write_end::written), 1);
  EXPECT_EQ(count(write_end::conflict), 7);
}

TEST(EtcdWrite, AnotherWroteMeanwhile) {
  const test::etcd_cluster etcd;
  supervisor a(etcd.endpoints(), 0xa1);
  supervisor b(etcd.endpoints(), 0xb2);
  const auto first = a.write(revision{0}, topology_of(1));
  const auto found = b.read();
  ASSERT_EQ(found.at, first.at);
  EXPECT_EQ(b.write(found.at, topology_of(2, 1, 0xb2)).end, write_end::written);
  EXPECT_EQ(a.write(first.at, topology_of(2, 1, 0xa1)).end, write_end::conflict);
  EXPECT_EQ(a.read().value, topology_of(2, 1, 0xb2));
}

TEST(EtcdWrite, TheSameTextAgainIsAnotherRevision) {
  const test::etcd_cluster etcd;
  supervisor a(etcd.endpoints(), 0xa1);
  const auto at = a.write(revision{0}, topology_of(1)).at;
  etcd::condition always;
  always.key = "/understudy/orders/topology";
  std::vector<etcd::put> same(1);
  same[0].key = always.key;
  same[0].value = to_text(topology_of(1));
  (void)etcd.post(0, "/v3/kv/txn", etcd::txn_text(always, same, always.key));
  EXPECT_EQ(a.write(at, topology_of(2)).end, write_end::conflict);
}

TEST(EtcdWrite, TheJournalHasEachEpoch) {
  const test::etcd_cluster etcd;
  supervisor a(etcd.endpoints(), 0xa1);
  auto at = a.write(revision{0}, topology_of(1, 1)).at;
  at = a.write(at, topology_of(2, 1)).at;
  at = a.write(at, topology_of(3, 2)).at;
  EXPECT_EQ(a.write(at, topology_of(4, 2)).end, write_end::written);
  EXPECT_EQ(value_of(etcd, "/understudy/orders/journal/1"), to_text(topology_of(1, 1)));
  EXPECT_EQ(value_of(etcd, "/understudy/orders/journal/2"), to_text(topology_of(3, 2)));
  // In the same step: both keys have one revision.
  const auto entry = etcd::parse_range(
      etcd.post(0, "/v3/kv/range", etcd::range_text("/understudy/orders/journal/2")));
  EXPECT_EQ(revision{entry->found->changed_at}, at);
}

TEST(EtcdWrite, WithoutAnAnswerIsUnknownAndNotRepeated) {
  const test::etcd_cluster etcd;
  loop events;
  const swallower silent(events, etcd.endpoint(0));
  etcd_options options;
  options.endpoints = {silent.endpoint(), etcd.endpoint(0)};
  options.cluster = "orders";
  const auto a = make_etcd_coordinator(events.executor(), options);
  const auto unknown = events.run(a->write(revision{0}, topology_of(1), in(500ms)));
  EXPECT_EQ(unknown.end, write_end::unknown);
  EXPECT_EQ(silent.connections(), 1);
  // It did happen. Who assumes that it did not finds out.
  supervisor b(etcd.endpoints(), 0xb2);
  b.events().until([&b] { return b.read().value.has_value(); });
  EXPECT_EQ(events.run(a->write(revision{0}, topology_of(1), in(20s))).end, write_end::conflict);
  const auto found = events.run(a->read(in(20s)));
  EXPECT_EQ(found.value, topology_of(1));
  EXPECT_EQ(b.read().at, found.at);  // written once
}

TEST(EtcdWrite, ToAPausedEtcdIsUnknown) {
  test::etcd_cluster etcd;
  supervisor a(etcd.endpoints(), 0xa1);
  const auto at = a.write(revision{0}, topology_of(1)).at;
  etcd.pause(0);
  EXPECT_EQ(a.write(at, topology_of(2), 300ms).end, write_end::unknown);
  EXPECT_EQ(a.read(300ms).end, read_end::unreachable);
  etcd.resume(0);
  // Whether or not it happens yet, the next generations come once each.
  a.write_next();
  const auto found = a.read();
  const auto gen = core::number_of(found.value->gen);
  EXPECT_TRUE(gen == 2 || gen == 3) << gen;
}

TEST(EtcdWrite, GoesToTheNextMemberOnlyWhileNothingWasSent) {
  const test::etcd_cluster etcd;
  supervisor a({dead_endpoint(), dead_endpoint(), etcd.endpoint(0)}, 0xa1);
  EXPECT_EQ(a.write(revision{0}, topology_of(1)).end, write_end::written);
}

TEST(EtcdWrite, SaysWhatAPersonPutThere) {
  const test::etcd_cluster etcd;
  supervisor a(etcd.endpoints(), 0xa1);
  etcd::condition always;
  always.key = "/understudy/orders/topology";
  std::vector<etcd::put> junk(1);
  junk[0].key = always.key;
  junk[0].value = "junk";
  (void)etcd.post(0, "/v3/kv/txn", etcd::txn_text(always, junk, always.key));
  const auto broken = a.read();
  EXPECT_EQ(broken.end, read_end::broken);
  EXPECT_EQ(broken.why.find("What is stored is no topology: It is no JSON"), 0U) << broken.why;
  EXPECT_EQ(a.write(revision{0}, topology_of(1)).end, write_end::conflict);
  EXPECT_EQ(a.write(broken.at, topology_of(1)).end, write_end::written);
}

TEST(EtcdOptions, AreRefusedWithASentence) {
  loop events;
  const auto fault = [&events](const etcd_options& options) {
    try {
      (void)make_etcd_coordinator(events.executor(), options);
    } catch (const std::runtime_error& what) {
      return std::string(what.what());
    }
    return std::string();
  };
  etcd_options options;
  options.endpoints = {"127.0.0.1:2379"};
  options.cluster = "orders";
  EXPECT_EQ(fault(options), "");
  options.cluster = "a/b";
  EXPECT_EQ(fault(options), "A cluster's name is not empty and has no \"/\".");
  options.cluster = "orders";
  options.lease = 0s;
  EXPECT_EQ(fault(options), "A lease takes at least a second.");
  options.lease = 2s;
  options.endpoints = {"127.0.0.1"};
  EXPECT_EQ(fault(options), "etcd's address \"127.0.0.1\" is not HOST:PORT.");
  options.endpoints.clear();
  EXPECT_EQ(fault(options), "etcd has no address.");
}

}  // namespace
}  // namespace understudy::coord
