// The conversions behind understudy/json.hpp.
#pragma once

#include <limits>
#include <memory>

#include "understudy/json.hpp"

namespace understudy {

template <>
struct converter<bool> {
  static constexpr std::string_view php_type = "bool";
  static constexpr bool nullable = false;
  static bool read(const json& from, bool& to, json_problem& problem) {
    return detail::read_bool(from, to, problem);
  }
  static void write(std::string& out, bool value) { out += value ? "true" : "false"; }
};

template <detail::integer T>
struct converter<T> {
  using widest = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
  static constexpr std::string_view php_type = "int";
  static constexpr bool nullable = false;
  static bool read(const json& from, T& to, json_problem& problem) {
    widest value = 0;
    bool good = false;
    if constexpr (std::is_signed_v<T>)
      good = detail::read_int(from, value, problem);
    else
      good = detail::read_uint(from, value, problem);
    if (!good) return false;
    if (!std::in_range<T>(value)) return detail::out_of_range(problem);
    to = static_cast<T>(value);
    return true;
  }
  static void write(std::string& out, T value) {
    if constexpr (std::is_signed_v<T>)
      detail::write_int(out, value);
    else
      detail::write_uint(out, value);
  }
};

template <std::floating_point T>
struct converter<T> {
  static constexpr std::string_view php_type = "float";
  static constexpr bool nullable = false;
  static bool read(const json& from, T& to, json_problem& problem) {
    double value = 0;
    if (!detail::read_double(from, value, problem)) return false;
    to = static_cast<T>(value);
    return true;
  }
  static void write(std::string& out, T value) {
    detail::write_double(out, static_cast<double>(value));
  }
};

template <>
struct converter<std::string> {
  static constexpr std::string_view php_type = "string";
  static constexpr bool nullable = false;
  static bool read(const json& from, std::string& to, json_problem& problem) {
    return detail::read_string(from, to, problem);
  }
  static void write(std::string& out, std::string_view value) { detail::write_string(out, value); }
};

/// Only written: what is read must be kept somewhere.
template <>
struct converter<std::string_view> {
  static constexpr std::string_view php_type = "string";
  static constexpr bool nullable = false;
  static void write(std::string& out, std::string_view value) { detail::write_string(out, value); }
};
template <>
struct converter<const char*> : converter<std::string_view> {};
template <std::size_t N>
struct converter<char[N]> : converter<std::string_view> {};

template <>
struct converter<std::nullptr_t> {
  static constexpr std::string_view php_type = "null";
  static constexpr bool nullable = true;
  static bool read(const json& from, std::nullptr_t&, json_problem& problem) {
    return from.is_null() || detail::needed("null", from, problem);
  }
  static void write(std::string& out, std::nullptr_t) { out += "null"; }
};

template <>
struct converter<json> {
  static constexpr std::string_view php_type{};
  static constexpr bool nullable = true;
  static bool read(const json& from, json& to, json_problem&) {
    to = from;
    return true;
  }
  static void write(std::string& out, const json& value) { detail::write_json(out, value); }
};

template <>
struct converter<php_array> {
  static constexpr std::string_view php_type = "array";
  static constexpr bool nullable = false;
  static bool read(const json& from, php_array& to, json_problem& problem) {
    if (!from.is_array() && !from.is_object()) return detail::needed("an array", from, problem);
    to.value = from;
    return true;
  }
  static void write(std::string& out, const php_array& from) {
    detail::write_json(out, from.value);
  }
};

template <typename T>
struct converter<std::optional<T>> {
  static constexpr std::string_view php_type = converter<T>::php_type;
  static constexpr bool nullable = true;
  static bool read(const json& from, std::optional<T>& to, json_problem& problem) {
    if (from.is_null()) {
      to.reset();
      return true;
    }
    return converter<T>::read(from, to.emplace(), problem);
  }
  static void write(std::string& out, const std::optional<T>& from) {
    if (from)
      converter<T>::write(out, *from);
    else
      out += "null";
  }
};

namespace detail {

/// A list of which each element is read and written alike.
template <typename List>
bool read_element(const json& from, List& to, std::size_t index, json_problem& problem) {
  return converter<typename List::value_type>::read(from, to[index], problem) || problem.in(index);
}

template <typename List>
void write_list(std::string& out, const List& from) {
  out += '[';
  for (bool first = true; const auto& element : from) {
    if (!std::exchange(first, false)) out += ',';
    converter<typename List::value_type>::write(out, element);
  }
  out += ']';
}

inline bool read_size(const json& from, std::size_t size, json_problem& problem) {
  if (from.is_array() && from.get_array().size() == size) return true;
  return needed("a list of " + std::to_string(size), from, problem);
}

struct list_type {
  static constexpr std::string_view php_type = "array";
  static constexpr bool nullable = false;
};

template <typename Map>
struct map_converter : list_type {
  using value_type = typename Map::mapped_type;
  static bool read(const json& from, Map& to, json_problem& problem) {
    to.clear();
    if (from.is_array() && from.get_array().empty()) return true;  // PHP's empty map
    if (!from.is_object()) return needed("an object", from, problem);
    for (const auto& [key, value] : from.get_object()) {
      value_type element{};
      if (!converter<value_type>::read(value, element, problem)) return problem.in(key);
      to.insert_or_assign(std::string(key), std::move(element));
    }
    return true;
  }
  static void write(std::string& out, const Map& from) {
    out += '{';
    for (bool first = true; const auto& [key, value] : from) {
      if (!std::exchange(first, false)) out += ',';
      write_string(out, key);
      out += ':';
      converter<value_type>::write(out, value);
    }
    out += '}';
  }
};

template <typename Tuple>
struct tuple_converter : list_type {
  static constexpr std::size_t size = std::tuple_size_v<Tuple>;
  static bool read(const json& from, Tuple& to, json_problem& problem) {
    if (!read_size(from, size, problem)) return false;
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      const auto& list = from.get_array();
      return ((converter<std::tuple_element_t<I, Tuple>>::read(list[I], std::get<I>(to), problem) ||
               problem.in(I)) &&
              ...);
    }
    (std::make_index_sequence<size>());
  }
  static void write(std::string& out, const Tuple& from) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((out += I == 0 ? '[' : ',',
        converter<std::tuple_element_t<I, Tuple>>::write(out, std::get<I>(from))),
       ...);
    }
    (std::make_index_sequence<size>());
    out += size == 0 ? "[]" : "]";
  }
};

template <typename T>
inline constexpr bool is_omittable = false;
template <typename T>
inline constexpr bool is_omittable<omittable<T>> = true;

template <typename T, typename Visit>
void for_each_member_of(Visit&& visit) {
  using namespace boost::describe;
  using members = describe_members<T, mod_public | mod_inherited>;
  boost::mp11::mp_for_each<members>(visit);
}

}  // namespace detail

template <typename T>
struct converter<std::vector<T>> : detail::list_type {
  static bool read(const json& from, std::vector<T>& to, json_problem& problem) {
    if (!from.is_array()) return detail::needed("a list", from, problem);
    const auto& list = from.get_array();
    to.clear();
    to.reserve(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
      T element{};
      if (!converter<T>::read(list[i], element, problem)) return problem.in(i);
      to.push_back(std::move(element));
    }
    return true;
  }
  static void write(std::string& out, const std::vector<T>& from) { detail::write_list(out, from); }
};

template <typename T, std::size_t N>
struct converter<std::array<T, N>> : detail::list_type {
  static bool read(const json& from, std::array<T, N>& to, json_problem& problem) {
    if (!detail::read_size(from, N, problem)) return false;
    for (std::size_t i = 0; i < N; ++i)
      if (!detail::read_element(from.get_array()[i], to, i, problem)) return false;
    return true;
  }
  static void write(std::string& out, const std::array<T, N>& from) {
    detail::write_list(out, from);
  }
};

template <typename T, typename C, typename A>
struct converter<std::map<std::string, T, C, A>>
    : detail::map_converter<std::map<std::string, T, C, A>> {};
template <typename T, typename H, typename E, typename A>
struct converter<std::unordered_map<std::string, T, H, E, A>>
    : detail::map_converter<std::unordered_map<std::string, T, H, E, A>> {};
template <typename... T>
struct converter<std::tuple<T...>> : detail::tuple_converter<std::tuple<T...>> {};
template <typename A, typename B>
struct converter<std::pair<A, B>> : detail::tuple_converter<std::pair<A, B>> {};

template <detail::described_enum T>
struct converter<T> {
  static constexpr std::string_view php_type = "string";
  static constexpr bool nullable = false;
  static bool read(const json& from, T& to, json_problem& problem) {
    std::string names;
    if (from.is_string()) {
      bool found = false;
      boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto enumerator) {
        if (from.get_string() == enumerator.name) {
          to = enumerator.value;
          found = true;
        }
        names.append(names.empty() ? "" : ", ").append(enumerator.name);
      });
      if (found) return true;
      problem = {{}, "one of " + names + " is needed"};
      return false;
    }
    return detail::needed("a string", from, problem);
  }
  static void write(std::string& out, T value) {
    const char* const name = boost::describe::enum_to_string(value, nullptr);
    if (name == nullptr) throw rpc_error(code::internal_error, "An enumeration's value is unknown");
    detail::write_string(out, name);
  }
};

template <detail::described_struct T>
struct converter<T> : detail::list_type {
  static bool read(const json& from, T& to, json_problem& problem) {
    static const boost::json::object none;
    const bool empty_list = from.is_array() && from.get_array().empty();  // PHP's empty map
    if (!from.is_object() && !empty_list) return detail::needed("an object", from, problem);
    const auto& object = empty_list ? none : from.get_object();
    bool good = true;
    detail::for_each_member_of<T>([&](auto member) {
      good = good && read_member(object, member.name, to.*member.pointer, problem);
    });
    return good;
  }

  static void write(std::string& out, const T& from) {
    out += '{';
    bool first = true;
    detail::for_each_member_of<T>([&](auto member) {
      const auto& value = from.*member.pointer;
      using type = std::remove_cvref_t<decltype(value)>;
      if constexpr (detail::is_omittable<type>) {
        if (value) write_member(out, first, member.name, *value);
      } else {
        write_member(out, first, member.name, value);
      }
    });
    out += '}';
  }

 private:
  template <typename M>
  static bool read_member(const boost::json::object& object, std::string_view name, M& to,
                          json_problem& problem) {
    const json* const found = object.if_contains(name);
    if constexpr (detail::is_omittable<M>) {
      to.reset();
      if (found == nullptr) return true;
      return converter<typename M::value_type>::read(*found, to.emplace(), problem) ||
             problem.in(name);
    } else {
      if (found != nullptr) return converter<M>::read(*found, to, problem) || problem.in(name);
      problem = {{}, "it is missing"};
      return problem.in(name);
    }
  }

  template <typename M>
  static void write_member(std::string& out, bool& first, std::string_view name, const M& value) {
    if (!std::exchange(first, false)) out += ',';
    detail::write_string(out, name);
    out += ':';
    converter<M>::write(out, value);
  }
};

namespace detail {

template <typename T>
bool read_text(std::string_view text, T& to, json_problem& problem) {
  if constexpr (std::same_as<T, std::string> || std::same_as<T, std::int64_t>) {
    if (quick_read(text, to)) return true;
  } else if constexpr (integer<T>) {
    std::int64_t value = 0;
    if (quick_read(text, value) && std::in_range<T>(value)) {
      to = static_cast<T>(value);
      return true;
    }
  }
  json tree;
  return parse_json(text, tree, problem) && converter<T>::read(tree, to, problem);
}

[[noreturn]] inline void refuse(const json_problem& problem) {
  throw rpc_error(code::invalid_params, problem.text());
}

}  // namespace detail

template <typename T>
T from_json_text(std::string_view text) {
  T value{};
  json_problem problem;
  if (!detail::read_text(text, value, problem)) detail::refuse(problem);
  return value;
}

template <typename T>
T from_json(const json& from) {
  T value{};
  json_problem problem;
  if (!converter<T>::read(from, value, problem)) detail::refuse(problem);
  return value;
}

template <typename T>
json to_json(const T& value) {
  return from_json_text<json>(to_json_text(value));
}

}  // namespace understudy
