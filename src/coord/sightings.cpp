#include "coord/sightings.hpp"

#include <utility>

#include "coord/topology_text.hpp"

namespace understudy::coord {
namespace {

std::string said(core::generation gen) {
  return std::to_string(core::number_of(gen));
}

/// Why this can not come after what was seen, as a sentence.
std::string fault_of(core::generation gen, const std::string& text, const sightings::floor& seen) {
  if (gen == seen.gen) {
    if (seen.text.empty() || seen.text == text) return {};
    return "The topology of generation " + said(gen) + " is not the one seen before.";
  }
  if (gen > seen.gen) return {};
  if (text.empty()) {
    return "There is no topology, and generation " + said(seen.gen) + " was seen before.";
  }
  return "The topology is of generation " + said(gen) + ", and " + said(seen.gen) +
         " was seen before.";
}

}  // namespace

std::optional<read_result> sightings::judge(const std::optional<std::string>& text, revision at,
                                            const floor& sent) {
  read_result out;
  out.at = at;
  out.end = read_end::answered;
  if (text) {
    auto parsed = parse_topology(*text);
    out.value = std::move(parsed.value);
    if (!out.value) {
      out.end = read_end::broken;
      out.why = "What is stored is no topology: " + parsed.fault;
    }
  }
  const auto gen = out.value ? out.value->gen : core::generation{};
  if (out.end == read_end::answered) {
    out.why = fault_of(gen, text.value_or(std::string()), sent);
    if (!out.why.empty()) {
      out.end = read_end::gone_back;
    } else if (gen < highest_.gen) {
      return std::nullopt;
    } else {
      raise(gen, text.value_or(std::string()));
    }
  }
  at_ = at;
  text_ = text;
  epoch_ = out.value ? out.value->epoch : core::epoch{};
  return out;
}

void sightings::wrote(const core::topology& value, std::string text, revision at) {
  if (value.gen < highest_.gen) return;  // what came after it was seen before its answer
  at_ = at;
  epoch_ = value.epoch;
  raise(value.gen, text);
  text_ = std::move(text);
}

void sightings::saw(core::generation told) {
  raise(told, {});
}

void sightings::raise(core::generation gen, const std::string& text) {
  if (gen < highest_.gen || (gen == highest_.gen && !highest_.text.empty())) return;
  highest_ = floor{gen, text};
}

std::optional<write_result> sightings::objection(revision expected,
                                                 const core::topology& value) const {
  write_result out;
  out.end = write_end::refused;
  if (auto fault = core::fault_of(value); !fault.empty()) {
    out.why = std::move(fault);
    return out;
  }
  // Above all: with a conflict nothing is wrong, and the generation is to be counted anew.
  if (expected != at_) {
    out.end = write_end::conflict;
    out.why = "Another revision of the topology was seen since.";
    return out;
  }
  if (value.gen <= highest_.gen) {
    out.why = "Generation " + said(value.gen) + " is not above " + said(highest_.gen) + ".";
    return out;
  }
  return std::nullopt;
}

bool sightings::begins_epoch(const core::topology& value) const {
  return value.epoch != epoch_;
}

}  // namespace understudy::coord
