// orders: a service that keeps orders, written with the server library.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <understudy/server.hpp>
#include <understudy/service.hpp>
#include <vector>

#include "mariadb_orders.hpp"
#include "sqlite_orders.hpp"
#include "trouble.hpp"

namespace {

understudy::service_definition order_interface(std::shared_ptr<order_store> store) {
  understudy::service<order_store> orders("OrderInterface", std::move(store));
  orders.method("place", &order_store::place, {"order"})
      .comment("Stores an order and returns its id. Each execution stores one.");
  orders.method("get", &order_store::find, {"id"})
      .comment("The order of this id, or null.")
      .idempotent();
  orders.method("list", &order_store::list, {{"limit", 50}, {"after", 0}})
      .comment("Orders by id, those behind `after`.")
      .idempotent();
  orders.method("total", &order_store::total)
      .comment("How many orders there are, and their worth.")
      .idempotent();
  return orders;
}

struct place_of_orders {
  std::string database = "orders.db";
  std::string password_file;
  bool require_replica = false;
};

std::shared_ptr<order_store> open_store(const place_of_orders& at, const std::string& server_name,
                                        int workers) {
  if (!at.database.starts_with("mysql:")) {
    return std::make_shared<sqlite_orders>(at.database, server_name);
  }
  auto options = understudy::mariadb_options::from_url(at.database);
  options.password_file = at.password_file;
  options.require_replica = at.require_replica;
  options.connections_max = static_cast<std::size_t>(workers);
  options.on_local = [](const std::string& ticket) {
    std::fprintf(stderr, "orders: no replica has the commit of call '%s' yet.\n", ticket.c_str());
  };
  return std::make_shared<mariadb_orders>(std::move(options), server_name);
}

/// `rules` is a JSON list. Says that it is on: nobody should find that out by its effects.
void offer_trouble(understudy::server& server, const std::string& rules) {
  const auto wanted = std::make_shared<trouble>();
  wanted->set(understudy::from_json_text<std::vector<trouble_rule>>(rules), trouble::clock::now());
  server.add(trouble_interface(wanted)).use(make_trouble(wanted));
  std::fprintf(stderr, "orders: --trouble is on: callers may make this server slow or end it.\n");
}

}  // namespace

int main(int argc, char** argv) {
  std::string listen = "127.0.0.1:9501";
  place_of_orders place;
  std::string name;
  std::string trouble_rules;
  understudy::server_options options;
  CLI::App app("Keeps orders in a database, which other processes may share.", "orders");
  app.add_option("--listen", listen, "HOST:PORT to serve; port 0: any")->capture_default_str();
  app.add_option("--database", place.database,
                 "the SQLite file, or mysql://USER@HOST:PORT/DATABASE")
      ->capture_default_str();
  app.add_option("--password-file", place.password_file, "MariaDB: its first line is the password");
  app.add_flag("--require-replica", place.require_replica,
               "MariaDB: an order that no replica has is of unknown outcome");
  app.add_option("--threads", options.threads, "threads that read and write connections")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  app.add_option("--workers", options.workers, "threads that read and write orders")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  app.add_flag("--share-port", options.share_port, "let other processes serve the same address");
  app.add_option("--name", name, "kept with each order; the address unless given");
  app.add_option("--trouble", trouble_rules,
                 "for drills: offer TroubleInterface and begin with these rules; [] has none")
      ->type_name("JSON");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  try {
    const auto store = open_store(place, name.empty() ? listen : name, options.workers);
    understudy::server server(options);
    server.add(order_interface(store));
    if (!trouble_rules.empty()) offer_trouble(server, trouble_rules);
    server.listen(listen);
    std::printf("listening %s\n", server.addresses().at(0).c_str());
    std::fflush(stdout);
    return server.run() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "orders: %s\n", error.what());
    return 2;
  }
}
