// Conversions between C++ values and JSON as PHP reads and writes it.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "understudy/json.hpp"

namespace understudy {
namespace {

enum class colour : std::uint8_t { red, green };
BOOST_DESCRIBE_ENUM(colour, red, green)

struct item {
  std::string name;
  double price = 0;
};
BOOST_DESCRIBE_STRUCT(item, (), (name, price))

struct order {
  std::int64_t id = 0;
  std::optional<std::string> note;
  omittable<std::int64_t> discount;
  omittable<std::optional<std::string>> coupon;
  std::vector<item> items;
};
BOOST_DESCRIBE_STRUCT(order, (), (id, note, discount, coupon, items))

struct settings {
  omittable<bool> loud;
  omittable<colour> paint;
};
BOOST_DESCRIBE_STRUCT(settings, (), (loud, paint))

/// What T reads from `text`, written again; or the problem.
template <typename T>
std::string read_back(std::string_view text) {
  try {
    return to_json_text(from_json_text<T>(text));
  } catch (const rpc_error& error) {
    EXPECT_EQ(error.code(), code::invalid_params);
    return error.what();
  }
}

struct read_case {
  std::string (*read)(std::string_view);
  std::string_view text;
  std::string_view wanted;
};

template <typename T>
constexpr auto as = &read_back<T>;

constexpr std::string_view not_whole =
    "an integer is needed that fits, not a fraction or a larger number";

TEST(JsonConversion, Reads) {
  using i64 = std::int64_t;
  using map = std::map<std::string, int>;
  const read_case cases[] = {
      {as<i64>, "7", "7"},
      {as<i64>, "-9223372036854775808", "-9223372036854775808"},
      {as<i64>, "9223372036854775808", not_whole},
      {as<i64>, "\"2\"", "2"},
      {as<i64>, "\" -2 \"", "-2"},
      {as<i64>, "\"+2\"", "2"},
      {as<i64>, "\"2.0\"", "2"},
      {as<i64>, "\"1e3\"", "1000"},
      {as<i64>, "\"\"", "an integer is needed, not a string"},
      {as<i64>, "\"--2\"", "an integer is needed, not a string"},
      {as<i64>, "\"-\"", "an integer is needed, not a string"},
      {as<i64>, "\"2x\"", "an integer is needed, not a string"},
      {as<i64>, "\"inf\"", "an integer is needed, not a string"},
      {as<i64>, "2.0", "2"},
      {as<i64>, "-2e2", "-200"},
      {as<i64>, "2.5", not_whole},
      {as<i64>, "1e300", not_whole},
      {as<i64>, "true", "1"},
      {as<i64>, "null", "an integer is needed, not null"},
      {as<i64>, "[]", "an integer is needed, not a list"},
      {as<std::int8_t>, "127", "127"},
      {as<std::int8_t>, "128", "an integer is needed that fits, not a larger number"},
      {as<std::uint32_t>, "-1", not_whole},
      {as<std::uint64_t>, "18446744073709551615", "18446744073709551615"},
      {as<std::uint64_t>, "\"18446744073709551615\"", "18446744073709551615"},
      {as<std::uint64_t>, "-1.0", not_whole},
      {as<double>, "2", "2"},
      {as<double>, "\"2.5\"", "2.5"},
      {as<double>, "\".5\"", "0.5"},
      {as<double>, "\"nan\"", "a number is needed, not a string"},
      {as<double>, "false", "0"},
      {as<double>, "null", "a number is needed, not null"},
      {as<bool>, "0", "false"},
      {as<bool>, "\"0\"", "false"},
      {as<bool>, "\"\"", "false"},
      {as<bool>, "\"no\"", "true"},
      {as<bool>, "0.5", "true"},
      {as<bool>, "[]", "a boolean is needed, not a list"},
      {as<std::string>, "\"\\u4e16\"", "\"世\""},
      {as<std::string>, "12", "\"12\""},
      {as<std::string>, "1.5", "\"1.5\""},
      {as<std::string>, "true", "\"1\""},
      {as<std::string>, "false", "\"\""},
      {as<std::string>, "null", "a string is needed, not null"},
      {as<std::string>, "{}", "a string is needed, not an object"},
      {as<std::optional<int>>, "null", "null"},
      {as<std::optional<int>>, "\"3\"", "3"},
      {as<std::optional<int>>, "[]", "an integer is needed, not a list"},
      {as<std::vector<int>>, "[1,\"2\"]", "[1,2]"},
      {as<std::vector<int>>, "[1,[]]", "1: an integer is needed, not a list"},
      {as<std::vector<int>>, "{}", "a list is needed, not an object"},
      {as<map>, R"({"a":1,"b":"2"})", R"({"a":1,"b":2})"},
      {as<map>, "[]", "{}"},
      {as<map>, "[1]", "an object is needed, not a list"},
      {as<map>, R"({"a":{}})", "a: an integer is needed, not an object"},
      {as<std::array<int, 2>>, "[1,2]", "[1,2]"},
      {as<std::array<int, 2>>, "[1]", "a list of 2 is needed, not a list"},
      {as<std::pair<int, std::string>>, "[1,2]", "[1,\"2\"]"},
      {as<std::tuple<int, bool>>, "[1,null]", "1: a boolean is needed, not null"},
      {as<std::tuple<>>, "[]", "[]"},
      {as<colour>, "\"green\"", "\"green\""},
      {as<colour>, "\"blue\"", "one of red, green is needed"},
      {as<colour>, "1", "a string is needed, not an integer"},
      {as<php_array>, "{\"a\":[]}", "{\"a\":[]}"},
      {as<php_array>, "\"x\"", "an array is needed, not a string"},
      {as<settings>, "[]", "{}"},
      {as<settings>, R"({"loud":0,"paint":"red","else":[1]})", R"({"loud":false,"paint":"red"})"},
      {as<settings>, R"({"loud":null})", "loud: a boolean is needed, not null"},
      {as<order>, "[]", "id: it is missing"},
      {as<order>, R"({"id":1,"items":[]})", "note: it is missing"},
      {as<order>, R"({"id":1,"note":null,"items":[]})", R"({"id":1,"note":null,"items":[]})"},
      {as<order>,
       R"({"items":[{"price":"2.50","name":"x"}],"coupon":null,"note":"n","id":"1","discount":3})",
       R"({"id":1,"note":"n","discount":3,"coupon":null,"items":[{"name":"x","price":2.5}]})"},
      {as<order>,
       R"({"id":1,"note":null,"items":[{"name":"a","price":1},{"name":"b","price":[]}]})",
       "items.1.price: a number is needed, not a list"},
      {as<json>, R"([1,12345678901234567890,2.0,-0.0,{"a":null}])",
       R"([1,12345678901234567890,2,-0,{"a":null}])"},
  };
  for (const auto& each : cases) EXPECT_EQ(each.read(each.text), each.wanted) << each.text;
}

// The right column is what PHP 8.2's json_encode prints.
TEST(JsonConversion, WritesNumbersAsPhp) {
  const std::pair<double, std::string_view> cases[] = {
      {1e14, "100000000000000"},
      {1e15, "1000000000000000"},
      {1e16, "10000000000000000"},
      {1e17, "1.0e+17"},
      {123456789012345678.0, "1.2345678901234568e+17"},
      {12345678901234567890.0, "1.2345678901234567e+19"},
      {0.0001, "0.0001"},
      {0.00001, "1.0e-5"},
      {-0.0, "-0"},
      {2.0, "2"},
      {-2.5, "-2.5"},
      {0.1, "0.1"},
      {0.30000000000000004, "0.30000000000000004"},
      {100.5, "100.5"},
      {5e-324, "5.0e-324"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
  };
  for (const auto& [value, wanted] : cases) EXPECT_EQ(to_json_text(value), wanted);
}

TEST(JsonConversion, RefusesToWriteWhatJsonCannotSay) {
  const auto code_of = [](const auto& value) -> std::int64_t {
    try {
      (void)to_json_text(value);
    } catch (const rpc_error& error) {
      return error.code();
    }
    return 0;
  };
  EXPECT_EQ(code_of(std::numeric_limits<double>::infinity()), code::internal_error);
  EXPECT_EQ(code_of(std::nan("")), code::internal_error);
  EXPECT_EQ(code_of(std::string("\xFF")), code::internal_error);
  EXPECT_EQ(code_of(json(boost::json::array{"a", "\xC0\x80"})), code::internal_error);
  EXPECT_EQ(code_of(static_cast<colour>(9)), code::internal_error);
  EXPECT_EQ(code_of(std::string("世")), 0);
}

TEST(JsonConversion, ReadsTextsAsDeepAsPhpDoes) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  json tree;
  json_problem problem;
  EXPECT_TRUE(detail::parse_json(nested(511), tree, problem)) << problem.what;
  EXPECT_FALSE(detail::parse_json(nested(512), tree, problem));
}

TEST(JsonConversion, TreesAndTexts) {
  const item apple{"apple", 1.25};
  const json tree = to_json(apple);
  EXPECT_EQ(from_json<item>(tree).price, 1.25);
  EXPECT_EQ(to_json_text(std::map<std::string, item>{{"a/b", apple}}),
            R"({"a\/b":{"name":"apple","price":1.25}})");
  EXPECT_THROW((void)from_json_text<json>("{"), rpc_error);
}

}  // namespace
}  // namespace understudy
