#include "coord/etcd/candidacy.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>
#include <vector>

#include "coord/etcd/etcd_json.hpp"
#include "coord/topology_text.hpp"

namespace understudy::coord::etcd {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

candidacy::candidacy(const asio::any_io_executor& executor, std::shared_ptr<etcd_client> client,
                     std::string key, core::supervisor_id self, std::chrono::seconds ttl)
    : executor_(executor),
      client_(std::move(client)),
      key_(std::move(key)),
      self_(self),
      ttl_(ttl),
      next_(executor) {}

void candidacy::campaign(const std::shared_ptr<candidacy>& self) {
  if (std::exchange(self->competing_, true)) return;
  asio::co_spawn(self->executor_, compete(self, ++self->round_), asio::detached);
}

void candidacy::stop() {
  competing_ = false;
  ++round_;
  clock_.lost();
  next_.cancel();
}

asio::awaitable<void> candidacy::resign(std::shared_ptr<candidacy> self,
                                        core::time_point deadline) {
  const auto lease = self->clock_.lease();
  self->stop();
  if (lease == 0) co_return;
  // Should it fail, the lease ends by itself.
  co_await etcd_client::ask(self->client_, "/v3/lease/revoke", lease_text(lease), deadline);
}

core::duration candidacy::interval() const {
  const core::duration asked = ttl_;
  return (clock_.lease() == 0 ? asked : clock_.ttl()) / 3;
}

asio::awaitable<void> candidacy::compete(std::shared_ptr<candidacy> self, unsigned round) {
  while (self->round_ == round) {
    const auto began = clock::now();
    const auto deadline = began + self->ttl_;
    const bool has_lease = co_await hold_lease(self, round, deadline);
    if (has_lease) co_await claim(self, round, deadline);
    if (self->round_ != round) co_return;
    self->next_.expires_at(std::max(began + self->interval(), clock::now() + self->interval() / 4));
    co_await self->next_.async_wait(as_result);
  }
}

asio::awaitable<bool> candidacy::hold_lease(std::shared_ptr<candidacy> self, unsigned round,
                                            core::time_point deadline) {
  const auto sent = clock::now();
  const auto lease = self->clock_.lease();
  const bool keep = lease != 0;
  const std::string path = keep ? "/v3/lease/keepalive" : "/v3/lease/grant";
  const std::string body = keep ? lease_text(lease) : grant_text(self->ttl_.count());
  const auto answer = co_await etcd_client::ask(self->client_, path, body, deadline);
  if (self->round_ != round) co_return false;
  if (answer.status != 200) co_return false;  // what is left of it is left
  const auto held = keep ? parse_kept(answer.body) : parse_grant(answer.body);
  if (!held) co_return false;
  if (held->ttl_seconds <= 0) {
    self->clock_.lost();
    co_return false;
  }
  self->clock_.held(held->lease, std::chrono::seconds(held->ttl_seconds), sent);
  co_return true;
}

asio::awaitable<void> candidacy::claim(std::shared_ptr<candidacy> self, unsigned round,
                                       core::time_point deadline) {
  const auto asked = clock::now();
  condition free;
  free.key = self->key_;
  free.changed_at = 0;
  std::vector<put> take(1);
  take[0].key = self->key_;
  take[0].value = to_text(self->self_);
  take[0].lease = self->clock_.lease();
  const std::string txn = txn_text(free, take, self->key_);
  // May be repeated: at most it is found to be ours already.
  const auto answer = co_await etcd_client::ask(self->client_, "/v3/kv/txn", txn, deadline);
  if (self->round_ != round) co_return;
  const auto done = answer.status == 200 ? parse_txn(answer.body) : std::nullopt;
  if (!done) {
    // The member that kept the lease may not have known that it is revoked.
    if (answer.status == 404) self->clock_.lost();
    co_return;
  }
  self->leader_.asked = asked;
  if (done->succeeded) {
    self->leader_.who = self->self_;
    self->clock_.key_under(self->clock_.lease());
    co_return;
  }
  self->leader_.who = done->found ? parse_supervisor(done->found->value) : std::nullopt;
  self->clock_.key_under(done->found ? std::optional(done->found->lease) : std::nullopt);
}

}  // namespace understudy::coord::etcd
