// What understudy/json.hpp needs that is not a template: PHP's weak typing and PHP's numbers.
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <memory>

#include "understudy/json.hpp"
#include "wire/json_text.hpp"

namespace understudy {
namespace {

using boost::json::kind;

[[noreturn]] void cannot_write(const char* sentence) {
  throw rpc_error(code::internal_error, sentence);
}

std::string_view name_of(const json& value) {
  switch (value.kind()) {
    case kind::null:
      return "null";
    case kind::bool_:
      return "a boolean";
    case kind::int64:
    case kind::uint64:
      return "an integer";
    case kind::double_:
      return "a number";
    case kind::string:
      return "a string";
    case kind::array:
      return "a list";
    case kind::object:
      return "an object";
  }
  return "nothing";
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view spaces = " \t\n\r\v\f";
  const auto first = text.find_first_not_of(spaces);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(spaces) - first + 1);
}

/// A numeric string as PHP takes one: white space around it, a sign, digits, fraction, exponent.
template <typename Number>
bool read_number(std::string_view text, Number& to) {
  text = trimmed(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto start = text.find_first_not_of('-');  // no "inf", no "nan"
  if (start > 1 || (text[start] != '.' && (text[start] < '0' || text[start] > '9'))) return false;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), to);
  return failed == std::errc() && end == text.data() + text.size();
}

/// A float that is an integer, as `Integer`; PHP warns of others, here they are refused.
template <typename Integer>
bool exact(double from, Integer& to) {
  const double limit = std::ldexp(1.0, std::numeric_limits<Integer>::digits);
  const double lowest = std::is_signed_v<Integer> ? -limit : 0.0;
  if (!(from >= lowest && from < limit) || from != std::trunc(from)) return false;
  to = static_cast<Integer>(from);
  return true;
}

template <typename Integer>
bool read_integer(const json& from, Integer& to, json_problem& problem) {
  bool whole = true;
  switch (from.kind()) {
    case kind::int64:
      whole = std::in_range<Integer>(from.get_int64());
      to = static_cast<Integer>(from.get_int64());
      break;
    case kind::uint64:
      whole = std::in_range<Integer>(from.get_uint64());
      to = static_cast<Integer>(from.get_uint64());
      break;
    case kind::double_:
      whole = exact(from.get_double(), to);
      break;
    case kind::bool_:
      to = from.get_bool() ? 1 : 0;
      break;
    case kind::string: {
      const std::string_view text = from.get_string();
      double number = 0;
      if (read_number(text, to)) return true;
      if (!read_number(text, number)) return detail::needed("an integer", from, problem);
      whole = exact(number, to);
      break;
    }
    default:
      return detail::needed("an integer", from, problem);
  }
  if (whole) return true;
  problem = {{}, "an integer is needed that fits, not a fraction or a larger number"};
  return false;
}

void write_php_exponent(std::string& out, std::string_view digits, int exponent) {
  out += digits[0];
  out += '.';
  out += digits.size() > 1 ? digits.substr(1) : "0";
  out += exponent < 0 ? "e-" : "e+";
  out += std::to_string(std::abs(exponent));
}

}  // namespace

bool json_problem::in(std::string_view key) {
  where = where.empty() ? std::string(key) : std::string(key) + "." + where;
  return false;
}

bool json_problem::in(std::size_t index) {
  return in(std::to_string(index));
}

namespace detail {

bool parse_json(std::string_view text, json& to, json_problem& problem) {
  boost::json::parse_options options;
  options.max_depth = wire::json_depth_max;
  boost::system::error_code failed;
  to = boost::json::parse(text, failed, {}, options);
  if (!failed) return true;
  problem = {{}, "the JSON text cannot be read: " + failed.message()};
  return false;
}

bool needed(std::string_view wanted, const json& got, json_problem& problem) {
  problem.where.clear();
  problem.what = std::string(wanted) + " is needed, not ";
  problem.what += name_of(got);
  return false;
}

bool out_of_range(json_problem& problem) {
  problem = {{}, "an integer is needed that fits, not a larger number"};
  return false;
}

bool read_bool(const json& from, bool& to, json_problem& problem) {
  switch (from.kind()) {
    case kind::bool_:
      to = from.get_bool();
      return true;
    case kind::int64:
      to = from.get_int64() != 0;
      return true;
    case kind::uint64:
      to = true;
      return true;
    case kind::double_:
      to = from.get_double() != 0;
      return true;
    case kind::string:
      to = !from.get_string().empty() && from.get_string() != "0";
      return true;
    default:
      return needed("a boolean", from, problem);
  }
}

bool read_int(const json& from, std::int64_t& to, json_problem& problem) {
  return read_integer(from, to, problem);
}

bool read_uint(const json& from, std::uint64_t& to, json_problem& problem) {
  return read_integer(from, to, problem);
}

bool read_double(const json& from, double& to, json_problem& problem) {
  switch (from.kind()) {
    case kind::int64:
      to = static_cast<double>(from.get_int64());
      return true;
    case kind::uint64:
      to = static_cast<double>(from.get_uint64());
      return true;
    case kind::double_:
      to = from.get_double();
      return true;
    case kind::bool_:
      to = from.get_bool() ? 1 : 0;
      return true;
    case kind::string:
      return read_number(std::string_view(from.get_string()), to) ||
             needed("a number", from, problem);
    default:
      return needed("a number", from, problem);
  }
}

bool read_string(const json& from, std::string& to, json_problem& problem) {
  switch (from.kind()) {
    case kind::string:
      to.assign(from.get_string().data(), from.get_string().size());
      return true;
    case kind::bool_:
      to = from.get_bool() ? "1" : "";
      return true;
    case kind::int64:
    case kind::uint64:
    case kind::double_:
      to.clear();
      write_json(to, from);
      return true;
    default:
      return needed("a string", from, problem);
  }
}

void write_int(std::string& out, std::int64_t value) {
  std::array<char, 24> text;
  out.append(text.data(), std::to_chars(text.begin(), text.end(), value).ptr);
}

void write_uint(std::string& out, std::uint64_t value) {
  std::array<char, 24> text;
  out.append(text.data(), std::to_chars(text.begin(), text.end(), value).ptr);
}

// As PHP's json_encode: the shortest digits that read back the same, no ".0", an exponent where
// more than 17 digits stood before the point or three zeros behind it.
void write_double(std::string& out, double value) {
  if (!std::isfinite(value)) cannot_write("A number is infinite or no number: JSON has none such");
  std::array<char, 32> text;
  const auto end =
      std::to_chars(text.begin(), text.end(), value, std::chars_format::scientific).ptr;
  std::string_view number(text.data(), end);
  if (number.starts_with('-')) {
    out += '-';
    number.remove_prefix(1);
  }
  const auto e = number.find('e');
  int exponent = 0;
  const auto* const sign = number.data() + e + 1;
  std::from_chars(*sign == '+' ? sign + 1 : sign, number.data() + number.size(), exponent);
  std::string digits(1, number[0]);
  if (e > 2) digits += number.substr(2, e - 2);
  const int whole = exponent + 1;  // digits before the point
  if (exponent < -4 || exponent >= 17) return write_php_exponent(out, digits, exponent);
  if (whole <= 0) {
    out.append("0.").append(static_cast<std::size_t>(-whole), '0').append(digits);
  } else if (digits.size() <= static_cast<std::size_t>(whole)) {
    out.append(digits).append(static_cast<std::size_t>(whole) - digits.size(), '0');
  } else {
    out.append(digits, 0, static_cast<std::size_t>(whole)).append(1, '.');
    out.append(digits, static_cast<std::size_t>(whole));
  }
}

void write_string(std::string& out, std::string_view value) {
  if (!wire::append_string(out, value)) cannot_write("A text is not UTF-8: JSON cannot carry it");
}

void write_json(std::string& out, const json& value) {
  switch (value.kind()) {
    case kind::null:
      out += "null";
      return;
    case kind::bool_:
      out += value.get_bool() ? "true" : "false";
      return;
    case kind::int64:
      return write_int(out, value.get_int64());
    case kind::uint64:
      return write_uint(out, value.get_uint64());
    case kind::double_:
      return write_double(out, value.get_double());
    case kind::string:
      return write_string(out, value.get_string());
    case kind::array:
      out += '[';
      for (bool first = true; const auto& element : value.get_array()) {
        if (!std::exchange(first, false)) out += ',';
        write_json(out, element);
      }
      out += ']';
      return;
    case kind::object:
      out += '{';
      for (bool first = true; const auto& member : value.get_object()) {
        if (!std::exchange(first, false)) out += ',';
        write_string(out, member.key());
        out += ':';
        write_json(out, member.value());
      }
      out += '}';
      return;
  }
}

bool quick_read(std::string_view text, std::string& to) {
  if (!text.starts_with('"')) return false;
  if (text.find('\\') == std::string_view::npos)
    to = text.substr(1, text.size() - 2);
  else
    to = wire::decode_string(text);
  return true;
}

bool quick_read(std::string_view text, std::int64_t& to) {
  const auto number = wire::decode_int(text);
  if (number) to = *number;
  return number.has_value();
}

}  // namespace detail
}  // namespace understudy
