#include "tidy/source.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace understudy::tidy {
namespace {

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

bool is_space(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}

std::size_t line_of(std::string_view text, std::size_t at) {
  return 1 + static_cast<std::size_t>(std::count(text.begin(), text.begin() + at, '\n'));
}

/// The position of the last character before `at` that is no white space; npos if there is none.
std::size_t previous(std::string_view code, std::size_t at) {
  while (at > 0) {
    if (!is_space(code[--at])) return at;
  }
  return std::string_view::npos;
}

std::string_view word_ending_at(std::string_view code, std::size_t last) {
  std::size_t first = last + 1;
  while (first > 0 && is_word(code[first - 1])) --first;
  return code.substr(first, last + 1 - first);
}

/// The opening bracket that belongs to the closing one at `close`; npos if there is none.
std::size_t opening(std::string_view code, std::size_t close) {
  int depth = 0;
  for (std::size_t i = close + 1; i-- > 0;) {
    const char c = code[i];
    if (c == ')' || c == ']' || c == '}') ++depth;
    if ((c == '(' || c == '[' || c == '{') && --depth == 0) return i;
  }
  return std::string_view::npos;
}

/// True if the "{" at `brace` starts an initialiser and not a block.
bool is_initialiser(std::string_view code, std::size_t brace) {
  const std::size_t before = previous(code, brace);
  if (before == std::string_view::npos) return false;
  const char c = code[before];
  if (c == '(' || c == ',' || c == '=' || c == '>' || c == '?') return true;
  if (!is_word(c)) return false;
  const std::string_view word = word_ending_at(code, before);
  constexpr std::array blocks{"else", "do", "try", "const", "noexcept", "override", "mutable"};
  return std::find(blocks.begin(), blocks.end(), word) == blocks.end();
}

/// Types without a destructor to run, which the miscompile cannot hurt.
bool is_trivial_type(std::string_view word) {
  constexpr std::array trivial{"seconds",  "milliseconds",   "microseconds", "nanoseconds",
                               "minutes",  "hours",          "size_t",       "time_point",
                               "duration", "use_awaitable_t"};
  return std::find(trivial.begin(), trivial.end(), word) != trivial.end();
}

std::size_t statement_begin(std::string_view code, std::size_t at) {
  while (at > 0) {
    const std::size_t i = previous(code, at);
    if (i == std::string_view::npos) return 0;
    const char c = code[i];
    if (c == ';') return i + 1;
    if (c == '{' && !is_initialiser(code, i)) return i + 1;
    if (c == '}') {
      const std::size_t open = opening(code, i);
      if (open == std::string_view::npos || !is_initialiser(code, open)) return i + 1;
      at = open;
      continue;
    }
    at = i;
  }
  return 0;
}

std::size_t statement_end(std::string_view code, std::size_t at) {
  int depth = 0;
  for (std::size_t i = at; i < code.size(); ++i) {
    const char c = code[i];
    if (c == '{' && depth == 0 && !is_initialiser(code, i)) return i;
    if (c == '(' || c == '[' || c == '{') ++depth;
    if (c == ')' || c == ']' || c == '}') depth = std::max(0, depth - 1);
    if (c == ';' && depth == 0) return i;
  }
  return code.size();
}

/// A lambda introducer with captures at `bracket`.
bool is_capturing_lambda(std::string_view code, std::size_t bracket) {
  const std::size_t before = previous(code, bracket);
  if (before != std::string_view::npos) {
    const char c = code[before];
    const std::string_view word = is_word(c) ? word_ending_at(code, before) : std::string_view();
    if ((is_word(c) && word != "return" && word != "co_return") || c == ')' || c == ']') {
      return false;  // a subscript, or a structured binding after auto
    }
    if (c == '&' && before > 0 && word_ending_at(code, previous(code, before)) == "auto") {
      return false;
    }
    if (c == '[') return false;  // an attribute
  }
  const std::size_t next = code.find_first_not_of(" \n", bracket + 1);
  if (next == std::string_view::npos || code[next] == ']' || code[next] == '[') return false;
  const std::size_t close = code.find(']', next);
  if (close == std::string_view::npos) return false;
  const std::size_t body = code.find_first_not_of(" \n", close + 1);
  return body != std::string_view::npos && (code[body] == '(' || code[body] == '{');
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return text.starts_with(prefix); });
}

}  // namespace

std::string code_only(std::string_view source) {
  std::string out(source);
  std::size_t i = 0;
  const auto blank_to = [&](std::size_t end) {
    for (; i < end && i < out.size(); ++i) {
      if (out[i] != '\n') out[i] = ' ';
    }
  };
  while (i < out.size()) {
    const std::string_view rest = source.substr(i);
    if (rest.starts_with("//")) {
      blank_to(std::min(source.find('\n', i), source.size()));
    } else if (rest.starts_with("/*")) {
      const std::size_t end = source.find("*/", i + 2);
      blank_to(end == std::string_view::npos ? source.size() : end + 2);
    } else if (rest.starts_with("R\"")) {
      const std::size_t open = source.find('(', i);
      const std::string close = ")" + std::string(source.substr(i + 2, open - i - 2)) + "\"";
      const std::size_t end = source.find(close, open);
      blank_to(end == std::string_view::npos ? source.size() : end + close.size());
    } else if (rest[0] == '"' || (rest[0] == '\'' && (i == 0 || !is_word(source[i - 1])))) {
      std::size_t end = i + 1;
      while (end < source.size() && source[end] != rest[0]) end += source[end] == '\\' ? 2 : 1;
      blank_to(end + 1);
    } else {
      ++i;
    }
  }
  return out;
}

findings coroutine_rule(std::string_view source) {
  findings out;
  const std::string blanked = code_only(source);
  const std::string_view code = blanked;
  std::size_t done = 0;
  for (std::size_t at = code.find("co_await"); at != std::string_view::npos;
       at = code.find("co_await", at + 1)) {
    if (at < done) continue;  // the same statement
    const std::size_t begin = statement_begin(code, at);
    const std::size_t end = statement_end(code, at);
    done = end;
    for (std::size_t i = begin; i < end; ++i) {
      if (code[i] == '[' && is_capturing_lambda(code, i)) {
        out.push_back({line_of(code, i), "a lambda with captures beside co_await: name it first"});
      }
      if (code[i] != '{' || !is_initialiser(code, i)) continue;
      const std::size_t before = previous(code, i);
      if (is_word(code[before]) && is_trivial_type(word_ending_at(code, before))) continue;
      out.push_back({line_of(code, i), "a brace-initialised temporary beside co_await: name it"});
    }
  }
  return out;
}

findings include_rule(std::string_view path, std::string_view source) {
  struct rule {
    std::string_view folder;
    std::initializer_list<std::string_view> forbidden;
  };
  static const std::initializer_list<rule> rules{
      {"include/",
       {"boost/asio", "boost/beast", "wire/", "core/", "coord/", "db/", "cluster/", "net/", "app/",
        "spdlog", "mysql.h"}},
      {"src/wire/",
       {"boost/asio", "boost/beast", "core/", "coord/", "db/", "cluster/", "net/", "app/", "spdlog",
        "sys/"}},
      {"src/core/",
       {"boost/asio", "boost/beast", "boost/json", "wire/", "coord/", "db/", "net/", "app/",
        "spdlog", "sys/", "thread", "mutex"}},
      {"src/coord/",
       {"wire/", "store/", "db/", "cluster/", "net/", "app/", "spdlog", "CLI/", "toml++"}},
      {"src/db/",
       {"boost/asio", "boost/beast", "wire/", "store/", "coord/", "cluster/", "net/", "app/",
        "spdlog"}},
      {"src/cluster/",
       {"boost/beast", "wire/", "store/", "net/", "app/", "spdlog", "CLI/", "toml++", "mysql.h"}},
      {"src/agent/",
       {"boost/beast", "store/", "coord/", "app/", "spdlog", "CLI/", "toml++", "mysql.h"}},
      {"src/net/", {"agent/", "coord/", "db/", "cluster/", "app/", "spdlog", "CLI/", "toml++"}},
      {"src/once_",
       {"boost/", "wire/", "core/", "store/", "coord/", "db/", "cluster/", "net/", "app/"}},
  };
  struct single {
    std::string_view header;
    std::string_view unit;
    std::string_view other = "none";  ///< of a layer that may not see the first
  };
  static const std::initializer_list<single> costly{
      {"boost/beast", "src/coord/http_client"},
      {"spdlog/", "src/app/common/log"},
      {"CLI/", "src/app/commands/cli"},
      {"toml++", "src/app/config/config"},
      {"mysql.h", "src/db/session", "src/once_mariadb/connection"},
  };
  findings out;
  std::size_t line = 0;
  for (std::size_t at = 0; at < source.size();) {
    const std::size_t end = std::min(source.find('\n', at), source.size());
    std::string_view text = source.substr(at, end - at);
    at = end + 1;
    ++line;
    if (!text.starts_with("#include")) continue;
    const std::size_t open = text.find_first_of("<\"");
    if (open == std::string_view::npos) continue;
    text = text.substr(open + 1);
    for (const rule& r : rules) {
      if (!path.starts_with(r.folder)) continue;
      for (const std::string_view header : r.forbidden) {
        if (!text.starts_with(header)) continue;
        out.push_back({line, std::string(r.folder) + " may not include " + std::string(header)});
      }
    }
    if (!path.starts_with("src/")) continue;
    for (const single& s : costly) {
      if (!text.starts_with(s.header)) continue;
      if (path.starts_with(s.unit) || path.starts_with(s.other)) continue;
      out.push_back({line, std::string(s.header) + " is costly: only in " + std::string(s.unit)});
    }
  }
  return out;
}

findings shape_rule(std::string_view path, std::string_view source) {
  constexpr std::size_t lines_max = 450;
  constexpr std::size_t columns_max = 100;
  findings out;
  std::size_t line = 0;
  for (std::size_t at = 0; at < source.size();) {
    const std::size_t end = std::min(source.find('\n', at), source.size());
    const std::string_view text = source.substr(at, end - at);
    at = end + 1;
    ++line;
    const auto columns =
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
    if (columns > static_cast<std::ptrdiff_t>(columns_max)) {
      out.push_back({line, "longer than 100 columns"});
    }
    if (text.find('\t') != std::string_view::npos) out.push_back({line, "a tab"});
    if (text.ends_with(' ')) out.push_back({line, "a blank at the end"});
    if (starts_with_any(path, {"tests/tidy/"})) continue;
    for (const std::string_view word : {"TODO", "FIXME", "XXX ", "DISABLED_", "GTEST_SKIP"}) {
      if (text.find(word) != std::string_view::npos) {
        out.push_back({line, "a word for unfinished work: " + std::string(word)});
      }
    }
  }
  if (line > lines_max) out.push_back({line, "more than 450 lines: is it one idea?"});
  return out;
}

}  // namespace understudy::tidy
