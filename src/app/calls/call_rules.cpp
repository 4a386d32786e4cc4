#include "app/calls/call_rules.hpp"

#include <algorithm>
#include <utility>

#include "understudy/error.hpp"
#include "wire/json_pointer.hpp"
#include "wire/json_text.hpp"
#include "wire/method_name.hpp"
#include "wire/utf8.hpp"

namespace understudy::app {

namespace {

constexpr std::size_t name_bytes_max = 255;                 // of keys and orders
constexpr auto lifetime_max = std::chrono::hours(24 * 30);  // servers remember no longer

wish_refused invalid(std::string message) {
  wish_refused refused;
  refused.code = code::invalid_params;
  refused.message = std::move(message);
  return refused;
}

// A string without its quotes, or a number as it is written. Nothing else names a call.
std::optional<std::string> name_at(std::string_view body, std::string_view pointer) {
  const auto found = wire::find_at(body, pointer);
  if (!found) return std::nullopt;
  std::string name;
  switch (wire::kind_of(*found)) {
    case wire::json_kind::string:
      name = wire::decode_string(*found);
      break;
    case wire::json_kind::number:
      name = *found;
      break;
    default:
      return std::nullopt;
  }
  if (name.empty()) return std::nullopt;
  return name;
}

bool control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

std::optional<wish_refused> check_name(std::string_view what, const std::string& name) {
  if (name.size() > name_bytes_max) {
    return invalid(std::string(what) + " is longer than 255 bytes.");
  }
  if (std::ranges::any_of(name, control) || !wire::utf8_valid(name)) {
    return invalid(std::string(what) + " is no printable text.");
  }
  return std::nullopt;
}

// "/context/order_id" as the configuration writes it.
std::string path_of(std::string_view pointer) {
  std::string path(pointer.substr(1));
  std::ranges::replace(path, '/', '.');
  return path;
}

}  // namespace

call_rules::call_rules(const gateway_config& config)
    : rules_(config.rules), calls_(config.calls), wait_(config.wait) {
  const auto patience = config.caller_timeout.count();
  answer_within_ = std::chrono::milliseconds(
      patience > 0 ? patience * 4 / 5 : std::chrono::milliseconds::max().count());
}

const call_rule& call_rules::rule_for(std::string_view method) const {
  const auto found = std::ranges::find_if(
      rules_, [&](const call_rule& rule) { return wire::method_matches(rule.match, method); });
  return found == rules_.end() ? none_ : *found;
}

const core::retry_rule& call_rules::retry(std::string_view method) const {
  return rule_for(method).retry;
}

call_decision call_rules::decide(const wire::request& request, std::string_view body,
                                 bool has_files, call_wishes asked, core::wall_time now) const {
  const call_rule& rule = rule_for(request.method);
  const bool by_rule = rule.mode != core::call_mode::direct;
  if (by_rule && asked.mode == core::call_mode::direct) {
    return invalid("A rule of the gateway stores this method's calls: it can not be direct.");
  }
  if (!by_rule && !asked.stored()) {
    if (asked.delay || asked.order) {
      return invalid("delay and order_by are for the modes durable and queued.");
    }
    if (answer_within_ < asked.deadline.value_or(std::chrono::milliseconds::max())) {
      asked.deadline = answer_within_;
    }
    return asked;
  }
  if (has_files) return invalid("Calls with files can not be stored: use the mode direct.");
  if (!asked.mode) asked.mode = by_rule ? rule.mode : core::call_mode::durable;
  auto settled = settle(rule, body, std::move(asked), now);
  if (auto* refused = std::get_if<wish_refused>(&settled)) return std::move(*refused);
  return std::get<stored_wishes>(std::move(settled));
}

std::variant<stored_wishes, wish_refused> call_rules::store(const wire::request& request,
                                                            std::string_view body,
                                                            call_wishes asked, core::call_mode mode,
                                                            core::wall_time now) const {
  const call_rule& rule = rule_for(request.method);
  if (!asked.mode) asked.mode = rule.mode == core::call_mode::direct ? mode : rule.mode;
  return settle(rule, body, std::move(asked), now);
}

std::variant<stored_wishes, wish_refused> call_rules::settle(const call_rule& rule,
                                                             std::string_view body,
                                                             call_wishes asked,
                                                             core::wall_time now) const {
  stored_wishes wished;
  wished.terms.mode = *asked.mode;
  wished.terms.priority = static_cast<std::uint8_t>(asked.priority.value_or(5));
  wished.terms.unknown = rule.unknown;
  wished.terms.dead = rule.dead;
  wished.webhook = rule.webhook;
  wished.terms.attempts_max =
      static_cast<std::uint16_t>(rule.attempts_max.value_or(calls_.attempts_max));
  const std::chrono::milliseconds longest = lifetime_max;
  const auto lifetime =
      std::min(asked.deadline.value_or(rule.deadline.value_or(calls_.deadline)), longest);
  wished.terms.deadline = now + lifetime;
  wished.due = now + std::min(asked.delay.value_or(std::chrono::milliseconds(0)), longest);
  wished.wait = std::min(asked.wait.value_or(rule.wait.value_or(wait_)), answer_within_);
  if (wished.due > wished.terms.deadline) {
    return invalid("The delay is longer than the deadline: the call could never be tried.");
  }
  if (asked.key) {
    wished.key = *std::move(asked.key);
  } else if (!rule.key.empty()) {
    auto key = name_at(body, rule.key);
    if (key) {
      wished.key = *std::move(key);
    } else if (!rule.key_missing) {
      return invalid("The rule for this method needs a key at " + path_of(rule.key) +
                     ": a text or a number.");
    }
  }
  if (asked.order) {
    wished.order = *std::move(asked.order);
  } else if (!rule.order.empty()) {
    auto order = name_at(body, rule.order);
    if (!order) {
      return invalid("The rule for this method needs a value to order by at " +
                     path_of(rule.order) + ": a text or a number.");
    }
    wished.order = *std::move(order);
  }
  if (auto wrong = check_name("The key", wished.key)) return *std::move(wrong);
  if (auto wrong = check_name("order_by", wished.order)) return *std::move(wrong);
  return wished;
}

}  // namespace understudy::app
