// Orders in one SQLite file, which two processes may share.
#pragma once

#include <chrono>
#include <mutex>
#include <understudy/once_sqlite.hpp>

#include "database.hpp"
#include "order_store.hpp"
#include "presence.hpp"

/// What the database refuses is thrown as std::runtime_error.
///
/// The WAL is checkpointed only while this process is the file's only user: a checkpoint beside a
/// writer of another process can lose committed pages in SQLite up to 3.51.2 (its "WAL-reset bug"),
/// and this file is written by two.
class sqlite_orders final : public order_store {
 public:
  sqlite_orders(const std::string& file, std::string server_name);
  ~sqlite_orders() override;  ///< leaves an empty WAL if it is the last user

  std::int64_t place(const understudy::context& about, const order& wanted) override;
  std::optional<stored_order> find(std::int64_t id) override;
  std::vector<stored_order> list(std::int64_t limit, std::int64_t after) override;
  order_total total() override;

 private:
  /// Creates what is missing; runs before anything else uses the file.
  static presence& prepare(presence& others, const std::string& file);
  std::int64_t insert(const order& wanted, const std::string& ticket);
  void look_after_file();
  void checkpoint_if_alone();

  std::string server_name_;
  presence others_;

  std::mutex writing_;
  database writer_;
  understudy::once_sqlite once_;
  statement insert_;
  std::chrono::steady_clock::time_point purge_due_{};  ///< the first call finds it due

  std::mutex reading_;
  database reader_;
  statement find_;
  statement list_;
  statement total_;
};
