// Our scanner against Boost.JSON's parser, on generated and on damaged texts.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "wire/json_text.hpp"

namespace understudy::wire {
namespace {

namespace json = boost::json;

class generator {
 public:
  explicit generator(unsigned seed) : random_(seed) {}

  std::string document() {
    std::string out;
    append_value(out, 1 + below(5));
    return out;
  }

  std::string damaged(std::string text) {
    for (std::size_t i = 0, n = 1 + below(3); i < n; ++i) damage(text);
    return text;
  }

 private:
  std::size_t below(std::size_t n) { return random_() % n; }

  template <std::size_t N>
  std::string_view one_of(const char* const (&from)[N]) {
    return from[below(N)];
  }

  void append_space(std::string& out) {
    static constexpr const char* spaces[] = {"", "", "", "", " ", "\n", "\t \r"};
    out += one_of(spaces);
  }

  void append_value(std::string& out, std::size_t depth) {
    append_space(out);
    switch (below(depth == 0 ? 3 : 6)) {
      case 0: {
        static constexpr const char* words[] = {"true", "false", "null"};
        out += one_of(words);
        break;
      }
      case 1:
        append_number(out);
        break;
      case 2:
        append_text(out);
        break;
      case 3:
      case 4:
        append_container(out, '{', '}', depth - 1);
        break;
      default:
        append_container(out, '[', ']', depth - 1);
    }
    append_space(out);
  }

  void append_container(std::string& out, char open, char close, std::size_t depth) {
    out += open;
    append_space(out);
    for (std::size_t i = 0, n = below(5); i < n; ++i) {
      if (i != 0) out += ',';
      append_space(out);
      if (open == '{') {
        append_text(out);
        append_space(out);
        out += ':';
      }
      append_value(out, depth);
    }
    out += close;
  }

  void append_number(std::string& out) {
    static constexpr const char* numbers[] = {"0",
                                              "-0",
                                              "1",
                                              "-17",
                                              "0.5",
                                              "1e5",
                                              "1E-7",
                                              "-2.5e+10",
                                              "1e308",
                                              "1e400",
                                              "9223372036854775807",
                                              "-9223372036854775808",
                                              "9223372036854775808",
                                              "123456789012345678901234567890",
                                              "0.1234567890123456789",
                                              "42"};
    out += one_of(numbers);
  }

  void append_text(std::string& out) {
    static constexpr const char* pieces[] = {"a",
                                             "b",
                                             "key",
                                             " ",
                                             "/",
                                             "~\x7f",
                                             "0",
                                             "\u4e16\u754c",
                                             "\u00e9",
                                             "\U0001F600",
                                             "\\n",
                                             "\\/",
                                             "\\\\",
                                             "\\\"",
                                             "\\u0000",
                                             "\\u00e9",
                                             "\\uD83D\\uDE00",
                                             "\\u0061",
                                             "some longer text of more than eight bytes",
                                             "{",
                                             "]",
                                             ",",
                                             ":"};
    out += '"';
    for (std::size_t i = 0, n = below(4); i < n; ++i) out += one_of(pieces);
    out += '"';
  }

  void damage(std::string& text) {
    static constexpr const char* scraps[] = {"\"",
                                             "\\",
                                             "{",
                                             "}",
                                             "[",
                                             "]",
                                             ",",
                                             ":",
                                             "-",
                                             "+",
                                             ".",
                                             "e",
                                             "E",
                                             "0",
                                             "1",
                                             "\\u",
                                             "\\ud800",
                                             "\\udc00",
                                             "\\x",
                                             "true",
                                             "null",
                                             " ",
                                             "\n",
                                             "\x01",
                                             "\x7f",
                                             "\xc3",
                                             "\xff",
                                             "\xe4\xb8",
                                             "\xed\xa0\x80",
                                             "\xf4\x90\x80\x80",
                                             "\xef\xbb\xbf",
                                             "/",
                                             "//",
                                             "NaN",
                                             "'"};
    const std::size_t at = below(text.size() + 1);
    switch (below(4)) {
      case 0:
        text.insert(at, one_of(scraps));
        break;
      case 1:
        text.erase(at, 1 + below(3));
        break;
      case 2:
        text.insert(at, text.substr(below(text.size() + 1), below(12)));
        break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(below(256));
    }
  }

  std::mt19937 random_;
};

struct verdict {
  bool valid = false;
  bool exponent = false;  // it gave up over an exponent beyond an int, which JSON allows
  json::value value;
};

verdict boost_reads(std::string_view text) {
  json::parse_options options;
  options.max_depth = json_depth_max;
  json::error_code error;
  verdict made;
  made.value = json::parse(text, error, {}, options);
  made.valid = !error;
  made.exponent = error == json::error::exponent_overflow;
  return made;
}

// The same value, told by our own functions?
::testing::AssertionResult agree(std::string_view ours, const json::value& theirs) {
  const auto no = [&] { return ::testing::AssertionFailure() << ours << " is not " << theirs; };
  ::testing::AssertionResult same = ::testing::AssertionSuccess();
  switch (kind_of(ours)) {
    case json_kind::null:
      return theirs.is_null() ? same : no();
    case json_kind::boolean:
      return theirs == json::value(ours == "true") ? same : no();
    case json_kind::string:
      return theirs == json::value(decode_string(ours)) ? same : no();
    case json_kind::number: {
      const std::optional<std::int64_t> number = decode_int(ours);
      if (number) return theirs.is_int64() && theirs.as_int64() == *number ? same : no();
      return theirs.is_double() || theirs.is_uint64() ? same : no();
    }
    case json_kind::array: {
      std::size_t i = 0;
      if (!theirs.is_array()) return no();
      for_each_member(ours, [&](const json_member& member) {
        same = i < theirs.as_array().size() ? agree(member.value, theirs.as_array()[i]) : no();
        ++i;
        return static_cast<bool>(same);
      });
      return !same || i == theirs.as_array().size() ? same : no();
    }
    case json_kind::object: {
      if (!theirs.is_object()) return no();
      for (const auto& [key, value] : theirs.as_object()) {
        const auto found = find_member(ours, {key.data(), key.size()});
        if (!found) return no();
        if (same = agree(*found, value); !same) return same;
      }
      return same;
    }
    default:
      return no();
  }
}

TEST(json_differential, generated_documents_are_valid_and_read_the_same) {
  generator generate(20);
  for (int i = 0; i < 20000; ++i) {
    const std::string text = generate.document();
    ASSERT_TRUE(json_valid(text)) << text;
    const verdict theirs = boost_reads(text);
    ASSERT_TRUE(theirs.valid) << text;
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    const std::size_t last = text.find_last_not_of(" \t\r\n");
    ASSERT_TRUE(agree(std::string_view(text).substr(first, last + 1 - first), theirs.value));
  }
}

TEST(json_differential, damaged_documents_get_the_same_verdict) {
  generator generate(21);
  int valid = 0;
  int refused = 0;
  for (int i = 0; i < 100000; ++i) {
    const std::string text = generate.damaged(generate.document());
    const verdict theirs = boost_reads(text);
    if (theirs.exponent) continue;
    ASSERT_EQ(json_valid(text), theirs.valid) << text;
    ++(theirs.valid ? valid : refused);
  }
  EXPECT_GT(valid, 5000) << "the texts must try both verdicts";
  EXPECT_GT(refused, 50000);
}

// As a member of a request or an answer the same text must get the same verdict.
TEST(json_differential, member_reader_agrees_with_json_valid) {
  generator generate(22);
  for (int i = 0; i < 50000; ++i) {
    std::string text = generate.document();
    if (i % 4 != 0) text = generate.damaged(std::move(text));
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    const bool container = first != std::string::npos && (text[first] == '{' || text[first] == '[');
    member_reader members(text);
    for (json_member member; members.next(member);) {
      ASSERT_TRUE(json_valid(member.value)) << text;
    }
    ASSERT_EQ(members.valid(), container && json_valid(text)) << text;
  }
}

}  // namespace
}  // namespace understudy::wire
