// The connections that attempts run on: taken, made, kept, and noticed when they end.
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <utility>

#include "net/dispatcher_impl.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

/// A connection that has rested so long is watched for its end.
constexpr std::chrono::milliseconds watch_after{20};

core::time_point now() {
  return std::chrono::steady_clock::now();
}

/// This machine is short of something: no evidence against the server.
bool is_local_shortage(const error_code& ec) {
  return ec == asio::error::no_descriptors || ec == asio::error::no_buffer_space ||
         ec == asio::error::no_memory || ec == boost::system::errc::too_many_files_open_in_system ||
         ec == boost::system::errc::address_not_available;
}

}  // namespace

/// A place on a trunk where there is one, else a connection that rests.
dispatcher_impl::attempt_result dispatcher_impl::take_carrier(const server_ptr& target,
                                                              const forward& request, take how) {
  attempt_result result;
  auto& trunks = target->connections.trunks();
  if (request.files.empty()) result.by = trunks.take(request.method, request.body.size());
  if (result.by) return result;
  if (trunks.should_open()) open_trunk(target);  // for later calls: this one does not wait for it
  take_connection(*target, how, result);
  return result;
}

void dispatcher_impl::take_connection(server& target, take how, attempt_result& result) {
  result.place.emplace(target.connections);
  unsigned dead = 0;
  const bool unseen = how == take::unseen;
  result.own = unseen ? target.connections.take() : target.connections.take_good(dead);
  result.unseen = unseen && result.own;
  result.by = result.own;
  if (dead > 0) {
    for (; dead > 0; --dead) pool_.idle_connection_lost(now(), target.id);
    settle();
  }
  result.crowded = !result.own && target.connections.open() > options_.connections_max;
}

asio::awaitable<void> dispatcher_impl::connect_to(server_ptr target, core::time_point deadline,
                                                  attempt_result& result) {
  const auto until = std::min(deadline, now() + options_.connect_timeout);
  co_await connect(std::move(target), until, result);
}

/// Fills in `own`, or how it failed.
asio::awaitable<void> dispatcher_impl::connect(server_ptr target, core::time_point deadline,
                                               attempt_result& result) {
  auto connection = make_upstream(target);
  const auto at = target->connections.server();
  error_code ec;
  if (target->way) {
    ec = co_await connection->connect(at, deadline, *target->way);
  } else {
    ec = co_await connection->connect(at, deadline);
  }
  if (!ec) {
    target->tls_failure.clear();
    result.by = result.own = std::move(connection);
  } else {
    connection->close();
    result.crowded = is_local_shortage(ec);
    const bool late = ec == asio::error::timed_out;
    result.got.how = late ? core::outcome::unreached : core::outcome::refused;
    if (!late && !result.crowded) target->connections.trunks().forget();
  }
}

std::shared_ptr<upstream> dispatcher_impl::make_upstream(const server_ptr& target) {
  return std::make_shared<upstream>(executor_, make_codec(*target),
                                    [owner = std::weak_ptr(self()), server = std::weak_ptr(target)](
                                        upstream& which, bool closed) {
                                      const auto alive = owner.lock();
                                      const auto of = server.lock();
                                      if (alive && of) alive->idle_ended(*of, which, closed);
                                    });
}

void dispatcher_impl::idle_ended(server& target, const upstream& connection, bool closed) {
  target.connections.forget(connection);
  if (!closed || target.removed) return;
  pool_.idle_connection_lost(now(), target.id);
  settle();
}

/// A connection that carried a call, if it had one of its own, waits for the next.
void dispatcher_impl::keep(server& target, attempt_result& ended) {
  ended.place.reset();
  if (!ended.own) return;
  if (!ended.own->clean() || target.removed || stopped_) {
    ended.own->close();
    return;
  }
  const auto at = now();
  target.connections.give(ended.own, at);
  if (!prune_at_) prune_at_ = at + options_.idle_max;
  if (std::exchange(target.unwatched, true)) return;
  unwatched_.push_back(target.id);
  if (!watch_at_) watch_at_ = at + watch_after;
  arm(at);
}

/// A connection that is used again and again needs nobody to wait for its end: the next call finds
/// it. One that rests does.
void dispatcher_impl::watch_resting(core::time_point at) {
  watch_at_.reset();
  std::erase_if(unwatched_, [&](core::server_id id) {
    const auto found = servers_.find(id);
    if (found == servers_.end()) return true;
    auto& target = *found->second;
    target.unwatched = target.connections.watch_older(at - watch_after);
    return !target.unwatched;
  });
  if (!unwatched_.empty()) watch_at_ = at + watch_after;
}

/// Calls go on as before meanwhile.
void dispatcher_impl::open_trunk(const server_ptr& target) {
  if (!may_multiplex(*target)) return;
  auto idle_sink = [owner = std::weak_ptr(self()), server = std::weak_ptr(target)](bool closed) {
    const auto alive = owner.lock();
    const auto of = server.lock();
    if (!alive || !of || !closed || of->removed) return;
    alive->pool_.idle_connection_lost(now(), of->id);
    alive->settle();
  };
  auto next = std::make_shared<trunk>(executor_, options_.limits, std::move(idle_sink));
  target->connections.trunks().opening(next);
  asio::co_spawn(executor_, follow_trunk(target, std::move(next)), rethrow);
}

asio::awaitable<void> dispatcher_impl::follow_trunk(server_ptr target,
                                                    std::shared_ptr<trunk> next) {
  const auto alive = self();
  const tls_way* const way = target->way ? &*target->way : nullptr;
  const auto how =
      co_await next->open(target->connections.server(), now() + options_.pool.probe_timeout, way);
  target->connections.trunks().opened(how);
  if (target->removed || stopped_) {
    target->connections.trunks().retire();
    co_return;
  }
  if (how == trunk::opening::open && target->connections.trunks().is_news()) record_trunk(*target);
  if (!prune_at_) prune_at_ = now() + options_.idle_max;
  arm(now());
}

/// Once for each reason in a row.
void dispatcher_impl::record_tls(server& target, const std::string& why) const {
  if (!records_ || std::exchange(target.tls_failure, why) == why) return;
  core::record record;
  record.kind = "tls_failed";
  record.subject = "pool " + options_.pool.name + ", server " + target.address;
  record.evidence.emplace_back("handshake", why);
  record.rule = "a server has to show a certificate of a known CA for its own host";
  record.effect = "no call is sent to it";
  records_(record);
}

void dispatcher_impl::record_trunk(const server& target) const {
  if (!records_) return;
  core::record record;
  record.kind = "server_multiplexed";
  record.subject = "pool " + options_.pool.name + ", server " + target.address;
  record.evidence.emplace_back("asked", "granted");
  record.rule =
      "a server is asked once, and again after it was away, whether it takes many calls "
      "at a time on one connection";
  record.effect = "calls without files, up to 64 KiB, share connections to it";
  records_(record);
}

}  // namespace understudy::net
