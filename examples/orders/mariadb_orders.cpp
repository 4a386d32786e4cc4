#include "mariadb_orders.hpp"

#include <utility>

namespace {

// The columns are those of the SQLite file. Texts are told apart byte by byte, as there.
constexpr const char* schema =
    "CREATE TABLE IF NOT EXISTS orders (id BIGINT NOT NULL PRIMARY KEY AUTO_INCREMENT,"
    " ref TEXT NOT NULL, item TEXT NOT NULL, quantity BIGINT NOT NULL, cents BIGINT NOT NULL,"
    " server TEXT NOT NULL, ticket VARBINARY(40), KEY (ticket))"
    " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

std::int64_t integer(const std::optional<std::string>& field) {
  return field ? std::stoll(*field) : 0;
}

stored_order order_of(const understudy::mariadb_row& row) {
  return {integer(row.at(0)), row.at(1).value_or(""), row.at(2).value_or(""),
          integer(row.at(3)), integer(row.at(4)),     row.at(5).value_or("")};
}

}  // namespace

mariadb_orders::mariadb_orders(understudy::mariadb_options options, std::string server_name)
    : server_name_(std::move(server_name)), database_(std::move(options)) {
  database_.create_tables({schema});
}

// There is nothing to look after: a connection whose commit was not answered is given up, and the
// next attempt finds out.
std::int64_t mariadb_orders::place(const understudy::context& about, const order& wanted) {
  refuse_bad(wanted);
  const std::string ticket = about.call();
  return understudy::once(about, database_, [&](understudy::mariadb_session& in) {
    in.run(
        "INSERT INTO orders (ref, item, quantity, cents, server, ticket)"
        " VALUES (?, ?, ?, ?, ?, nullif(?, ''))",
        {wanted.ref, wanted.item, wanted.quantity, wanted.cents, server_name_, ticket});
    return in.last_id();
  });
}

std::optional<stored_order> mariadb_orders::find(std::int64_t id) {
  return database_.read([&](understudy::mariadb_session& in) -> std::optional<stored_order> {
    const auto rows =
        in.run("SELECT id, ref, item, quantity, cents, server FROM orders WHERE id = ?", {id});
    if (rows.empty()) return std::nullopt;
    return order_of(rows.front());
  });
}

std::vector<stored_order> mariadb_orders::list(std::int64_t limit, std::int64_t after) {
  refuse_bad_limit(limit);
  return database_.read([&](understudy::mariadb_session& in) {
    std::vector<stored_order> orders;
    for (const auto& row : in.run("SELECT id, ref, item, quantity, cents, server FROM orders"
                                  " WHERE id > ? ORDER BY id LIMIT ?",
                                  {after, limit})) {
      orders.push_back(order_of(row));
    }
    return orders;
  });
}

order_total mariadb_orders::total() {
  return database_.read([&](understudy::mariadb_session& in) {
    const auto row = in.run("SELECT count(*), sum(quantity * cents) FROM orders").at(0);
    return order_total{integer(row.at(0)), integer(row.at(1))};
  });
}
