// A thread that owns a supervisor's session with one node.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>

#include "db/node_session.hpp"

namespace understudy::db {

/// Takes one request at a time, connects when it has to, and answers each on its own thread, at the
/// latest when the request's time is over (a few milliseconds more). All but stop() may be called
/// from any thread, also by an answer.
class node_link {
 public:
  using answer = std::function<void(node_report)>;

  /// `lost` is called on its thread where the server ends the connection while nothing is asked:
  /// as soon as it dies. It may ask for a look.
  node_link(members all, core::node_id self, std::function<void()> lost = {});
  ~node_link() { stop(); }
  node_link(const node_link&) = delete;
  node_link& operator=(const node_link&) = delete;

  /// False, and no answer, where another request is under way, or it has stopped. The time counts
  /// from now.
  [[nodiscard]] bool look(core::duration time, answer done);
  [[nodiscard]] bool check(core::duration time, answer done);
  [[nodiscard]] bool carry_out(const core::step& what, core::generation gen, core::duration time,
                               answer done);
  /// See node_session.
  [[nodiscard]] bool renew_receiver(core::generation gen, core::duration time, answer done);
  /// Of requests that are made later.
  void use_passwords(std::string supervisor, std::string replication);
  /// A request is under way. It is over before its answer is called, which may make the next.
  [[nodiscard]] bool busy() const;

  /// Ends what is under way at once, without an answer, and closes the session: the fence is given
  /// up. After it returns nothing is answered. Not by an answer.
  void stop();

 private:
  struct look_only {};
  struct check_only {};
  struct one_step {
    core::step what;
    core::generation gen{};
  };
  struct renewal {
    core::generation gen{};
  };
  struct passwords {
    std::string supervisor;
    std::string replication;
  };
  struct request {
    std::variant<look_only, check_only, one_step, renewal> what;
    core::time_point deadline;
    answer done;
  };
  bool ask(request what);
  [[nodiscard]] node_report answer_to(const request& what);
  void serve();

  std::function<void()> lost_;
  interrupt interrupt_;
  node_session session_;  // of the thread
  mutable std::mutex mutex_;
  bell changed_;
  std::optional<request> asked_;
  std::optional<passwords> next_;  ///< not told to the session yet
  bool busy_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace understudy::db
