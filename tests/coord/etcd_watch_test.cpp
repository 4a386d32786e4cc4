// Changes are told soon, whatever becomes of the watch.
#include <gtest/gtest.h>

#include "etcd_support.hpp"

namespace understudy::coord {
namespace {

constexpr std::chrono::milliseconds never = 3'600'000ms;

/// A supervisor that remembers what it was told.
class listener {
 public:
  listener(const std::vector<std::string>& endpoints, std::chrono::milliseconds poll)
      : supervisor_(endpoints, 0xee, poll) {
    supervisor_.get().watch([this](const read_result& found) { told_.push_back(found); });
  }
  void await(const core::topology& t) {
    supervisor_.events().until([&] { return !told_.empty() && told_.back().value == t; });
  }
  void await(read_end end) {
    supervisor_.events().until([&] { return !told_.empty() && told_.back().end == end; });
  }
  [[nodiscard]] const std::vector<read_result>& told() const { return told_; }
  [[nodiscard]] loop& events() { return supervisor_.events(); }

 private:
  std::vector<read_result> told_;
  supervisor supervisor_;
};

TEST(EtcdWatch, HearsOfAnothersWrite) {
  const test::etcd_cluster etcd;
  supervisor a(etcd.endpoints(), 0xa1);
  listener hears(etcd.endpoints(), never);
  hears.await(read_end::answered);
  revision at{};
  for (std::uint64_t gen = 1; gen <= 5; ++gen) {
    at = a.write(at, topology_of(gen)).at;
    hears.await(topology_of(gen));
    EXPECT_EQ(hears.told().back().at, at);
  }
}

TEST(EtcdWatch, LivesThroughARestart) {
  test::etcd_cluster etcd;
  supervisor a(etcd.endpoints(), 0xa1);
  listener hears(etcd.endpoints(), never);
  const auto at = a.write(revision{0}, topology_of(1)).at;
  hears.await(topology_of(1));
  etcd.kill(0);
  hears.events().for_a_while(500ms);  // it has noticed
  etcd.start(0);
  etcd.await_health();
  // Written before or after the watch is made anew: it is heard of.
  EXPECT_EQ(a.write(at, topology_of(2)).end, write_end::written);
  hears.await(topology_of(2));
}

TEST(EtcdWatch, AFrozenMemberIsLeft) {
  test::etcd_cluster etcd(3);
  const auto all = etcd.endpoints();
  supervisor a({all[1], all[2]}, 0xa1);
  listener hears(all, 200ms);
  a.write_next();
  hears.await(topology_of(1));
  hears.events().until([&] { return etcd.watchers(0) == 1; });
  etcd.pause(0);
  a.write_next();
  hears.events().until([&] {
    const auto& value = hears.told().back().value;
    return value && core::number_of(value->gen) >= 2;
  });
  hears.events().until([&] { return etcd.watchers(1) + etcd.watchers(2) == 1; });
}

TEST(EtcdWatch, TellsThatNothingIsReached) {
  test::etcd_cluster etcd;
  listener hears(etcd.endpoints(), 200ms);
  hears.await(read_end::answered);
  etcd.kill(0);
  hears.await(read_end::unreachable);
  etcd.start(0);
  hears.await(read_end::answered);
  EXPECT_EQ(hears.told().size(), 3U);  // each change once
}

TEST(EtcdWatch, IsSilentOnceItsOwnerIsGone) {
  const test::etcd_cluster etcd;
  loop events;
  etcd_options options;
  options.endpoints = etcd.endpoints();
  options.cluster = "orders";
  options.poll = 10ms;
  int told = 0;
  auto a = make_etcd_coordinator(events.executor(), options);
  a->campaign();
  a->watch([&](const read_result&) {
    ++told;
    a.reset();  // from inside, too
  });
  events.until([&told] { return told == 1; });
  supervisor b(etcd.endpoints(), 0xb2);
  b.write_next();
  events.for_a_while(200ms);
  EXPECT_EQ(told, 1);
}

TEST(EtcdWatch, IsSilentThoughALookGoesOn) {
  const test::etcd_cluster etcd;
  loop events;
  const swallower silent(events, etcd.endpoint(0));
  etcd_options options;
  options.endpoints = {silent.endpoint()};
  options.cluster = "orders";
  int told = 0;
  auto a = make_etcd_coordinator(events.executor(), options);
  a->watch([&told](const read_result&) { ++told; });
  events.until([&silent] { return silent.connections() > 0; });
  a.reset();
  events.for_a_while(2500ms);  // longer than a look may take
  EXPECT_EQ(told, 0);
}

}  // namespace
}  // namespace understudy::coord
