// The services of a store: their counters, and what may be claimed of them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/call_store.hpp"
#include "store/sqlite/statements.hpp"

namespace understudy::store::sqlite {

/// Counters are written with the transaction that changed them: nobody has to count rows at a
/// start.
struct service_state {
  std::int64_t number = 0;
  service_counts counts;
  /// Of those that became done, dead, cancelled and expired: what is forgotten by now.
  std::uint64_t purged_done = 0, purged_dead = 0, purged_cancelled = 0, purged_expired = 0;
  bool held = false;
  std::size_t running_max = 0;  ///< 0: no limit
  bool touched = false;

  [[nodiscard]] bool claimable() const {
    return !counts.paused && !held && (running_max == 0 || counts.running < running_max);
  }
  /// Calls that are kept.
  [[nodiscard]] std::uint64_t rows() const {
    return counts.accepted - purged_done - purged_dead - purged_cancelled - purged_expired;
  }
  [[nodiscard]] std::uint64_t& count(call_state state);
  [[nodiscard]] std::uint64_t& purged(call_state state);
};

class service_book {
 public:
  explicit service_book(statements& sql) : sql_(sql) {}

  /// As the tables have it; what is held and limited stays. After opening, and after a rollback.
  void load();
  /// Makes it where it is new; nullptr: there are `services_max` already.
  [[nodiscard]] service_state* named(const std::string& name);
  /// Throws `error` where there is none: the file is damaged.
  [[nodiscard]] service_state& at(std::int64_t number) {
    const auto place = static_cast<std::size_t>(number) - 1;
    if (place >= services_.size()) {
      throw error(SQLITE_CORRUPT, "a call is of a service that is not in the file");
    }
    return *services_[place];
  }
  /// To be counted with the transaction.
  service_state& touch(std::int64_t number);
  void pause(service_state& which, bool paused);
  /// Writes the counters of those touched.
  void flush();

  [[nodiscard]] const std::vector<std::unique_ptr<service_state>>& all() const { return services_; }

  static constexpr std::size_t services_max = 10000;

 private:
  statements& sql_;
  std::vector<std::unique_ptr<service_state>> services_;  // number - 1 is the place
  std::unordered_map<std::string, service_state*> names_;
  std::vector<service_state*> touched_;
};

}  // namespace understudy::store::sqlite
