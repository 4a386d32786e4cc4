// orders: a service that keeps orders, written with the server library.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <understudy/server.hpp>
#include <understudy/service.hpp>
#include <vector>

#include "order_store.hpp"
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
  std::string file = "orders.db";
  std::string name;
  std::string trouble_rules;
  understudy::server_options options;
  CLI::App app("Keeps orders in an SQLite file, which a second process may share.", "orders");
  app.add_option("--listen", listen, "HOST:PORT to serve; port 0: any")->capture_default_str();
  app.add_option("--database", file, "the SQLite file")->capture_default_str();
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
    const auto store = std::make_shared<order_store>(file, name.empty() ? listen : name);
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
