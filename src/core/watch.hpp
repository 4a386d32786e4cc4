// Every attempt under way, by server and method: what is overdue, and what the ends say.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "core/evidence.hpp"
#include "core/latency.hpp"
#include "core/limiter.hpp"
#include "core/member_slot.hpp"
#include "core/pool.hpp"
#include "core/types.hpp"

namespace understudy::core {

/// One server in one method. What an attempt's begin reads is one cache line, what its end reads
/// the next: with 10,000 servers each is a miss.
struct alignas(64) line {
  server_id server{};
  method_id method{};

  // Attempts in flight, the oldest first; indices into the watch's own list.
  std::uint32_t first = none;
  std::uint32_t last = none;
  std::uint32_t in_time = none;     ///< the oldest that is not late
  std::uint32_t unasked = none;     ///< the oldest that is not overdue
  std::optional<time_point> due{};  ///< what the queue has for it
  baseline base{};                  ///< what it takes while the server is calm

  bool away = false;       ///< it is not trusted with the method
  sign why = sign::fault;  ///< then: what was seen most
  suspicion against{};
  time_point last_good{};
  time_point away_since{};

  // More of while it is away:
  duration rest{0};  ///< grows with each verdict that follows soon
  time_point rest_until{};
  unsigned canaries_good = 0;          ///< in a row
  std::optional<attempt_id> canary{};  ///< the one under way
  time_point canary_after{};           ///< not before
  std::optional<time_point> ramp_from{};

  static constexpr std::uint32_t none = 0xffffffffU;
};

/// Something that the pool must judge.
struct notice {
  enum class kind : std::uint8_t {
    overdue,  ///< the oldest attempt is late: is the server silent?
    proven,   ///< the case against the line is proven
  } what{};
  server_id server{};
  method_id method{};
  time_point begun{};  ///< of the attempt
  duration age{};
};

/// To look a text up without copying it.
struct text_hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};

/// What the pool wants to know again when an attempt ends.
struct attempt_note {
  core::tier* tier = nullptr;  ///< of the server, when it began
  member_slot slot = no_slot;  ///< of the server, in the balancer of that tier
  bool calm = false;           ///< nothing was ahead of it there
};

/// What a method takes is learned from all servers together, so a server that has grown slow is
/// compared with itself and the others. What is late counts as no later than the moment it was
/// found late: a slow server must not make slowness usual before it is noticed.
class watch {
 public:
  watch();
  /// One that was never answered well shares an id with all of its kind, so that invented names
  /// cost nothing; and so do those beyond the first 4,096.
  [[nodiscard]] method_id method(std::string_view name) const;
  [[nodiscard]] static bool is_shared(method_id m) { return index(m) < 2; }
  /// It was answered well: it has an id of its own from now on.
  method_id know(std::string_view name);
  [[nodiscard]] const std::string& name(method_id m) const { return methods_[index(m)].name; }

  attempt_id begin(time_point now, server_id server, method_id m, bool idempotent,
                   attempt_note kept = {});
  /// A copy of a call, sent to learn: how it ends is told by end(), and counted nowhere.
  attempt_id begin_canary(time_point now, server_id server, method_id m, attempt_note kept = {});
  struct ended {
    server_id server{};
    method_id method{};
    line* where = nullptr;  ///< until forget()
    bool canary = false;
    attempt_note kept{};
    /// Of a canary: answered well, in the method's usual time; nothing where that says nothing.
    std::optional<bool> good{};
    bool was_late = false;  ///< take_late() had it
    time_point begun{};
    duration took{0};  ///< so far, of one that is out
  };
  /// `answered_badly`: outcome::answered, but with an error of the service.
  ended end(time_point now, attempt_id which, outcome how, bool answered_badly);
  [[nodiscard]] ended of(attempt_id which) const;

  /// We were not running for so long: no attempt is blamed for that time.
  void paused(duration lost) { lost_ += lost; }

  /// Finds what has become late; then notices() has it.
  void advance(time_point now);
  [[nodiscard]] std::optional<time_point> next_deadline() const;
  /// Attempts that have come to be late since the last time, and are still out.
  [[nodiscard]] std::vector<ended> take_late() { return std::exchange(late_, {}); }
  /// What happened since the last time.
  [[nodiscard]] std::vector<notice> take_notices() { return std::exchange(notices_, {}); }

  [[nodiscard]] line& at(server_id server, method_id m);
  [[nodiscard]] line* find(server_id server, method_id m);
  void forget(server_id server);
  /// All lines of a server.
  template <typename Visit>
  void each_line(server_id server, const Visit& visit) {
    for (const auto& [key, l] : by_key_)
      if (l->server == server) visit(*l);
  }

  [[nodiscard]] latency& took(method_id m) { return methods_[index(m)].took; }
  [[nodiscard]] usual_signs& usual(method_id m) { return methods_[index(m)].usual; }
  [[nodiscard]] bool ever_idempotent(method_id m) const { return methods_[index(m)].idempotent; }
  /// From what age on an attempt of this method is late; nothing where too little is known.
  [[nodiscard]] std::optional<duration> late_after(method_id m) const;
  [[nodiscard]] duration overdue_after(method_id m) const;
  /// How long a canary is waited for.
  [[nodiscard]] duration canary_patience(method_id m) const;
  /// What 19 of 20 calls of it stay below.
  [[nodiscard]] duration usual_latest(method_id m) const;
  /// What half of them do; 0 where too little is known.
  [[nodiscard]] duration usual_median(method_id m) const;

 private:
  struct method_facts {
    std::string name;
    latency took;
    usual_signs usual;
    bool idempotent = false;  ///< some call of it was
    mutable duration usual_latest{0};
    mutable duration usual_median{0};
    mutable duration late{0};     ///< from what age on; found anew now and then
    mutable unsigned unseen = 0;  ///< samples since then
  };
  struct flight {
    line* where = nullptr;
    time_point begun{};
    duration lost_before{0};
    attempt_note kept{};
    std::uint32_t before = line::none;  ///< in its line; of a free one: the next free one
    std::uint32_t behind = line::none;
    bool live = false;     ///< begun and not ended
    bool overdue = false;  ///< said so already
    bool late = false;     ///< said so already
    bool told = false;     ///< take_late() has it
    bool counted = false;  ///< ... and that was a sign
    bool canary = false;
  };
  struct due {
    time_point at{};
    line* where = nullptr;
    bool operator>(const due& other) const { return at > other.at; }
  };

  [[nodiscard]] const method_facts& looked_at(method_id m) const;
  [[nodiscard]] std::optional<bool> judge_canary(method_id m, outcome how, bool badly,
                                                 bool slow) const;
  static std::uint64_t key_of(server_id server, method_id m);
  static std::size_t index(method_id m) { return static_cast<std::size_t>(m); }
  [[nodiscard]] attempt_id start(time_point now, server_id server, method_id m, bool canary,
                                 attempt_note kept);
  void link(line& l, std::uint32_t place);
  void unlink(line& l, std::uint32_t place);
  void queue_due(line& l, time_point now);
  void flag_late(line& l, time_point now);
  void learn(line& l, const flight& f, sign shown, bool slow, time_point now, duration took);
  void learn_cut_short(line& l, const flight& f, time_point now, duration took);
  template <typename Add>
  bool judge_sign(line& l, time_point begun, duration age, const Add& add);
  bool count(line& l, sign what, time_point begun, time_point now, duration age);
  [[nodiscard]] duration age_of(const flight& f, time_point now) const;

  std::vector<method_facts> methods_;
  boost::unordered_flat_map<std::string, method_id, text_hash, std::equal_to<>> ids_;
  std::deque<line> lines_;  ///< stay where they are
  std::vector<line*> free_lines_;
  boost::unordered_flat_map<std::uint64_t, line*> by_key_;
  std::vector<flight> flights_;
  std::uint32_t free_ = line::none;
  std::priority_queue<due, std::vector<due>, std::greater<>> queue_;
  std::vector<notice> notices_;
  std::vector<ended> late_;
  duration lost_{0};
};

}  // namespace understudy::core
