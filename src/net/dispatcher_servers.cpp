// Which servers a dispatcher has: addresses as they are, names as they are looked up.
#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "net/dispatcher_impl.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds lookup_interval{5};
constexpr std::chrono::seconds lookup_timeout{5};
constexpr std::chrono::seconds lookup_pause{1};  ///< after one that failed
/// Ids of names, apart from those that the pool counts up from the bottom.
constexpr std::uint32_t first_group_id = 0x80000000U;

core::time_point now() {
  return std::chrono::steady_clock::now();
}

}  // namespace

core::server_id dispatcher_impl::add(const core::server_options& options) {
  const auto address = split_server_address(options.address);
  const auto endpoint = address ? numeric_endpoint(address->at) : std::nullopt;
  if (endpoint) {
    const auto id = add_server(options, *address, *endpoint);
    settle();
    return id;
  }
  const core::server_id id{first_group_id + groups_made_++};
  const auto group =
      std::make_shared<host_group>(id, options, address.value_or(server_address()), executor_);
  groups_.push_back(group);
  ++unresolved_;
  asio::co_spawn(executor_, follow_name(group), rethrow);
  return id;
}

core::server_id dispatcher_impl::add_server(const core::server_options& options,
                                            const server_address& address,
                                            asio::ip::tcp::endpoint endpoint) {
  std::shared_ptr<const std::string> http_head;
  if (!address.http_target.empty()) {
    http_head =
        std::make_shared<const std::string>(http_codec_head(address.at, address.http_target));
  }
  const auto id = pool_.add(now(), options);
  const bool frames = http_head == nullptr;
  const auto made = std::make_shared<server>(id, options.address, endpoint, std::move(http_head));
  if (options_.tls && frames) {
    made->way.emplace(
        tls_way{options_.tls, address.at.host,
                [owner = std::weak_ptr(self()), of = std::weak_ptr(made)](const std::string& why) {
                  const auto alive = owner.lock();
                  const auto target = of.lock();
                  if (alive && target) alive->record_tls(*target, why);
                }});
  }
  servers_.emplace(id, made);
  return id;
}

std::unique_ptr<upstream_codec> dispatcher_impl::make_codec(const server& target) const {
  return target.http_head ? make_http_codec(target.http_head, options_.limits)
                          : make_frame_codec(options_.limits);
}

void dispatcher_impl::remove_server(core::server_id id) {
  const auto found = servers_.find(id);
  if (found == servers_.end()) return;
  const auto gone = found->second;
  gone->removed = true;
  gone->connections.close_idle();
  servers_.erase(found);
  pool_.remove(now(), id);
  if (learned_) learned_(gone->address, {});
}

dispatcher_impl::group_ptr dispatcher_impl::group_of(core::server_id id) const {
  const auto found = std::find_if(groups_.begin(), groups_.end(),
                                  [&](const auto& group) { return group->id == id; });
  return found == groups_.end() ? nullptr : *found;
}

void dispatcher_impl::update(core::server_id id, const core::server_options& options) {
  if (const auto group = group_of(id)) {
    group->options = options;
    for (const auto& [endpoint, member] : group->members) {
      auto of_member = options;
      of_member.address = format_server_address(group->name, endpoint);
      pool_.update(now(), member, of_member);
    }
  } else if (servers_.contains(id)) {
    pool_.update(now(), id, options);
  }
  settle();
}

void dispatcher_impl::remove(core::server_id id) {
  if (const auto group = group_of(id)) {
    group->removed = true;
    group->timer.cancel();
    for (const auto& [endpoint, member] : group->members) remove_server(member);
    std::erase(groups_, group);
  } else {
    remove_server(id);
  }
  settle();
}

void dispatcher_impl::drain(core::server_id id) {
  if (const auto group = group_of(id)) {
    group->drained = true;
    for (const auto& [endpoint, member] : group->members) pool_.drain(now(), member);
  } else if (servers_.contains(id)) {
    pool_.drain(now(), id);
  }
  settle();
}

void dispatcher_impl::resume(core::server_id id) {
  if (const auto group = group_of(id)) {
    group->drained = false;
    for (const auto& [endpoint, member] : group->members) pool_.resume(now(), member);
  } else if (servers_.contains(id)) {
    pool_.resume(now(), id);
  }
  settle();
}

asio::awaitable<void> dispatcher_impl::follow_name(group_ptr group) {
  const std::weak_ptr owner = self();
  const auto executor = executor_;
  for (;;) {
    const auto found = co_await resolve(executor, group->name.at, now() + lookup_timeout);
    auto alive = owner.lock();
    if (!alive) co_return;
    const bool go_on = !group->removed && !alive->stopped_;
    if (go_on) alive->take_addresses(*group, found);
    if (!std::exchange(group->looked_up, true)) {
      --alive->unresolved_;
      alive->wake_all();  // calls that wait for the first servers of all
    }
    if (!go_on) co_return;
    alive.reset();  // while it rests, a name keeps nothing alive
    group->timer.expires_after(group->failing ? lookup_pause : lookup_interval);
    co_await group->timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (group->removed) co_return;
  }
}

/// A lookup that fails changes nothing: the servers known before may still be there.
void dispatcher_impl::take_addresses(host_group& group, const resolved& found) {
  const bool failed = found.error.failed() || found.endpoints.empty();
  if (failed != std::exchange(group.failing, failed)) {
    record_lookup(group, failed ? found.error.message() : "");
  }
  if (!failed) {
    for (const auto& endpoint : found.endpoints) {
      if (group.members.contains(endpoint)) continue;
      auto of_member = group.options;
      of_member.address = format_server_address(group.name, endpoint);
      const auto id = add_server(of_member, group.name, endpoint);
      if (group.drained) pool_.drain(now(), id);
      group.members.emplace(endpoint, id);
    }
    std::erase_if(group.members, [&](const auto& member) {
      const bool gone =
          !std::binary_search(found.endpoints.begin(), found.endpoints.end(), member.first);
      if (gone) remove_server(member.second);
      return gone;
    });
  }
  settle();
}

void dispatcher_impl::record_lookup(const host_group& group, const std::string& error) {
  if (!records_) return;
  core::record record;
  record.kind = error.empty() ? "name_found" : "name_not_found";
  record.subject = "pool " + options_.pool.name + ", server " + group.options.address;
  record.evidence.emplace_back("lookup", error.empty() ? "succeeded" : error);
  record.rule = "a host name is looked up again every 5 s, after a failure every second";
  record.effect = error.empty() ? "its addresses are servers again"
                                : "its servers stay as they were last known";
  records_(record);
}

}  // namespace understudy::net
