#include "agent/words.hpp"

#include <array>
#include <utility>

namespace understudy::agent {
namespace {

template <typename Value, std::size_t Size>
using names = std::array<std::pair<Value, std::string_view>, Size>;

constexpr names<core::process, 4> processes{{{core::process::unknown, "unknown"},
                                             {core::process::down, "down"},
                                             {core::process::running, "running"},
                                             {core::process::stuck, "stuck"}}};
constexpr names<core::step_end, 4> ends{{{core::step_end::unknown, "unknown"},
                                         {core::step_end::done, "done"},
                                         {core::step_end::refused, "refused"},
                                         {core::step_end::failed, "failed"}}};

// The first of each stands for all that have no name.

template <typename Value, std::size_t Size>
std::string_view name_in(const names<Value, Size>& all, Value value) {
  for (const auto& [each, name] : all) {
    if (each == value) return name;
  }
  return all.front().second;
}

template <typename Value, std::size_t Size>
Value value_in(const names<Value, Size>& all, std::string_view name) {
  for (const auto& [value, each] : all) {
    if (each == name) return value;
  }
  return all.front().first;
}

}  // namespace

std::string_view to_string(core::process what) {
  return name_in(processes, what);
}
core::process process_named(std::string_view name) {
  return value_in(processes, name);
}
std::string_view to_string(core::step_end what) {
  return name_in(ends, what);
}
core::step_end end_named(std::string_view name) {
  return value_in(ends, name);
}

begin_words words_of(const core::step& what, core::generation gen) {
  begin_words out;
  out.gen = core::number_of(gen);
  out.step = core::name_of(what);
  if (const auto* const start = std::get_if<core::start_server>(&what)) {
    out.role = start->role == core::start_role::primary ? "primary" : "replica";
  }
  if (const auto* const copy = std::get_if<core::clone>(&what)) {
    out.node = core::number_of(copy->donor);
  }
  if (const auto* const mend = std::get_if<core::repair>(&what)) {
    out.node = core::number_of(mend->primary);
  }
  return out;
}

std::optional<core::step> step_of(const begin_words& said) {
  if (said.node > core::node_number_max) return std::nullopt;
  const core::node_id node{static_cast<std::uint16_t>(said.node)};
  std::optional<core::step> out;
  if (said.step == core::name_of(core::kill_server())) out = core::kill_server();
  if (said.step == core::name_of(core::salvage())) out = core::salvage();
  if (said.step == core::name_of(core::clone())) out = core::clone{node};
  if (said.step == core::name_of(core::repair())) out = core::repair{node};
  if (said.step == core::name_of(core::start_server())) {
    // None is the safer one where something else was meant.
    if (said.role == "primary") out = core::start_server{core::start_role::primary};
    if (said.role == "replica") out = core::start_server{core::start_role::replica};
  }
  return out;
}

}  // namespace understudy::agent
