// Trouble on purpose: makes chosen calls slow, wrong, hanging or deadly. For drills and tests only.
#pragma once

#include <boost/describe.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <understudy/json.hpp>
#include <understudy/server.hpp>
#include <vector>

enum class trouble_kind : std::uint8_t {
  delay,  ///< waits for delay_ms, then does as usual
  error,  ///< answers with code and message
  hang,   ///< never answers
  die,    ///< the process ends at once
};
BOOST_DESCRIBE_ENUM(trouble_kind, delay, error, hang, die)

struct trouble_rule {
  trouble_kind what = trouble_kind::delay;
  /// Which calls: `Interface@method` with `*` for any characters, upper and lower case alike.
  /// All, unless given.
  understudy::omittable<std::string> match;
  /// Only calls whose context, as JSON text, contains this.
  understudy::omittable<std::string> context;
  /// Of these calls so many, evenly spread: 0.01 is the first and then every 100th. All, unless
  /// given.
  understudy::omittable<double> share;
  /// Works so long from the time it was set. For ever, unless given.
  understudy::omittable<std::int64_t> for_ms;
  understudy::omittable<std::int64_t> delay_ms;  ///< 0, unless given
  understudy::omittable<std::int64_t> code;      ///< 0, unless given
  understudy::omittable<std::string> message;
};
BOOST_DESCRIBE_STRUCT(trouble_rule, (),
                      (what, match, context, share, for_ms, delay_ms, code, message))

/// The rules in force. A call that several match meets the first of them. Thread-safe.
class trouble {
 public:
  using clock = std::chrono::steady_clock;

  /// Replaces all rules; their counts begin at 0. rpc_error -32602, and nothing changed, for a
  /// share outside of 0 to 1 or a time below 0.
  void set(std::vector<trouble_rule> rules, clock::time_point now);
  /// How many calls each rule has met, in the order of the rules.
  [[nodiscard]] std::vector<std::int64_t> met() const;
  /// What to do with this call; nothing: no rule meets it.
  std::optional<trouble_rule> meet(const std::string& method, const std::string& context,
                                   clock::time_point now);

 private:
  struct armed {
    trouble_rule rule;
    double due = 0;  ///< at 1 the rule meets the next call of its kind
    std::int64_t met = 0;
    std::optional<clock::time_point> until;
  };

  mutable std::mutex lock_;
  std::vector<armed> rules_;
};

/// TroubleInterface: set(rules), clear(), met(), and work(ms), which keeps one of the server's
/// worker threads busy for so long.
understudy::service_definition trouble_interface(std::shared_ptr<trouble> rules);

/// Applies the rules to every call but those of TroubleInterface. `@action_interface` is no call:
/// probes of a server in trouble stay green.
understudy::middleware make_trouble(std::shared_ptr<trouble> rules);
