// An agent for each node of a cluster.
#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "db/agent_work.hpp"
#include "db/support/cluster.hpp"

namespace understudy::db {

/// Thrown by a test out of an agent's step, as if its process had ended there.
struct agent_died : std::runtime_error {
  agent_died() : std::runtime_error("the agent died") {}
};

class agents {
 public:
  explicit agents(cluster& on) : on_(on) {
    for (unsigned n = 1; n <= on.size(); ++n) all_.push_back(make(n));
  }
  ~agents() {
    for (auto& each : all_) each->server().kill();
  }
  agents(const agents&) = delete;
  agents& operator=(const agents&) = delete;

  [[nodiscard]] agent_work& of(unsigned node) { return *all_.at(node - 1); }
  /// Another process takes its place.
  void restart(unsigned node) {
    all_.at(node - 1).reset();
    all_.at(node - 1) = make(node);
  }
  /// Called with each phase of any agent's step.
  std::function<void(std::string_view phase)> watch;
  /// Instead of the donor's agent.
  copy_source* source = nullptr;

  [[nodiscard]] agent_report carry_out(unsigned node, const core::step& what,
                                       const interrupt* stop = nullptr) {
    return of(node).carry_out(what, on_.gen, stop);
  }
  /// It is done, or this throws.
  agent_report does(unsigned node, const core::step& what) {
    agent_report out = carry_out(node, what);
    if (out.end != core::step_end::done) {
      throw std::runtime_error(std::string(core::name_of(what)) + ": " + out.why);
    }
    return out;
  }
  /// Killed and started, until it is ready.
  void restarts(unsigned node, core::start_role role = core::start_role::replica) {
    does(node, core::kill_server{});
    starts(node, role);
  }
  void starts(unsigned node, core::start_role role = core::start_role::replica) {
    does(node, core::start_server{role});
    if (!of(node).server().wait_ready(soon())) throw std::runtime_error(of(node).server().log());
  }
  [[nodiscard]] std::filesystem::path data(unsigned node) const {
    return data_folder(on_.options(node).settings.folder);
  }
  /// The administrator's; what it does is logged. Throws where a statement fails.
  std::string administrator(unsigned node, std::string_view sql) {
    session on;
    fault failed = on.connect({socket_file(on_.options(node).settings.folder).string(), 0},
                              {"root", ""}, soon());
    if (failed) throw std::runtime_error(failed.text);
    const reply answer = on.run(sql, soon());
    if (!answer.ok()) throw std::runtime_error(answer.failed.text);
    return std::string(answer.tables.back().first());
  }

 private:
  std::unique_ptr<agent_work> make(unsigned node) {
    agent_options out;
    out.server = on_.options(node);
    out.all = on_.all();
    out.patience = 60s;
    out.progress = [this](const agent_progress& now) {
      if (watch) watch(now.phase);
    };
    out.donor = [this](core::node_id donor) {
      return source != nullptr ? source : &of(core::number_of(donor));
    };
    return std::make_unique<agent_work>(out);
  }

  cluster& on_;
  std::vector<std::unique_ptr<agent_work>> all_;
};

}  // namespace understudy::db
