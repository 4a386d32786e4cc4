// The stage of a drill: two servers and a gateway, as real processes.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/drill/drill_disk.hpp"
#include "app/drill/drill_ground.hpp"
#include "app/drill/drill_network.hpp"
#include "app/drill/drill_server.hpp"
#include "app/drill/process.hpp"

namespace understudy::app {

/// What /status.json tells of one server.
struct seen_server {
  std::string pool;
  std::string state;
  std::int64_t in_flight = 0;
};

struct drill_site_options {
  std::string orders_program;
  /// A database for each process, not one for all: a process that is frozen with SQLite's lock in
  /// its hands would hold up the others' writes, which no gateway can help.
  bool own_databases = false;
  unsigned processes = 1;  ///< behind each server's address
  std::optional<unsigned> workers;
  std::optional<std::string> trouble;  ///< the rules both servers begin with
  std::vector<int> fault_codes;        ///< of the gateway's pool; the rest is at its defaults
  bool store = false;                  ///< the gateway has a call store
  std::string rules;                   ///< of its configuration, TOML
  drill_disk* store_disk = nullptr;    ///< where its store is; it outlives the site
  drill_disk* orders_disk = nullptr;   ///< where the servers' databases are; it outlives the site
  /// Where the primary is, instead of at 127.0.0.1; it outlives the site.
  drill_network* network = nullptr;
};

/// Owned by the main thread. Everything it starts is stopped with it. Functions that start or wait
/// throw std::runtime_error with a sentence where that fails, and drill_interrupted.
class drill_site {
 public:
  static constexpr unsigned primary = 0;
  static constexpr unsigned backup = 1;

  drill_site(const drill_folder& folder, const drill_site_options& options);

  /// SIGKILL to the gateway, or SIGTERM; start_gateway() starts it again at the same addresses.
  void kill_gateway();
  void stop_gateway();
  void start_gateway();
  [[nodiscard]] bool gateway_runs();
  /// Waits until at most `left` stored calls have not ended, dead ones have: for as long as ever
  /// more do.
  void wait_for_calls(std::size_t left);
  /// Waits until all have; what does not agree in the store, a sentence each.
  [[nodiscard]] std::vector<std::string> verify_calls();
  /// POST to the gateway's administration.
  void post(const std::string& path) const;
  [[nodiscard]] std::string get(const std::string& path) const;

  /// The gateway, for callers.
  [[nodiscard]] const std::string& address() const { return frames_address_; }
  [[nodiscard]] drill_server& server(unsigned which) { return servers_[which]; }
  /// The databases of all servers.
  [[nodiscard]] std::vector<std::string> databases() const;

  void drain(unsigned which) { administer(which, "drain"); }
  void resume(unsigned which) { administer(which, "resume"); }
  [[nodiscard]] seen_server look(unsigned which) const;
  void wait_for_state(unsigned which, const std::string& state);
  void wait_until_at_rest(unsigned which);
  /// Unix time of the first event, since `since_ms`, that speaks against this server: suspect,
  /// down, or a method that left it.
  [[nodiscard]] std::optional<std::int64_t> failure_seen_ms(unsigned which,
                                                            std::int64_t since_ms) const;

 private:
  [[nodiscard]] std::string write_config() const;
  void administer(unsigned which, const std::string& action);
  [[nodiscard]] std::string fetch(const std::string& method, const std::string& path,
                                  std::chrono::milliseconds timeout) const;

  const drill_folder& folder_;
  drill_site_options options_;
  std::array<reserved_address, 2> addresses_;
  std::array<reserved_address, 2> gateway_addresses_;  ///< frames, HTTP
  std::array<drill_server, 2> servers_;
  std::optional<process> gateway_;
  std::string frames_address_;
  std::string http_address_;
};

}  // namespace understudy::app
