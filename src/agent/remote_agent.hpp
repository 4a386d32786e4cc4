// A node's agent on another host, for a supervisor.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>

#include "agent/line.hpp"
#include "cluster/agent.hpp"

namespace understudy::agent {

struct remote_options {
  line_options to;
  /// For the answer to a step that was told, and to a question how it is; then it is unknown.
  core::duration answer_within = std::chrono::seconds(10);
};

/// As cluster::agent says, over calls to the agent. A step that takes long is begun, and asked
/// after until it has ended.
class remote_agent final : public cluster::agent {
 public:
  /// All runs on `executor`, which must not run concurrently.
  remote_agent(const boost::asio::any_io_executor& executor, remote_options options);
  /// Nothing is called back after it. There, or after the executor has stopped running.
  ~remote_agent() override;
  remote_agent(const remote_agent&) = delete;
  remote_agent& operator=(const remote_agent&) = delete;

  void carry_out(const core::step& what, core::generation gen, core::time_point deadline,
                 std::function<void(word)> done) override;
  void look(core::time_point deadline, std::function<void(core::process)> done) override;
  void watch(std::function<void(core::process)> told) override;

  /// From now on; what is under way goes on with it.
  void use_secret(std::string secret);
  /// All that the agent says of its node; nothing: it did not answer, and `why` says more.
  void describe(core::time_point deadline,
                std::function<void(std::optional<look_said>, const std::string& why)> done);

 private:
  struct work;
  std::shared_ptr<work> work_;
};

}  // namespace understudy::agent
