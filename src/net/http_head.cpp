#include "net/http_head.hpp"

#include <algorithm>
#include <cstdint>

namespace understudy::net {
namespace {

http_refusal bad(std::string_view sentence) {
  return {400, std::string(sentence)};
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_token(std::string_view text) {
  static constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') ||
           others.find(c) != std::string_view::npos;
  });
}

std::string_view trim(std::string_view value) {
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  return value;
}

// The fields that decide where a request ends, and whom it is for.
struct framing {
  unsigned hosts = 0;
  unsigned lengths = 0;
  unsigned codings = 0;
};

std::optional<http_refusal> check_request_line(std::string_view line, std::size_t target_bytes_max,
                                               bool& version_1_0) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || last == first) return bad("The request line is not HTTP.");
  const auto method = line.substr(0, first);
  const auto target = line.substr(first + 1, last - first - 1);
  const auto version = line.substr(last + 1);
  if (!is_token(method)) return bad("The method is not a token.");
  if (target.size() > target_bytes_max) return http_refusal{414, "The target is too long."};
  if (!std::ranges::all_of(target, [](char c) { return c > 0x20 && c < 0x7f; })) {
    return bad("The target holds characters that must be percent-encoded.");
  }
  if (!version.starts_with("HTTP/")) return bad("The request line is not HTTP.");
  version_1_0 = version == "HTTP/1.0";
  if (!version_1_0 && version != "HTTP/1.1") {
    return http_refusal{505, "Only HTTP/1.0 and HTTP/1.1 are spoken here."};
  }
  return std::nullopt;
}

std::optional<http_refusal> check_field(std::string_view line, framing& seen) {
  if (line.front() == ' ' || line.front() == '\t') return bad("A header is folded over two lines.");
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return bad("A header line has no colon.");
  const auto name = line.substr(0, colon);
  const auto value = trim(line.substr(colon + 1));
  if (!is_token(name)) return bad("A header name is not a token.");
  if (std::ranges::any_of(value, [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
      })) {
    return bad("A header value holds a control character.");
  }
  if (http_same_name(name, "host")) {
    ++seen.hosts;
  } else if (http_same_name(name, "content-length")) {
    ++seen.lengths;
    // 18 digits fit into 64 bits whatever they are.
    if (value.empty() || value.size() > 18 || !std::ranges::all_of(value, is_digit)) {
      return bad("Content-Length is not a number.");
    }
  } else if (http_same_name(name, "transfer-encoding")) {
    ++seen.codings;
    if (!http_same_name(value, "chunked")) {
      return bad("The only Transfer-Encoding understood here is chunked.");
    }
  } else if (http_same_name(name, "expect") && !http_same_name(value, "100-continue")) {
    return http_refusal{417, "The only expectation understood here is 100-continue."};
  }
  return std::nullopt;
}

int hex(char c) {
  if (is_digit(c)) return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::optional<std::string> decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size() || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0) return std::nullopt;
      out += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
      i += 2;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

void encode(std::string& out, std::string_view text, std::string_view kept) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : text) {
    if (is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') ||
        kept.find(c) != std::string_view::npos) {
      out += c;
    } else {
      const auto byte = static_cast<std::uint8_t>(c);
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
}

}  // namespace

bool http_same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<http_refusal> check_http_head(std::string_view head, std::size_t target_bytes_max) {
  framing seen;
  bool version_1_0 = false;
  for (bool first = true;; first = false) {
    const auto end = head.find_first_of("\r\n");
    if (end == std::string_view::npos || !head.substr(end).starts_with("\r\n")) {
      return bad("A line of the head does not end with CR LF.");
    }
    const auto line = head.substr(0, end);
    head.remove_prefix(end + 2);
    if (line.empty() && !first) break;
    auto refusal =
        first ? check_request_line(line, target_bytes_max, version_1_0) : check_field(line, seen);
    if (refusal) return refusal;
  }
  if (seen.hosts > 1 || (seen.hosts == 0 && !version_1_0)) {
    return bad("A request needs exactly one Host header.");
  }
  if (seen.lengths > 1) return bad("Content-Length is given twice.");
  if (seen.codings > 1) return bad("Transfer-Encoding is given twice.");
  if (seen.lengths + seen.codings > 1) {
    return bad("Content-Length and Transfer-Encoding contradict each other.");
  }
  if (seen.codings > 0 && version_1_0) return bad("HTTP/1.0 has no Transfer-Encoding.");
  return std::nullopt;
}

std::optional<http_target> parse_http_target(std::string_view target) {
  if (!target.starts_with('/') && target != "*") {
    const auto end = target.find("://");
    if (end == std::string_view::npos) return std::nullopt;
    const auto scheme = target.substr(0, end);
    if (!http_same_name(scheme, "http") && !http_same_name(scheme, "https")) return std::nullopt;
    target.remove_prefix(end + 3);
    target.remove_prefix(std::min(target.find_first_of("/?"), target.size()));
  }
  http_target out;
  const auto question = std::min(target.find('?'), target.size());
  auto path = decode(target.substr(0, question), false);
  if (!path || path->find('\0') != std::string::npos) return std::nullopt;
  out.path = path->empty() ? "/" : std::move(*path);
  auto rest = target.substr(std::min(question + 1, target.size()));
  while (!rest.empty()) {
    const auto part = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    if (part.empty()) continue;
    const auto equals = std::min(part.find('='), part.size());
    auto name = decode(part.substr(0, equals), true);
    auto value = decode(part.substr(std::min(equals + 1, part.size())), true);
    if (!name || !value) return std::nullopt;
    out.query.emplace_back(std::move(*name), std::move(*value));
  }
  return out;
}

std::string format_http_target(const http_target& target) {
  std::string out;
  encode(out, target.path, "-._~/:@*");
  char separator = '?';
  for (const auto& [name, value] : target.query) {
    out += separator;
    encode(out, name, "-._~");
    out += '=';
    encode(out, value, "-._~");
    separator = '&';
  }
  return out;
}

}  // namespace understudy::net
