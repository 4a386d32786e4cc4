// OrderInterface: what an order is, and where orders are kept.
#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <understudy/context.hpp>
#include <vector>

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

/// Methods may be called from many threads; they block. What the database refuses is thrown as an
/// exception with a sentence.
class order_store {
 public:
  order_store() = default;
  virtual ~order_store() = default;
  order_store(const order_store&) = delete;
  order_store& operator=(const order_store&) = delete;

  /// One row for each execution, on disk when it returns: a call that ran twice shows as two rows.
  /// The attempts of a stored call make one row, which has its ticket. Returns the row's id.
  virtual std::int64_t place(const understudy::context& about, const order& wanted) = 0;
  virtual std::optional<stored_order> find(std::int64_t id) = 0;
  /// The first `limit` (1 to 1000) orders with ids above `after`.
  virtual std::vector<stored_order> list(std::int64_t limit, std::int64_t after) = 0;
  virtual order_total total() = 0;
};

/// rpc_error -32602 with a sentence.
void refuse_bad(const order& wanted);
void refuse_bad_limit(std::int64_t limit);
