#include "coord/etcd/lease_clock.hpp"

namespace understudy::coord::etcd {

void lease_clock::held(std::int64_t lease, std::chrono::seconds ttl, core::time_point sent) {
  if (lease != lease_) leading_until_ = {};
  lease_ = lease;
  ttl_ = ttl;
  sent_ = sent;
}

void lease_clock::key_under(std::optional<std::int64_t> lease) {
  const bool ours = lease_ != 0 && lease == lease_;
  leading_until_ = ours ? sent_ + ttl_ - margin_of(ttl_) : core::time_point{};
}

void lease_clock::lost() {
  *this = lease_clock();
}

}  // namespace understudy::coord::etcd
