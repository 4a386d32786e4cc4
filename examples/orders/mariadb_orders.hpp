// Orders in a MariaDB database: of any number of servers, and with a cluster's `write` endpoint.
#pragma once

#include <understudy/once_mariadb.hpp>

#include "order_store.hpp"

class mariadb_orders final : public order_store {
 public:
  /// Makes the tables where they are missing, and waits for the database as long as a call does.
  mariadb_orders(understudy::mariadb_options options, std::string server_name);

  std::int64_t place(const understudy::context& about, const order& wanted) override;
  std::optional<stored_order> find(std::int64_t id) override;
  std::vector<stored_order> list(std::int64_t limit, std::int64_t after) override;
  order_total total() override;

 private:
  std::string server_name_;
  understudy::once_mariadb database_;
};
