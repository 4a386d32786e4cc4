#include "wire/json_text.hpp"

#include <charconv>

#include "understudy/detail/check.hpp"
#include "wire/json_scan.hpp"
#include "wire/utf8.hpp"

namespace understudy::wire {
namespace {

// Escapes decoded; `text` is what is between the quotes of a valid string.
class unescaper {
 public:
  explicit unescaper(std::string_view text) : text_(text) {}

  std::string run() {
    std::string out;
    out.reserve(text_.size());
    for (;;) {
      const std::size_t slash = text_.find('\\', at_);
      out.append(text_.substr(at_, slash - at_));
      if (slash == std::string_view::npos || slash + 1 == text_.size()) return out;
      at_ = slash + 2;
      append_escape(out, text_[slash + 1]);
    }
  }

 private:
  void append_escape(std::string& out, char c) {
    switch (c) {
      case 'b':
        out.push_back('\b');
        break;
      case 'f':
        out.push_back('\f');
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 'r':
        out.push_back('\r');
        break;
      case 't':
        out.push_back('\t');
        break;
      case 'u':
        append_utf8(out, code_point());
        break;
      default:
        out.push_back(c);  // itself: quote, backslash, slash
    }
  }

  // The digits behind `\u`, and the second half of a pair if one follows.
  char32_t code_point() {
    const char32_t first = unit();
    if (first < 0xD800 || first > 0xDBFF || text_.substr(at_, 2) != "\\u") return first;
    const std::size_t before = at_;
    at_ += 2;
    const char32_t second = unit();
    if (second >= 0xDC00 && second <= 0xDFFF) {
      return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
    }
    at_ = before;
    return first;
  }

  char32_t unit() {
    const std::string_view digits = text_.substr(at_, 4);
    std::uint32_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    at_ += digits.size();
    return value;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string unescaped(std::string_view text) {
  if (text.find('\\') == std::string_view::npos) return std::string(text);
  return unescaper(text).run();
}

// Appends an ASCII character that cannot stand for itself.
void append_escaped(std::string& out, char c) {
  constexpr std::string_view digits = "0123456789abcdef";
  out.push_back('\\');
  switch (c) {
    case '\b':
      out.push_back('b');
      break;
    case '\f':
      out.push_back('f');
      break;
    case '\n':
      out.push_back('n');
      break;
    case '\r':
      out.push_back('r');
      break;
    case '\t':
      out.push_back('t');
      break;
    case '"':
    case '\\':
    case '/':
      out.push_back(c);
      break;
    default:
      out += "u00";
      out.push_back(digits[static_cast<unsigned char>(c) >> 4]);
      out.push_back(digits[static_cast<unsigned char>(c) & 0xF]);
  }
}

}  // namespace

bool json_valid(std::string_view text, unsigned depth_max) {
  UNDERSTUDY_CHECK(depth_max <= json_depth_max);
  const char* const end = text.data() + text.size();
  const char* at = scan::skip_value(scan::skip_space(text.data(), end), end, depth_max);
  return at != nullptr && scan::skip_space(at, end) == end;
}

json_kind kind_of(std::string_view value) {
  if (value.empty()) return json_kind::invalid;
  switch (value.front()) {
    case 'n':
      return json_kind::null;
    case 't':
    case 'f':
      return json_kind::boolean;
    case '"':
      return json_kind::string;
    case '[':
      return json_kind::array;
    case '{':
      return json_kind::object;
    case '-':
      return json_kind::number;
    default:
      return value.front() >= '0' && value.front() <= '9' ? json_kind::number : json_kind::invalid;
  }
}

std::string key_text(const json_member& member) {
  return unescaped(member.key);
}

member_reader::member_reader(std::string_view container, unsigned depth_max)
    : at_(container.data()), end_(container.data() + container.size()), depth_max_(depth_max) {
  UNDERSTUDY_CHECK(depth_max >= 1 && depth_max <= json_depth_max);
  at_ = scan::skip_space(at_, end_);
  if (at_ == end_ || (*at_ != '{' && *at_ != '[')) {
    state_ = state::broken;
    return;
  }
  closer_ = *at_ == '{' ? '}' : ']';
  at_ = scan::skip_space(at_ + 1, end_);
}

bool member_reader::leave(state final_state) {
  state_ = final_state;
  return false;
}

bool member_reader::next(json_member& member) {
  if (state_ == state::valid || state_ == state::broken) return false;
  if (at_ == end_) return leave(state::broken);
  if (*at_ == closer_) {
    return leave(scan::skip_space(at_ + 1, end_) == end_ ? state::valid : state::broken);
  }
  if (state_ == state::later) {
    if (*at_ != ',') return leave(state::broken);
    at_ = scan::skip_space(at_ + 1, end_);
  }
  member = {};
  if (closer_ == '}') {
    at_ = scan::skip_key(at_, end_, member);
    if (at_ == nullptr) return leave(state::broken);
  }
  const char* const first = at_;
  at_ = scan::skip_value(at_, end_, depth_max_ - 1);
  if (at_ == nullptr) return leave(state::broken);
  member.value = {first, static_cast<std::size_t>(at_ - first)};
  at_ = scan::skip_space(at_, end_);
  state_ = state::later;
  return true;
}

std::optional<std::string_view> find_member(std::string_view object, std::string_view key) {
  std::optional<std::string_view> found;
  if (kind_of(object) != json_kind::object) return found;
  for_each_member(object, [&](const json_member& member) {
    if (key_is(member, key)) found = member.value;
    return true;
  });
  return found;
}

std::string decode_string(std::string_view string) {
  if (string.size() < 2 || string.front() != '"') return {};
  return unescaped(string.substr(1, string.size() - 2));
}

bool append_string(std::string& out, std::string_view text) {
  bool valid = true;
  out.push_back('"');
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    const char* const run = at;
    at = scan::skip_plain<'/'>(at, end);
    out.append(run, at);
    if (at == end) break;
    const std::size_t length = utf8_sequence(at, end);
    if (length == 0) {
      out += utf8_replacement;
      valid = false;
      ++at;
    } else if (length == 1) {
      append_escaped(out, *at++);
    } else {
      out.append(at, length);
      at += length;
    }
  }
  out.push_back('"');
  return valid;
}

std::optional<std::int64_t> decode_int(std::string_view number) {
  std::int64_t value = 0;
  const char* const end = number.data() + number.size();
  const auto [stop, error] = std::from_chars(number.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

}  // namespace understudy::wire
