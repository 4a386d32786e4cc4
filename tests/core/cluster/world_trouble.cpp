// What befalls a cluster, and how it ends.
#include <algorithm>

#include "core/cluster/world.hpp"

namespace understudy::sim::cluster {

using namespace std::chrono_literals;

plan random_plan(std::uint64_t seed) {
  core::dice dice(seed * 7919 + 13);
  plan what;
  what.seed = seed;
  what.nodes = dice.unit() < 0.15 ? 2 : dice.unit() < 0.1 ? 4 : 3;
  what.agents = dice.unit() < 0.85;
  what.solo = dice.unit() < 0.85;
  what.faults_per_second = 0.2 + dice.unit();
  what.primary_share = 0.3 + 0.6 * dice.unit();
  return what;
}

void world::part(place one, place other) {
  if (one != other) parted_.insert(std::minmax(one, other));
}

void world::join_all() {
  parted_.clear();
  for (auto& [way, what] : std::exchange(stopped_, {})) {
    across(way.first, way.second, std::move(what));
  }
}

// As a service manager would, who knows of no primaries.
void world::restart_without_agent(node_id node) {
  if (plan_.agents) return;
  time_.after(time_.between(500ms, 3s), [this, node] {
    server& it = at(node);
    if (!it.up()) it.carry_out({}, generation{~0ULL >> 1U}, core::hold{});
  });
}

void world::hit(node_id node) {
  server& it = at(node);
  const auto how = time_.below(100);
  if (how < 45) {
    tell("crash of node " + std::to_string(number_of(node)));
    it.crash();
    restart_without_agent(node);
  } else if (how < 65) {
    tell("node " + std::to_string(number_of(node)) + " freezes");
    it.freeze();
    time_.after(time_.between(200ms, 5s), [&it] { it.thaw(); });
  } else if (how < 75) {
    tell("node " + std::to_string(number_of(node)) + " loses power");
    it.lose_power();
    restart_without_agent(node);
  } else {
    // Cut off from all, or from some.
    tell("node " + std::to_string(number_of(node)) + " is cut off");
    const double share = time_.chance(0.4) ? 1.0 : 0.5;
    for (const auto& each : entries_) {
      if (time_.chance(share)) part(number_of(node), number_of(each.id));
    }
    for (std::size_t host = 0; host < supervisors_.size(); ++host) {
      if (time_.chance(share)) part(number_of(node), 100 + host);
    }
    time_.after(time_.between(300ms, 5s), [this] { join_all(); });
  }
}

// A node is let go, taken back, or made anew.
void world::ask_upkeep(std::size_t host, node_id node) {
  core::order what = core::clone_order{node, {}};
  std::string_view name = "a copy";
  if (keeper_.value && keeper_.value->find(node) == nullptr) {
    what = core::add_node_order{*entry_of(node)};
    name = "an addition";
  } else if (time_.chance(0.6)) {
    what = core::remove_node_order{node};
    name = "a removal";
  }
  const std::string why = supervisors_[host]->ask(what);
  tell(std::string(name) + " of node " + std::to_string(number_of(node)) +
       " is asked of supervisor " + std::to_string(host) + ": " + why);
}

const node_entry* world::entry_of(node_id node) const {
  return &entries_.at(number_of(node) - 1);
}

// In the end all are back.
void world::take_back() {
  if (!keeper_.value) return;
  for (const auto& each : entries_) {
    if (keeper_.value->find(each.id) != nullptr) continue;
    static_cast<void>(supervisors_[0]->ask(core::add_node_order{each}));
  }
}

void world::trouble() {
  if (healed_) return;
  const auto how = time_.below(100);
  node_id node = some_node();
  if (keeper_.value && time_.chance(plan_.primary_share)) node = keeper_.value->primary;
  const std::size_t host = time_.below(supervisors_.size());
  if (how < 60) {
    hit(node);
  } else if (how < 66) {
    tell("the coordinator is away");
    keeper_.away = true;
    time_.after(time_.between(200ms, 3s), [this] { keeper_.away = false; });
  } else if (how < 76) {
    tell("supervisor " + std::to_string(host) + " sleeps");
    driver* who = supervisors_[host];
    who->pause();
    time_.after(time_.between(300ms, 5s), [who] { who->resume(); });
  } else if (how < 84) {
    tell("supervisor " + std::to_string(host) + " starts anew");
    supervisors_[host]->end();
    start_supervisor(host);
  } else if (how < 87) {
    tell("all nodes lose power");
    for (const auto& each : servers_) {
      each->lose_power();
      restart_without_agent(each->id());
    }
  } else if (how < 92) {
    part(100 + host, 0);
    time_.after(time_.between(300ms, 4s), [this] { join_all(); });
  } else if (how < 97) {
    const std::string why = supervisors_[host]->ask(core::switchover_order{});
    tell("a switchover is asked of supervisor " + std::to_string(host) + ": " + why);
  } else {
    ask_upkeep(host, some_node());
  }
  // Now and then two at once.
  const auto apart = duration(std::chrono::seconds(1)) / plan_.faults_per_second;
  const auto next = std::chrono::duration_cast<duration>(apart * 2 * time_.dice.unit());
  time_.after(time_.chance(0.15) ? time_.between(0ms, 60ms) : next, [this] { trouble(); });
}

// The time is short in which a new primary is open and its members are not yet known to have all:
// callers are many then, and now and then the time is long, or both it and a member are hit.
void world::trouble_promotion(const core::topology& what) {
  if (!time_.chance(0.5)) return;
  const node_id primary = what.primary;
  for (int i = 0; i < 20; ++i) {
    time_.after(time_.between(2ms, 60ms), [this, primary] {
      server& to = at(primary);
      to.when_awake([&to, content = ++contents_] { to.commit(content); });
    });
  }
  if (time_.chance(0.3)) {
    time_.after(time_.between(0ms, 4ms), [this] { keeper_.away = true; });
    time_.after(time_.between(20ms, 900ms), [this] { keeper_.away = false; });
  }
  const auto hit_soon = [this](node_id node) {
    time_.after(time_.between(1ms, 80ms), [this, node] {
      if (!healed_) hit(node);
    });
  };
  if (time_.chance(0.3)) hit_soon(primary);
  if (time_.chance(0.3)) hit_soon(some_node());
}

void world::heal() {
  tell("all heals");
  healed_ = true;
  keeper_.away = false;
  join_all();
  for (const auto& each : servers_) each->thaw();
  for (driver* each : supervisors_) {
    if (each->paused()) each->resume();
  }
}

}  // namespace understudy::sim::cluster
