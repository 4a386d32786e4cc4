// OrderInterface: orders in one SQLite file, which two processes may share.
#pragma once

#include <boost/describe.hpp>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <understudy/context.hpp>
#include <understudy/once_sqlite.hpp>
#include <vector>

#include "database.hpp"
#include "presence.hpp"

struct order {
  std::string ref;  ///< the caller's own name for it; nothing checks that it is used once
  std::string item;
  std::int64_t quantity = 0;
  std::int64_t cents = 0;  ///< for one
};
BOOST_DESCRIBE_STRUCT(order, (), (ref, item, quantity, cents))

struct stored_order {
  std::int64_t id = 0;
  std::string ref;
  std::string item;
  std::int64_t quantity = 0;
  std::int64_t cents = 0;
  std::string server;  ///< the name of the one that placed it
};
BOOST_DESCRIBE_STRUCT(stored_order, (), (id, ref, item, quantity, cents, server))

struct order_total {
  std::int64_t orders = 0;
  std::int64_t cents = 0;
};
BOOST_DESCRIBE_STRUCT(order_total, (), (orders, cents))

/// Methods may be called from many threads; they block. What the database refuses is thrown as
/// std::runtime_error with a sentence.
///
/// The WAL is checkpointed only while this process is the file's only user: a checkpoint beside a
/// writer of another process can lose committed pages in SQLite up to 3.51.2 (its "WAL-reset bug"),
/// and this file is written by two.
class order_store {
 public:
  order_store(const std::string& file, std::string server_name);
  ~order_store();  ///< leaves an empty WAL if it is the last user
  order_store(const order_store&) = delete;
  order_store& operator=(const order_store&) = delete;

  /// One row for each execution, on disk when it returns: a call that ran twice shows as two rows.
  /// The attempts of a stored call make one row, which has its ticket. Returns the row's id.
  std::int64_t place(const understudy::context& about, const order& wanted);
  std::optional<stored_order> find(std::int64_t id);
  /// The first `limit` (1 to 1000) orders with ids above `after`.
  std::vector<stored_order> list(std::int64_t limit, std::int64_t after);
  order_total total();

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
