// What evidence means for one server: the detector.
#pragma once

#include <string_view>

#include "core/types.hpp"

namespace understudy::core {

struct detector_options {
  unsigned probes_down = 2;
};

/// What a piece of evidence says of a server, from best to worst.
enum class opinion : std::uint8_t {
  nothing,  ///< what was believed stands
  well,     ///< a fresh connection was answered
  doubt,    ///< something is wrong: prefer others, look again
  silent,   ///< fresh connections are not answered, again and again
  gone,     ///< no connection can be made
};

enum class source : std::uint8_t { attempt, probe, idle_connection, method, observer };

/// An opinion and what it rests on, for the record.
struct finding {
  opinion what = opinion::nothing;
  std::string_view rule;  ///< in words
  source from = source::attempt;
  unsigned in_a_row = 1;
  outcome how = outcome::answered;
  duration took{0};
};

/// The rules:
/// - No connection can be made (attempt or probe): gone. Nothing else is as certain.
/// - A connection was lost, or did not come about in time: doubt. It may be one worker of several
///   behind the address, or one lost packet; a probe with a fresh connection tells.
/// - A probe is lost, or times out (connecting or waiting): doubt; `probes_down` in a row, with no
/// call answered between:
///   silent.
/// - A probe is answered badly: doubt, never silent: who answers is there.
/// - No call and no probe is answered: silent at once, see roster::overdue().
/// - Several methods fail: doubt until a rest is over, whatever probes say meanwhile (a service can
///   fail behind a green probe).
/// What answers and their times say of single methods: watch.hpp, method_trust.hpp.
/// Not thread-safe; no clock: time is handed in.
class detector {
 public:
  explicit detector(detector_options options) : options_(options) {}

  [[nodiscard]] finding attempt_ended(outcome how, duration took);
  [[nodiscard]] finding probe_ended(time_point now, outcome how, duration took);
  [[nodiscard]] finding idle_connection_lost() const;
  [[nodiscard]] finding methods_fail(time_point now, unsigned methods, duration rest);

  /// Forget everything: it was out of use.
  void reset();

  /// Good probes since the last failed one.
  [[nodiscard]] unsigned probes_good() const { return probes_good_; }

 private:
  detector_options options_;
  unsigned probes_failed_ = 0;  ///< in a row
  unsigned probes_good_ = 0;    ///< in a row
  time_point resting_until_{};
};

}  // namespace understudy::core
