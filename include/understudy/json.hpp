// Values to and from JSON, as PHP peers read and write it.
//
// C++ type                          JSON
// bool, integers, floats, string    scalars; PHP's weak typing on the way in, never lossy
// file                              only as a whole parameter or result: see file.hpp
// json                              any value, as it is (PHP's mixed)
// php_array                         a list or a map, as it is (PHP's array)
// std::optional<T>                  null or T: "nullable"; as a member it must be there
// omittable<T>                      as a member it may be absent; null is not absence
// vector, array, tuple, pair        a list
// map, unordered_map (string keys)  an object; `[]` is an empty one, since PHP writes it so
// enums (BOOST_DESCRIBE_ENUM)       the enumerator's name
// structs (BOOST_DESCRIBE_STRUCT)   an object; members that are unknown are ignored
// Others: specialise understudy::converter.
#pragma once

#include <array>
#include <boost/describe.hpp>
#include <boost/json/value.hpp>
#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "understudy/error.hpp"

namespace understudy {

using json = boost::json::value;

/// A PHP array whose shape nobody declared: a JSON array or object.
struct php_array {
  json value = json(boost::json::array_kind);
};

/// A struct member that callers may leave out. Not written while it is absent. An absent one is
/// different from a null one: omittable<std::optional<T>> tells them apart.
template <typename T>
struct omittable : std::optional<T> {
  using std::optional<T>::optional;
  using std::optional<T>::operator=;
};

/// Why a value could not be read, and where: "params.0.items.3.price" and
/// "a string is needed, not an array".
struct json_problem {
  std::string where;
  std::string what;

  /// The value with the problem is `key` of the one that is read. Returns false.
  bool in(std::string_view key);
  bool in(std::size_t index);
  [[nodiscard]] std::string text() const { return where.empty() ? what : where + ": " + what; }
};

/// How a type is read, written and called in PHP. Each specialisation has
///   static constexpr std::string_view php_type;  // "" = PHP's mixed
///   static constexpr bool nullable;
///   static bool read(const json& from, T& to, json_problem& problem);  // false: problem is set
///   static void write(std::string& out, const T& value);               // appends JSON text
/// write() throws rpc_error -32603 for what JSON cannot say: text that is not UTF-8, inf, nan.
template <typename T>
struct converter;

namespace detail {

[[nodiscard]] bool parse_json(std::string_view text, json& to, json_problem& problem);
[[nodiscard]] bool needed(std::string_view wanted, const json& got, json_problem& problem);

bool read_bool(const json& from, bool& to, json_problem& problem);
bool read_int(const json& from, std::int64_t& to, json_problem& problem);
bool read_uint(const json& from, std::uint64_t& to, json_problem& problem);
bool read_double(const json& from, double& to, json_problem& problem);
bool read_string(const json& from, std::string& to, json_problem& problem);
bool out_of_range(json_problem& problem);

void write_int(std::string& out, std::int64_t value);
void write_uint(std::string& out, std::uint64_t value);
void write_double(std::string& out, double value);
void write_string(std::string& out, std::string_view value);
void write_json(std::string& out, const json& value);

/// Straight from the text, without a tree. False where it takes the long way: problem is not set.
bool quick_read(std::string_view text, std::string& to);
bool quick_read(std::string_view text, std::int64_t& to);

template <typename T>
concept integer = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char>;
template <typename T>
concept described_struct = std::is_class_v<T> && boost::describe::has_describe_members<T>::value;
template <typename T>
concept described_enum = boost::describe::has_describe_enumerators<T>::value;

}  // namespace detail

/// Reads JSON text (one value); rpc_error -32602 with a sentence that says where and what.
template <typename T>
[[nodiscard]] T from_json_text(std::string_view text);
template <typename T>
[[nodiscard]] T from_json(const json& value);

/// Appends the value as JSON text.
template <typename T>
void append_json(std::string& out, const T& value) {
  converter<T>::write(out, value);
}
template <typename T>
[[nodiscard]] std::string to_json_text(const T& value) {
  std::string out;
  append_json(out, value);
  return out;
}
template <typename T>
[[nodiscard]] json to_json(const T& value);

}  // namespace understudy

#include "understudy/detail/json_convert.hpp"
