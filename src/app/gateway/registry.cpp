#include "app/gateway/registry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "app/config/config_values.hpp"
#include "net/address.hpp"

namespace understudy::app {

namespace {

bool same(const core::server_options& a, const core::server_options& b) {
  return a.address == b.address && a.priority == b.priority && a.weight == b.weight;
}

router::denial denied(std::string sentence) {
  return {std::move(sentence), false};
}

}  // namespace

registry::registry(std::string pool, std::shared_ptr<net::dispatcher> servers, record_sink records)
    : pool_(std::move(pool)), servers_(std::move(servers)), records_(std::move(records)) {}

void registry::configure(const std::vector<core::server_options>& servers) {
  std::set<std::string_view> wanted;
  for (const auto& server : servers) {
    wanted.insert(server.address);
    const auto found = entries_.find(server.address);
    if (found == entries_.end()) {
      entries_[server.address] = {servers_->add(server), server, std::nullopt, false};
      continue;
    }
    entry& known = found->second;
    if (!same(known.options, server)) servers_->update(known.id, server);
    known.options = server;
    known.expires.reset();
  }
  std::erase_if(entries_, [&](const auto& item) {
    const bool gone = !item.second.expires && !wanted.contains(item.first);
    if (gone) servers_->remove(item.second.id);
    return gone;
  });
}

registry::refusal registry::put(core::time_point now, const core::server_options& server,
                                std::chrono::milliseconds ttl) {
  if (!net::split_server_address(server.address)) {
    return denied(fmt::format("\"{}\" is no server address: write {}.", server.address,
                              net::server_address_form));
  }
  if (ttl < ttl_min || ttl > ttl_max) {
    return denied(
        fmt::format("ttl_ms has to be between {} and {}.", ttl_min.count(), ttl_max.count()));
  }
  if (!(server.weight > 0 && server.weight <= 1000) || server.priority > 100) {
    return denied("weight has to be above 0 and at most 1000, priority at most 100.");
  }
  const auto found = entries_.find(server.address);
  if (found == entries_.end()) {
    const auto registered = std::ranges::count_if(
        entries_, [](const auto& item) { return item.second.expires.has_value(); });
    if (static_cast<std::size_t>(registered) >= registered_max) {
      return denied(fmt::format("The pool {} has {} registered servers, the most it takes.", pool_,
                                registered_max));
    }
    entries_[server.address] = {servers_->add(server), server, now + ttl, false};
    write("server_registered", server.address, "it registered itself", "it takes calls");
    return std::nullopt;
  }
  entry& known = found->second;
  if (!known.expires) {
    return denied(fmt::format("{} is in the configuration of pool {}: it needs no registration.",
                              server.address, pool_));
  }
  if (!same(known.options, server)) servers_->update(known.id, server);
  known.options = server;
  known.expires = now + ttl;
  return std::nullopt;
}

registry::refusal registry::remove(std::string_view address) {
  const auto found = entries_.find(address);
  if (found == entries_.end()) return unknown(address);
  if (!found->second.expires) {
    return denied(fmt::format(
        "{} is in the configuration of pool {}: remove it there and reload, or drain it.", address,
        pool_));
  }
  servers_->remove(found->second.id);
  write("server_unregistered", found->first, "it was asked to go",
        "running calls end, no new ones go there");
  entries_.erase(found);
  return std::nullopt;
}

void registry::expire(core::time_point now) {
  std::erase_if(entries_, [&](const auto& item) {
    const bool late = item.second.expires && *item.second.expires <= now;
    if (late) {
      servers_->remove(item.second.id);
      write("registration_expired", item.first, "it was not renewed within its ttl",
            "running calls end, no new ones go there");
    }
    return late;
  });
}

std::optional<core::time_point> registry::next_expiry() const {
  std::optional<core::time_point> next;
  for (const auto& [unused, known] : entries_) {
    if (known.expires && (!next || *known.expires < *next)) next = known.expires;
  }
  return next;
}

registry::refusal registry::drain(std::string_view address) {
  if (!set_drained(address, true)) return unknown(address);
  return std::nullopt;
}

registry::refusal registry::resume(std::string_view address) {
  if (!set_drained(address, false)) return unknown(address);
  return std::nullopt;
}

bool registry::set_drained(std::string_view address, bool drained) {
  const auto ids = ids_of(address);
  for (const core::server_id id : ids) drained ? servers_->drain(id) : servers_->resume(id);
  if (const auto found = entries_.find(address); found != entries_.end()) {
    found->second.drained = drained;
  }
  return !ids.empty();
}

void registry::move_to(std::shared_ptr<net::dispatcher> servers) {
  for (auto& [unused, known] : entries_) {
    known.id = servers->add(known.options);
    if (known.drained) servers->drain(known.id);
  }
  servers_ = std::move(servers);
}

std::vector<core::server_id> registry::ids_of(std::string_view address) const {
  if (const auto found = entries_.find(address); found != entries_.end()) {
    return {found->second.id};
  }
  std::vector<core::server_id> ids;
  for (const auto& status : servers_->status()) {
    if (status.options.address == address) ids.push_back(status.id);
  }
  return ids;
}

router::denial registry::unknown(std::string_view address) const {
  return {fmt::format("The pool {} has no server {}.", pool_, address), true};
}

void registry::write(std::string kind, const std::string& address, std::string rule,
                     std::string effect) {
  core::record record;
  record.kind = std::move(kind);
  record.subject = fmt::format("pool {}, server {}", pool_, address);
  record.rule = std::move(rule);
  record.effect = std::move(effect);
  records_(record);
}

}  // namespace understudy::app
