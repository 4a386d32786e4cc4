// What an agent does for a supervisor: the process of one node's server, and its files.
#pragma once

#include <functional>
#include <string>

#include "core/cluster/step.hpp"
#include "core/types.hpp"

namespace understudy::cluster {

/// One node's agent, as a supervisor reaches it. All is called and answered on the supervisor's
/// executor; answers come by the deadline, and not after the destructor.
class agent {
 public:
  struct word {
    core::step_end end = core::step_end::unknown;
    std::string why;  ///< what went wrong, for people
  };
  virtual ~agent() = default;

  /// One of the steps that core::by_agent() names. Refused where the agent was told a higher
  /// generation, which it keeps on its disk.
  virtual void carry_out(const core::step& what, core::generation gen, core::time_point deadline,
                         std::function<void(word)> done) = 0;
  /// What it says of its server's process; unknown: it does not answer.
  virtual void look(core::time_point deadline, std::function<void(core::process)> done) = 0;
  /// From now on `told` hears of it when the process ends, or comes: sooner than by a look, where
  /// the agent can say so. A word may be lost.
  virtual void watch(std::function<void(core::process)> told) { static_cast<void>(told); }
};

}  // namespace understudy::cluster
