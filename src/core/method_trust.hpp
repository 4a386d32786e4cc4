// Which servers are not trusted with which methods: a method that slows or errs on one server
// moves to others, while the rest of that server's methods stay.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/pool.hpp"
#include "core/roster.hpp"
#include "core/watch.hpp"

namespace understudy::core {

/// A line (one server in one method):
///
///   trusted --case proven--> away       if another usable server is trusted with the method; its
///                                       calls go there
///   away    --rest over, canaries_back good canaries--> ramp
///           A canary is a copy of an idempotent call that another server answers: nobody waits
///           for it. A bad one doubles the rest. A method that has no idempotent calls comes back
///           by the ramp alone, after a longer rest.
///   ramp    --over--> trusted           a case proven meanwhile: away, with twice the rest
///
/// Where the case is proven against one more server while half of the usable ones are away for the
/// same sign, the method is like that everywhere: all are trusted again, and the sign is usual from
/// then on. A case against the only server changes nothing.
class method_trust {
 public:
  /// All outlive it.
  method_trust(const pool_options& options, watch& attempts, roster& servers)
      : options_(options), attempts_(attempts), servers_(servers) {}

  /// Judges what the watch has found.
  void advance(time_point now);
  [[nodiscard]] std::optional<time_point> next_deadline() const;
  /// Nothing: it says nothing of how the server is.
  void canary_ended(time_point now, server_id server, method_id m, std::optional<bool> good);

  /// The share of the method's calls that the server may get, 0 to 1.
  [[nodiscard]] double share(time_point now, server_id server, method_id m) const;
  /// A server that a copy of an idempotent call should go to now.
  [[nodiscard]] std::optional<server_id> canary_due(time_point now, method_id m) const;
  /// Another observer trusts the server with it no more.
  void heard_away(time_point now, server_id server, method_id m);
  /// Forgets the cases against a server: it was removed, or an operator vouches for it.
  void forgive(server_id server);
  /// What is away, for the status.
  [[nodiscard]] std::vector<std::pair<server_id, std::string>> away() const;

  void collect(pool_actions& out);

 private:
  void overdue(time_point now, const notice& n);
  void proven(time_point now, const notice& n);
  void send_away(time_point now, line& l, const notice& n);
  void put_away(time_point now, line& l, evidence seen, std::string_view rule);
  void blame_server(time_point now, server_id server);
  void accept_everywhere(time_point now, line& l);
  void start_ramp(time_point now, line& l, std::string_view rule);
  void trust(line& l);
  [[nodiscard]] bool another_trusted(const line& l) const;
  [[nodiscard]] bool by_time(const line& l, const std::vector<server_id>& on_trial) const;
  [[nodiscard]] std::vector<server_id> on_trial(time_point now) const;
  void tell(const line& l, std::string_view kind, evidence seen, std::string_view rule,
            std::string effect);

  const pool_options& options_;
  watch& attempts_;
  roster& servers_;
  std::vector<line*> away_;
  time_point looked_{};
  std::vector<record> records_;
  std::vector<verdict> verdicts_;
};

}  // namespace understudy::core
