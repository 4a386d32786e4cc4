// A supervisor and the cluster that it sees, for tests of its decisions.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/cluster/supervisor.hpp"

namespace understudy::core {

using namespace std::chrono_literals;
using words = std::vector<std::string>;

inline constexpr node_id one{1};
inline constexpr node_id two{2};
inline constexpr node_id three{3};
inline constexpr supervisor_id me{7};

// Three nodes in good order, as this supervisor sees them; each test breaks something.
class supervisor_lab : public testing::Test {
 protected:
  supervisor_lab() {
    options.me = me;
    topology_.epoch = epoch{1};
    topology_.gen = generation{10};
    topology_.by = me;
    topology_.phase = phase::stable;
    topology_.primary = one;
    for (const node_id node : {one, two, three}) {
      node_entry entry;
      entry.id = node;
      entry.agent = "agent";
      entry.since = entry.boot = 100;
      topology_.nodes.push_back(entry);
      sight is;
      is.start = is.boot = 100;
      is.mine = true;
      is.told = generation{10};
      is.written = {1001, 50};
      is.state.add(is.written);
      is.server_id = number_of(node);
      if (node == one) {
        is.server_id = 1001;
        is.read_only = false;
        is.semi_sync = true;
        is.ackers = 2;
      } else {
        topology_.sync.insert(node);
        is.replica = is.applying = is.acks = true;
        is.follows = one;
        is.receiving = receiver::running;
        is.received = is.written;
      }
      sights[node] = is;
    }
  }

  void begin() {
    it.emplace(options);
    it->topology_read(now, topology_);
    pass(600ms);
  }

  // Time passes; who is there is looked at, and beats.
  words pass(duration time) {
    words all;
    for (const time_point end = now + time; now < end;) {
      now += 50ms;
      for (auto& [node, is] : sights) {
        if (gone.contains(node)) {
          it->missed(now, node, gone.at(node));
        } else {
          if (!quiet) ++is.beats;
          it->saw(now, node, is);
        }
      }
      for (std::string& each : decide()) all.push_back(std::move(each));
    }
    return all;
  }

  // What is said next, in words. Writes succeed; nodes do nothing by themselves.
  words decide() {
    words said;
    for (const action& each : it->decide(now)) {
      if (const auto* t = std::get_if<tell>(&each)) {
        said.push_back(std::to_string(number_of(t->node)) + " " + std::string(name_of(t->step)));
        last_step = t->step;
        if (answers) it->ended(now, t->node, step_end::done);
      } else if (const auto* w = std::get_if<write_topology>(&each)) {
        topology_ = w->what;
        said.push_back("write " + std::string(to_string(w->what.phase)));
        EXPECT_EQ(fault_of(w->what), "");
        writes = true;
      } else if (const auto* g = std::get_if<move_gates>(&each)) {
        said.emplace_back(g->closed ? "close gates" : "open gates");
      } else if (const auto* r = std::get_if<record>(&each)) {
        records.push_back(r->kind);
      }
    }
    if (writes) it->topology_written(now);
    writes = false;
    return said;
  }

  static bool has(const words& in, std::string_view what) {
    return std::find(in.begin(), in.end(), what) != in.end();
  }

  supervisor_options options;
  topology topology_;
  std::map<node_id, sight> sights;
  std::map<node_id, absence> gone;
  std::optional<supervisor> it;
  time_point now{1h};
  bool quiet = false;   // nothing comes from the primary
  bool answers = true;  // steps end at once, and well
  bool writes = false;
  step last_step;
  words records;
};

}  // namespace understudy::core
