#include "app/calls/call_wishes.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "net/http_head.hpp"
#include "understudy/error.hpp"
#include "wire/json_text.hpp"
#include "wire/utf8.hpp"

namespace understudy::app {
namespace {

constexpr std::size_t shown_bytes_max = 100;
constexpr std::int64_t any_number_max = std::numeric_limits<std::int64_t>::max();

enum class form : std::uint8_t { text, whole };

struct wish {
  std::string_view member;
  std::string_view header;  // empty: not by header
  form takes;
  std::int64_t min = 0;  // of a whole number
  std::int64_t max = any_number_max;
};
enum which : std::uint8_t { mode, key, wait, delay, deadline, priority, order_by, token };
constexpr std::array<wish, 8> known{{{"mode", "Understudy-Mode", form::text},
                                     {"key", "Idempotency-Key", form::text},
                                     {"wait_ms", "Understudy-Wait", form::whole},
                                     {"delay_ms", "Understudy-Delay", form::whole},
                                     {"deadline_ms", "Understudy-Deadline", form::whole, 1},
                                     {"priority", "Understudy-Priority", form::whole, 0, 9},
                                     {"order_by", "Understudy-Order-By", form::text},
                                     {"token", "", form::text}}};

// The texts that were given, as text; a number in its plain notation.
using given = std::array<std::optional<std::string>, known.size()>;

wish_refused invalid(std::string_view name, std::string_view what) {
  wish_refused refused;
  refused.code = code::invalid_params;
  refused.message = std::string(name) + " " + std::string(what);
  return refused;
}

// `name` is how the caller wrote it.
std::optional<wish_refused> check(const wish& wanted, std::string_view name,
                                  const std::string& text) {
  if (wanted.takes == form::text) {
    if (text.empty()) return invalid(name, "is a text that is not empty.");
    const bool is_mode = wanted.member == known[mode].member;
    if (is_mode && text != "direct" && text != "durable" && text != "queued") {
      return invalid(name, "is direct, durable or queued.");
    }
    return std::nullopt;
  }
  const auto number = wire::decode_int(text);
  if (number && *number >= wanted.min && *number <= wanted.max) return std::nullopt;
  if (wanted.max != any_number_max) {
    return invalid(name, "is a whole number from " + std::to_string(wanted.min) + " to " +
                             std::to_string(wanted.max) + ".");
  }
  return invalid(name,
                 "is a whole number of milliseconds, at least " + std::to_string(wanted.min) + ".");
}

std::optional<std::chrono::milliseconds> time_of(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  return std::chrono::milliseconds(wire::decode_int(*text).value());
}

call_wishes settle(given& asked) {
  call_wishes settled;
  if (asked[mode]) {
    settled.mode = *asked[mode] == "direct"    ? core::call_mode::direct
                   : *asked[mode] == "durable" ? core::call_mode::durable
                                               : core::call_mode::queued;
  }
  settled.key = std::move(asked[key]);
  settled.order = std::move(asked[order_by]);
  settled.wait = time_of(asked[wait]);
  settled.delay = time_of(asked[delay]);
  settled.deadline = time_of(asked[deadline]);
  if (asked[priority]) {
    settled.priority = static_cast<unsigned>(wire::decode_int(*asked[priority]).value());
  }
  return settled;
}

// Takes one member into `asked`, or says what is wrong with it.
std::optional<wish_refused> take(const wire::json_member& member, std::string_view where,
                                 given& asked) {
  const auto found = std::ranges::find_if(
      known, [&](const wish& one) { return wire::key_is(member, one.member); });
  const std::string name =
      std::string(where) + wire::utf8_excerpt(wire::key_text(member), shown_bytes_max);
  if (found == known.end()) return invalid(name, "is unknown here.");
  const bool is_text = wire::kind_of(member.value) == wire::json_kind::string;
  if (is_text != (found->takes == form::text)) {
    return invalid(name, found->takes == form::text ? "is a text." : "is a whole number.");
  }
  std::string text = is_text ? wire::decode_string(member.value) : std::string(member.value);
  if (auto wrong = check(*found, name, text)) return wrong;
  asked.at(static_cast<std::size_t>(found - known.begin())) = std::move(text);
  return std::nullopt;
}

// Rules out nearly all others without a comparison.
bool may_be_ours(std::string_view header) {
  const char first = static_cast<char>(header.front() | 0x20);
  return header.size() >= 13 && (first == 'u' || first == 'i');
}

}  // namespace

bool call_wishes::stored() const {
  return mode ? *mode != core::call_mode::direct : key.has_value();
}

void call_wishes::complete(const call_wishes& outside) {
  // A mode in the body settles what a key outside of it would mean.
  if (!mode) mode = outside.mode;
  if (!key) key = outside.key;
  if (!order) order = outside.order;
  if (!wait) wait = outside.wait;
  if (!delay) delay = outside.delay;
  if (outside.deadline)
    deadline = std::min(deadline.value_or(*outside.deadline), *outside.deadline);
  if (!priority) priority = outside.priority;
}

std::optional<wish_refused> without_store(const call_wishes& asked) {
  if (!asked.needs_store()) return std::nullopt;
  wish_refused refused;
  refused.code = code::not_allowed;
  refused.message =
      "No call store is configured: the modes durable and queued, a key without the mode "
      "direct, a delay and an order are not to be had. Nothing was sent.";
  return refused;
}

wishes read_wishes(std::string_view context) {
  const auto own = wire::find_member(context, "understudy");
  if (!own) return call_wishes{};
  return read_wish_members(*own, "context.understudy");
}

wishes read_wish_members(std::string_view object, std::string_view where) {
  given asked;
  std::optional<wish_refused> wrong;
  if (wire::kind_of(object) == wire::json_kind::object) {
    const std::string path = where.empty() ? "" : std::string(where) + ".";
    wire::for_each_member(object, [&](const wire::json_member& member) {
      wrong = take(member, path, asked);
      return !wrong;
    });
  } else {
    wire::json_member first;
    const bool is_empty_array =
        wire::kind_of(object) == wire::json_kind::array && !wire::member_reader(object).next(first);
    if (!is_empty_array) wrong = invalid(where, "is an object.");
  }
  if (wrong) return *std::move(wrong);
  return settle(asked);
}

wishes read_wishes(const net::http_request& request) {
  given asked;
  std::array<bool, known.size()> seen{};  // the first of a name counts
  for (const auto& [name, value] : request.headers) {
    if (!may_be_ours(name)) continue;
    const auto found = std::ranges::find_if(
        known, [&](const wish& one) { return net::http_same_name(name, one.header); });
    if (found == known.end()) continue;
    const auto which = static_cast<std::size_t>(found - known.begin());
    if (std::exchange(seen.at(which), true) || value.empty()) continue;
    std::string text(value);
    if (auto wrong = check(*found, found->header, text)) return *std::move(wrong);
    asked.at(which) = std::move(text);
  }
  return settle(asked);
}

}  // namespace understudy::app
