// One database cluster: a supervisor of it, and the endpoints that follow what it knows.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/common/event_log.hpp"
#include "app/config/database_config.hpp"
#include "app/database/cluster_secret.hpp"
#include "app/database/database_job.hpp"
#include "app/database/endpoints.hpp"
#include "cluster/overseer.hpp"

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
  db::members members_;
  std::unique_ptr<cluster::overseer> overseer_;
  std::unique_ptr<database_job> job_;
};

}  // namespace understudy::app
