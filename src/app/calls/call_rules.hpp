// How a call is to be carried, as the rules of the configuration and its caller say: direct, or
// stored, under which terms.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "app/calls/call_wishes.hpp"
#include "app/config/config.hpp"
#include "core/stored_call.hpp"
#include "wire/request.hpp"

namespace understudy::app {

/// How a call is stored.
struct stored_wishes {
  core::stored_terms terms;
  core::wall_time due{};
  std::string key;                   ///< empty: none
  std::string order;                 ///< empty: none
  std::string webhook;               ///< where its end is told; empty: nowhere
  std::chrono::milliseconds wait{};  ///< how long its caller waits for the answer
};

/// Not to be stored: the wishes of a direct call.
using call_decision = std::variant<call_wishes, stored_wishes, wish_refused>;

/// No I/O, immutable: any thread.
class call_rules {
 public:
  explicit call_rules(const gateway_config& config);

  /// `body` is the request as received, `asked` what its caller asks for, in and outside of it. A
  /// call may ask for more than its rule gives, never for less: a mode `direct` where the rule
  /// stores is refused. -32602 for a call without its rule's key, a key or order that is too long,
  /// and for files: a stored call has none.
  [[nodiscard]] call_decision decide(const wire::request& request, std::string_view body,
                                     bool has_files, call_wishes asked, core::wall_time now) const;
  /// The same for a call that is stored in any case; `mode` where nothing else says which.
  [[nodiscard]] std::variant<stored_wishes, wish_refused> store(const wire::request& request,
                                                                std::string_view body,
                                                                call_wishes asked,
                                                                core::call_mode mode,
                                                                core::wall_time now) const;

  /// So long after its call a caller may still listen; the longest where that is not known.
  [[nodiscard]] std::chrono::milliseconds answer_within() const { return answer_within_; }
  /// What holds for retries of a method.
  [[nodiscard]] const core::retry_rule& retry(std::string_view method) const;

 private:
  [[nodiscard]] const call_rule& rule_for(std::string_view method) const;
  [[nodiscard]] std::variant<stored_wishes, wish_refused> settle(const call_rule& rule,
                                                                 std::string_view body,
                                                                 call_wishes asked,
                                                                 core::wall_time now) const;

  std::vector<call_rule> rules_;
  call_rule none_;  ///< for methods that no rule matches
  calls_config calls_;
  std::chrono::milliseconds wait_;
  std::chrono::milliseconds answer_within_;  ///< before callers give up; the longest: whenever
};

}  // namespace understudy::app
