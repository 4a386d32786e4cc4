// One database cluster: a supervisor of it, and the endpoints that follow what it knows.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/remote_agent.hpp"
#include "app/common/event_log.hpp"
#include "app/config/database_config.hpp"
#include "app/database/cluster_secret.hpp"
#include "app/database/database_job.hpp"
#include "app/database/endpoints.hpp"
#include "cluster/overseer.hpp"
#include "db/members.hpp"

namespace understudy::app {

struct database_node_status {
  database_node_config node;
  std::optional<core::sight> seen;  ///< nothing: it does not answer
};

struct database_status {
  std::string name;
  std::optional<core::topology> known;  ///< nothing: there is none yet, or it was never read
  bool acts = false;                    ///< this gateway's supervisor decides
  std::vector<database_node_status> nodes;
  std::vector<endpoint_status> endpoints;
};

/// Supervising and carrying bytes are done on a thread each: neither waits for the other. All is
/// called on `supervising`, which must not run concurrently, and destroyed there or after it has
/// stopped.
class database final : public cluster::listener {
 public:
  struct parts {
    boost::asio::any_io_executor supervising;
    boost::asio::any_io_executor carrying;
    event_log& events;  ///< outlives it
    coordination_config coordination;
    core::supervisor_id me{};
  };
  /// std::runtime_error with a sentence where its secret can not be read, an address is not to be
  /// had, or another gateway supervises from the same folder.
  database(parts with, database_config config);
  ~database() override;
  database(const database&) = delete;
  database& operator=(const database&) = delete;

  void start();
  [[nodiscard]] const database_config& config() const { return config_; }
  /// See cluster::overseer.
  [[nodiscard]] std::string ask(const core::order& what) { return overseer_->ask(what); }
  /// What is configured, as the topology names it.
  [[nodiscard]] std::vector<core::node_entry> entries() const;
  /// But for what its endpoints say.
  [[nodiscard]] database_status status() const;
  /// Where nodes are, and as who one logs in.
  [[nodiscard]] const db::members& members() const { return members_; }
  [[nodiscard]] const core::topology* known() const { return overseer_->known(); }
  [[nodiscard]] const core::sight* seen(core::node_id node) const { return overseer_->seen(node); }
  [[nodiscard]] bool leads() const { return overseer_->leads(); }

  /// The secret of its file, if that has changed: for servers and agents, from now on. Connections
  /// stay. A sentence where it can not be read; then all is as before.
  [[nodiscard]] std::string read_secret();
  /// What agents are called with; the servers' passwords can be later ones (use_passwords()).
  [[nodiscard]] const cluster_secret& secret() const { return secret_; }
  void use_passwords(const cluster_secret& next);
  /// See cluster::overseer.
  void renew_receiver(core::node_id node, std::function<void(std::string)> done) {
    overseer_->renew_receiver(node, std::move(done));
  }
  /// `done` gets a sentence where the agent does not take the secret; empty: it does, or there is
  /// none. It may not be called where the database has gone meanwhile.
  void ask_agent(core::node_id node, std::function<void(std::string)> done);

  /// For threads of long works, which it outlives: `what` is done on the database's executor, which
  /// calls `done` with a sentence (empty: done). Nothing is done where the database has gone.
  using deed = std::function<void(database&, std::function<void(std::string)> done)>;
  using doer = std::function<void(deed what, std::function<void(std::string)> done)>;
  [[nodiscard]] doer from_afar();

  /// Begins a long work, one at a time (database_works.hpp). Empty: it runs; else why not. How the
  /// last one is, or was, is known until the next.
  [[nodiscard]] std::string begin(std::string kind, database_job::work does);
  /// nullptr: none was begun yet.
  [[nodiscard]] database_job* job() const { return job_.get(); }

  /// Lives as long as anybody has it; used on `carrying` alone.
  [[nodiscard]] std::shared_ptr<endpoints> doors() const { return doors_; }

 private:
  void changed(const core::topology& now) override;
  void move_gates(bool closed, std::function<void()> done) override;
  void wrote(const core::record& what) override;
  [[nodiscard]] std::vector<std::string> readers(const core::topology& now) const;
  void choose_readers();

  parts with_;
  database_config config_;
  std::shared_ptr<endpoints> doors_;
  boost::asio::steady_timer timer_;
  std::vector<std::string> read_from_;
  cluster_secret secret_;
  db::members members_;
  std::map<core::node_id, std::shared_ptr<agent::remote_agent>> agents_;
  std::shared_ptr<database*> self_;  ///< for those who do not keep it alive
  std::unique_ptr<cluster::overseer> overseer_;
  std::unique_ptr<database_job> job_;
};

}  // namespace understudy::app
