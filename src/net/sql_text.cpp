#include "net/sql_text.hpp"

#include "net/sql_packets.hpp"

namespace understudy::net {
namespace {

constexpr std::string_view kill_word = "KILL";

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$' || (static_cast<unsigned char>(c) & 0x80) != 0;
}

char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

bool is_blank(char c) {
  return static_cast<unsigned char>(c) <= ' ';
}

}  // namespace

sql_kill_finder::sql_kill_finder(std::uint16_t status)
    : backslash_escapes_((status & sql_status::no_backslash_escapes) == 0),
      ansi_quotes_((status & sql_status::ansi_quotes) != 0) {}

bool sql_kill_finder::find(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size();) {
    switch (place_) {
      case place::code:
      case place::dash:
      case place::dashes:
      case place::slash:
        if (read_code(bytes[i++])) return true;
        break;
      case place::version:
        if (bytes[i] >= '0' && bytes[i] <= '9') {
          ++i;
        } else {
          place_ = place::code;
        }
        break;
      case place::single_quoted:
      case place::double_quoted:
      case place::back_quoted:
        i = skip_quoted(bytes, i);
        break;
      case place::escaped:
        place_ = quotes_;
        ++i;
        break;
      default:
        read_comment(bytes[i++]);
    }
  }
  return false;
}

bool sql_kill_finder::read_code(char c) {
  const bool found = in_word_ && matched_ == static_cast<int>(kill_word.size()) && !is_word(c);
  if (is_word(c)) {
    if (!in_word_) matched_ = before_ == '.' || before_ == '@' ? no_match : 0;
    in_word_ = true;
    const auto at = static_cast<std::size_t>(matched_);
    const bool fits = matched_ != no_match && at < kill_word.size() && upper(c) == kill_word[at];
    matched_ = fits ? matched_ + 1 : no_match;
  } else {
    in_word_ = false;
  }
  const bool ends_executed = executed_ && before_ == '*' && c == '/';
  if (ends_executed) executed_ = false;
  before_ = c;
  const place was = place_;
  place_ = place::code;
  if (was == place::dashes && is_blank(c)) {
    place_ = c == '\n' ? place::code : place::line;
  } else if (c == '-') {
    place_ = was == place::code || was == place::slash ? place::dash : place::dashes;
  } else if (was == place::slash && c == '*') {
    place_ = place::block_open;
  } else if (c == '/' && !ends_executed) {
    place_ = place::slash;
  } else if (c == '#') {
    place_ = place::line;
  } else if (c == '\'' || c == '"' || c == '`') {
    place_ = c == '\''  ? place::single_quoted
             : c == '"' ? place::double_quoted
                        : place::back_quoted;
  }
  return found;
}

std::size_t sql_kill_finder::skip_quoted(std::string_view bytes, std::size_t at) {
  const char end = place_ == place::single_quoted   ? '\''
                   : place_ == place::double_quoted ? '"'
                                                    : '`';
  const bool escapes = backslash_escapes_ && place_ != place::back_quoted &&
                       !(place_ == place::double_quoted && ansi_quotes_);
  for (; at < bytes.size(); ++at) {
    if (bytes[at] == end) {  // two of them are one in the text: then it begins again at once
      place_ = place::code;
      before_ = end;
      return at + 1;
    }
    if (escapes && bytes[at] == '\\') {
      quotes_ = place_;
      place_ = place::escaped;
      return at + 1;
    }
  }
  return at;
}

void sql_kill_finder::read_comment(char c) {
  switch (place_) {
    case place::line:
      if (c == '\n') place_ = place::code;
      break;
    case place::block_open:
      if (c == 'M') {
        place_ = place::block_m;
        break;
      }
      [[fallthrough]];
    case place::block_m:
      place_ = c == '!' ? place::version : c == '*' ? place::star : place::block;
      executed_ = executed_ || c == '!';
      break;
    case place::star:
      place_ = c == '/' ? place::code : c == '*' ? place::star : place::block;
      break;
    default:
      if (c == '*') place_ = place::star;
  }
  before_ = ' ';
}

}  // namespace understudy::net
