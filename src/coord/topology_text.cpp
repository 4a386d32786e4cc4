#include "coord/topology_text.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <stdexcept>
#include <utility>
#include <vector>

namespace understudy::coord {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 3> rule_names{"prefer", "neutral", "never"};

/// What is wrong, as a sentence: caught in parse_topology().
struct bad_text : std::runtime_error {
  using runtime_error::runtime_error;
};

[[noreturn]] void refuse(std::string_view what, std::string_view wanted) {
  throw bad_text("\"" + std::string(what) + "\" is not " + std::string(wanted) + ".");
}

/// The members of one JSON object, each taken once; what is left over is refused.
class members {
 public:
  members(const json::value& from, std::string_view what) : what_(what) {
    if (!from.is_object()) refuse(what, "an object");
    object_ = &from.get_object();
  }
  const json::value& take(std::string_view name) {
    const auto* const found = object_->if_contains(name);
    if (found == nullptr) {
      throw bad_text("\"" + std::string(name) + "\" is missing in \"" + std::string(what_) + "\".");
    }
    taken_.push_back(name);
    return *found;
  }
  void end() const {
    for (const auto& member : *object_) {
      const std::string_view name = member.key();
      if (std::find(taken_.begin(), taken_.end(), name) != taken_.end()) continue;
      throw bad_text("\"" + std::string(what_) + "\" has a member that is not known: \"" +
                     std::string(name) + "\".");
    }
  }

  std::string text(std::string_view name) {
    const auto& found = take(name);
    if (!found.is_string()) refuse(name, "a text");
    return std::string(found.get_string());
  }
  bool truth(std::string_view name) {
    const auto& found = take(name);
    if (!found.is_bool()) refuse(name, "true or false");
    return found.get_bool();
  }
  std::uint32_t number(std::string_view name, std::uint32_t max) {
    return number_in(take(name), name, max);
  }
  core::node_id node(std::string_view name) {
    return static_cast<core::node_id>(number(name, core::node_number_max));
  }
  std::uint64_t digits(std::string_view name) {
    const std::string found = text(name);
    std::uint64_t number = 0;
    std::from_chars(found.data(), found.data() + found.size(), number);
    if (std::to_string(number) != found) refuse(name, "a number of 64 bits as a text");
    return number;
  }
  const json::array& list(std::string_view name) {
    const auto& found = take(name);
    if (!found.is_array()) refuse(name, "a list");
    return found.get_array();
  }

  static std::uint32_t number_in(const json::value& from, std::string_view name,
                                 std::uint32_t max) {
    const auto* const number = from.if_int64();
    if (number == nullptr || *number < 0 || *number > std::int64_t{max}) {
      refuse(name, "a whole number from 0 to " + std::to_string(max));
    }
    return static_cast<std::uint32_t>(*number);
  }

 private:
  std::string_view what_;
  const json::object* object_ = nullptr;
  std::vector<std::string_view> taken_;
};

core::node_entry read_node(const json::value& from) {
  members in(from, "nodes");
  core::node_entry node;
  node.id = in.node("id");
  node.address = in.text("address");
  node.agent = in.text("agent");
  const std::string rule = in.text("rule");
  const auto* const at = std::find(rule_names.begin(), rule_names.end(), rule);
  if (at == rule_names.end()) refuse("rule", "prefer, neutral or never");
  node.rule = static_cast<core::promotion>(at - rule_names.begin());
  node.since = in.digits("since");
  node.boot = in.digits("boot");
  in.end();
  return node;
}

core::node_set read_sync(const json::array& from) {
  core::node_set sync;
  for (const auto& each : from) {
    const auto number = members::number_in(each, "sync", core::node_number_max);
    const auto node = static_cast<core::node_id>(number);
    if (number == 0 || sync.contains(node)) refuse("sync", "a list of different nodes");
    sync.insert(node);
  }
  return sync;
}

core::phase read_phase(const std::string& name) {
  const auto found = core::phase_named(name);
  if (!found) refuse("phase", "the name of a phase");
  return *found;
}

core::topology read_topology(const json::value& from) {
  members in(from, "topology");
  core::topology t;
  t.epoch = core::epoch{in.number("epoch", core::epoch_max)};
  t.gen = core::generation{in.digits("gen")};
  const auto by = parse_supervisor(in.text("by"));
  if (!by) refuse("by", "16 hexadecimal digits");
  t.by = *by;
  t.phase = read_phase(in.text("phase"));
  t.primary = in.node("primary");
  t.sync = read_sync(in.list("sync"));
  for (const auto& each : in.list("nodes")) t.nodes.push_back(read_node(each));
  t.next = in.node("next");
  const std::string with = in.text("promoted_with");
  const auto position = core::parse_gtid(with);
  if (!position || core::to_string(*position) != with) refuse("promoted_with", "a position");
  t.promoted_with = *position;
  t.maintenance = in.truth("maintenance");
  in.end();
  if (auto fault = core::fault_of(t); !fault.empty()) throw bad_text(fault);
  return t;
}

}  // namespace

std::string to_text(core::supervisor_id id) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(),
                                 static_cast<std::uint64_t>(id), 16);
  const std::string_view text(digits.data(), end.ptr);
  return std::string(digits.size() - text.size(), '0').append(text);
}

std::optional<core::supervisor_id> parse_supervisor(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number, 16);
  const core::supervisor_id id{number};
  if (to_text(id) != text) return std::nullopt;
  return id;
}

std::string to_text(const core::topology& t) {
  json::array sync;
  for (unsigned number = 1; number <= core::node_number_max; ++number) {
    if (t.sync.contains(static_cast<core::node_id>(number))) sync.emplace_back(number);
  }
  json::array nodes;
  for (const auto& each : t.nodes) {
    json::object node;
    node["id"] = core::number_of(each.id);
    node["address"] = each.address;
    node["agent"] = each.agent;
    node["rule"] = rule_names.at(static_cast<std::size_t>(each.rule));
    node["since"] = std::to_string(each.since);
    node["boot"] = std::to_string(each.boot);
    nodes.push_back(std::move(node));
  }
  json::object all;
  all["epoch"] = core::number_of(t.epoch);
  all["gen"] = std::to_string(core::number_of(t.gen));
  all["by"] = to_text(t.by);
  all["phase"] = core::to_string(t.phase);
  all["primary"] = core::number_of(t.primary);
  all["sync"] = std::move(sync);
  all["nodes"] = std::move(nodes);
  all["next"] = core::number_of(t.next);
  all["promoted_with"] = core::to_string(t.promoted_with);
  all["maintenance"] = t.maintenance;
  return json::serialize(all);
}

parsed_topology parse_topology(std::string_view text) {
  parsed_topology out;
  boost::system::error_code error;
  const json::value all = json::parse(text, error);
  if (error) {
    out.fault = "It is no JSON: " + error.message() + ".";
    return out;
  }
  try {
    out.value = read_topology(all);
  } catch (const bad_text& what) {
    out.fault = what.what();
  }
  return out;
}

}  // namespace understudy::coord
