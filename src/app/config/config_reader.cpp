#include "app/config/config_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "app/config/config_values.hpp"
#include "net/address.hpp"

namespace understudy::app {

std::optional<std::chrono::milliseconds> toml_reader::duration_between(
    std::chrono::milliseconds min, std::chrono::milliseconds max) {
  const auto* text = as<std::string>("a duration in quotes, such as \"250ms\" or \"4s\",");
  if (text == nullptr) return std::nullopt;
  const auto time = parse_duration(*text);
  if (!time) {
    problem(fmt::format("\"{}\" is no duration: write a whole number and ms, s, m or h", *text));
  } else if (*time < min || *time > max) {
    problem(fmt::format("{} is not between {} and {}", *text, format_duration(min),
                        format_duration(max)));
  } else {
    return time;
  }
  return std::nullopt;
}

std::optional<std::int64_t> toml_reader::integer_between(std::int64_t min, std::int64_t max) {
  const auto* value = as<std::int64_t>("a whole number");
  if (value == nullptr) return std::nullopt;
  if (*value >= min && *value <= max) return *value;
  problem(fmt::format("{} is not between {} and {}", *value, min, max));
  return std::nullopt;
}

void toml_reader::size(std::size_t& into, std::size_t min, std::size_t max) {
  const auto* text = as<std::string>("a size in quotes, such as \"8MiB\",");
  if (text == nullptr) return;
  const auto bytes = parse_size(*text);
  if (!bytes) {
    problem(fmt::format("\"{}\" is no size: write a whole number and B, KiB, MiB or GiB", *text));
  } else if (*bytes < min || *bytes > max) {
    problem(fmt::format("{} is not between {} and {}", *text, format_size(min), format_size(max)));
  } else {
    into = *bytes;
  }
}

void toml_reader::number(double& into, double min, double max) {
  double value = 0;
  if (const auto* whole = std::get_if<std::int64_t>(&node_.value)) {
    value = static_cast<double>(*whole);
  } else if (const auto* read = as<double>("a number")) {
    value = *read;
  } else {
    return;
  }
  if (value >= min && value <= max) {  // false for NaN
    into = value;
  } else {
    problem(fmt::format("{} is not between {} and {}", value, min, max));
  }
}

void toml_reader::listen_address(std::string& into) {
  const auto* text = as<std::string>("an address in quotes, such as \"127.0.0.1:9500\",");
  if (text == nullptr) return;
  if (text->empty() || net::split_address(*text, net::port_rule::any_for_zero)) {
    into = *text;
  } else {
    problem(
        fmt::format("\"{}\" is no address: write HOST:PORT (port 0 takes any free one)", *text));
  }
}

std::size_t toml_reader::index_of(const toml_member& member,
                                  std::span<const std::string_view> names,
                                  std::span<const std::string_view> absent) {
  const auto found = std::ranges::find(names, std::string_view(member.key));
  if (found == names.end()) {
    const std::string path = path_ + "." + member.key;
    const std::string_view near = nearest(member.key, names);
    if (std::ranges::find(absent, std::string_view(member.key)) != absent.end()) {
      problems_.push_back({member.value.line, path + ": this version does not have it yet"});
    } else if (near.empty()) {
      problems_.push_back({member.value.line, path + ": no such key"});
    } else {
      problems_.push_back(
          {member.value.line, fmt::format("{}: no such key; did you mean \"{}\"?", path, near)});
    }
  }
  return static_cast<std::size_t>(found - names.begin());
}

}  // namespace understudy::app
