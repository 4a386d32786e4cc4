#include "net/http_head.hpp"

#include <algorithm>
#include <array>
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

constexpr auto token_chars = [] {
  std::array<bool, 256> allowed{};
  for (int c = '0'; c <= '9'; ++c) allowed[c] = true;
  for (int c = 'a'; c <= 'z'; ++c) allowed[c] = allowed[c - 'a' + 'A'] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) allowed[static_cast<int>(c)] = true;
  return allowed;
}();

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return token_chars[static_cast<unsigned char>(c)];
  });
}

constexpr auto control_chars = [] {
  std::array<bool, 256> control{};
  for (int c = 0; c < 0x20; ++c) control[c] = c != '\t';
  control[0x7f] = true;
  return control;
}();

bool has_control(std::string_view text) {
  for (const char c : text) {
    if (control_chars[static_cast<unsigned char>(c)]) return true;
  }
  return false;
}

std::string_view trim(std::string_view value) {
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  return value;
}

// The fields that decide where a message ends, and whom it is for.
struct framing {
  unsigned hosts = 0;
  unsigned lengths = 0;
  unsigned codings = 0;
  bool close = false;
  bool keep_alive = false;
  bool expects = false;
};

std::optional<http_refusal> read_version(std::string_view version, http_message_head& into) {
  into.version_1_0 = version == "HTTP/1.0";
  if (!into.version_1_0 && version != "HTTP/1.1") {
    return http_refusal{505, "Only HTTP/1.0 and HTTP/1.1 are spoken here."};
  }
  return std::nullopt;
}

std::optional<http_refusal> read_request_line(std::string_view line, std::size_t target_bytes_max,
                                              http_request_head& into) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || last == first) return bad("The request line is not HTTP.");
  into.method = line.substr(0, first);
  into.target = line.substr(first + 1, last - first - 1);
  const auto version = line.substr(last + 1);
  if (!is_token(into.method)) return bad("The method is not a token.");
  if (into.target.size() > target_bytes_max) return http_refusal{414, "The target is too long."};
  if (!std::ranges::all_of(into.target, [](char c) { return c > 0x20 && c < 0x7f; })) {
    return bad("The target holds characters that must be percent-encoded.");
  }
  if (!version.starts_with("HTTP/")) return bad("The request line is not HTTP.");
  return read_version(version, into);
}

std::optional<http_refusal> read_status_line(std::string_view line, http_response_head& into) {
  const auto version = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(version.size() + 1, line.size()));
  if (auto refusal = read_version(version, into)) return refusal;
  const auto digits = line.substr(0, 3);
  const bool is_status = digits.size() == 3 && std::ranges::all_of(digits, is_digit) &&
                         digits.front() >= '1' && (line.size() == 3 || line[3] == ' ');
  if (!is_status) return bad("The status line is not HTTP.");
  if (has_control(line)) return bad("The status line holds a control character.");
  into.status = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
  return std::nullopt;
}

void read_connection(std::string_view value, framing& seen) {
  while (!value.empty()) {
    const auto option = value.substr(0, value.find(','));
    value.remove_prefix(std::min(option.size() + 1, value.size()));
    seen.close = seen.close || http_same_name(trim(option), "close");
    seen.keep_alive = seen.keep_alive || http_same_name(trim(option), "keep-alive");
  }
}

std::optional<http_refusal> read_length(std::string_view value, http_message_head& into) {
  // 18 digits fit into 64 bits whatever they are.
  if (value.empty() || value.size() > 18 || !std::ranges::all_of(value, is_digit)) {
    return bad("Content-Length is not a number.");
  }
  std::uint64_t length = 0;
  for (const char c : value) length = length * 10 + static_cast<std::uint64_t>(c - '0');
  into.content_length = length;
  return std::nullopt;
}

http_refusal bad_line() {
  return bad("A line of the head does not end with CR LF.");
}

http_refusal bad_name(std::string_view head) {
  const auto line = head.substr(0, head.find('\n'));
  if (!line.ends_with('\r') || line.find('\r') + 1 != line.size()) return bad_line();
  if (line.starts_with(' ') || line.starts_with('\t')) {
    return bad("A header is folded over two lines.");
  }
  if (line.find(':') == std::string_view::npos) return bad("A header line has no colon.");
  return bad("A header name is not a token.");
}

// Takes a field and its line end off `head`: looks at each byte once.
std::optional<http_refusal> take_field(std::string_view& head, http_field& field) {
  std::size_t at = 0;
  while (at < head.size() && token_chars[static_cast<unsigned char>(head[at])]) ++at;
  if (at == 0 || at == head.size() || head[at] != ':') return bad_name(head);
  field.name = head.substr(0, at++);
  const auto value = at;
  while (at < head.size() && !control_chars[static_cast<unsigned char>(head[at])]) ++at;
  if (!head.substr(at).starts_with("\r\n")) {
    const bool line_end = at == head.size() || head[at] == '\r' || head[at] == '\n';
    return line_end ? bad_line() : bad("A header value holds a control character.");
  }
  field.value = trim(head.substr(value, at - value));
  head.remove_prefix(at + 2);
  return std::nullopt;
}

// Only names of these lengths are compared.
std::optional<http_refusal> read_framing(const http_field& field, framing& seen,
                                         http_message_head& into) {
  const auto [name, value] = field;
  switch (name.size()) {
    case 4:
      if (http_same_name(name, "host")) ++seen.hosts;
      break;
    case 6:
      if (!http_same_name(name, "expect")) break;
      seen.expects = true;
      if (http_same_name(value, "100-continue")) break;
      return http_refusal{417, "The only expectation understood here is 100-continue."};
    case 10:
      if (http_same_name(name, "connection")) read_connection(value, seen);
      break;
    case 14:
      if (!http_same_name(name, "content-length")) break;
      ++seen.lengths;
      return read_length(value, into);
    case 17:
      if (!http_same_name(name, "transfer-encoding")) break;
      ++seen.codings;
      into.chunked = true;
      if (http_same_name(value, "chunked")) break;
      return bad("The only Transfer-Encoding understood here is chunked.");
    default:
      break;
  }
  return std::nullopt;
}

// Takes the next line off `head`; nothing where it does not end with CR LF.
std::optional<std::string_view> take_line(std::string_view& head) {
  const auto end = head.find('\n');
  if (end == std::string_view::npos || end == 0 || head[end - 1] != '\r') return std::nullopt;
  const auto line = head.substr(0, end - 1);
  if (line.find('\r') != std::string_view::npos) return std::nullopt;
  head.remove_prefix(end + 1);
  return line;
}

// The lines behind the first.
std::optional<http_refusal> read_fields(std::string_view head, framing& seen,
                                        http_message_head& into) {
  into.fields.clear();
  into.content_length.reset();
  into.chunked = false;
  while (!head.starts_with("\r\n")) {
    auto& field = into.fields.emplace_back();
    if (auto refusal = take_field(head, field)) return refusal;
    if (auto refusal = read_framing(field, seen, into)) return refusal;
  }
  if (seen.lengths > 1) return bad("Content-Length is given twice.");
  if (seen.codings > 1) return bad("Transfer-Encoding is given twice.");
  if (seen.lengths + seen.codings > 1) {
    return bad("Content-Length and Transfer-Encoding contradict each other.");
  }
  if (seen.codings > 0 && into.version_1_0) return bad("HTTP/1.0 has no Transfer-Encoding.");
  into.keep_alive = !seen.close && (!into.version_1_0 || seen.keep_alive);
  return std::nullopt;
}

int hex(char c) {
  if (is_digit(c)) return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::optional<std::string> decode(std::string_view text, bool plus_is_space) {
  if (text.find('%') == text.npos && text.find('+') == text.npos) return std::string(text);
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
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

std::optional<http_refusal> read_http_head(std::string_view head, std::size_t target_bytes_max,
                                           http_request_head& into) {
  framing seen;
  const auto line = take_line(head);
  if (!line) return bad_line();
  if (auto refusal = read_request_line(*line, target_bytes_max, into)) return refusal;
  if (auto refusal = read_fields(head, seen, into)) return refusal;
  if (seen.hosts > 1 || (seen.hosts == 0 && !into.version_1_0)) {
    return bad("A request needs exactly one Host header.");
  }
  into.expects_continue = seen.expects && !into.version_1_0;
  return std::nullopt;
}

std::optional<http_refusal> read_http_head(std::string_view head, http_response_head& into) {
  framing seen;
  const auto line = take_line(head);
  if (!line) return bad_line();
  if (auto refusal = read_status_line(*line, into)) return refusal;
  return read_fields(head, seen, into);
}

std::optional<std::size_t> http_head_end(std::string_view text, std::size_t searched) {
  const auto end = text.find("\r\n\r\n", searched < 3 ? 0 : searched - 3);
  if (end == std::string_view::npos) return std::nullopt;
  return end + 4;
}

bool http_bare_line_feed(std::string_view text, std::size_t searched) {
  for (auto at = text.find('\n', searched); at != std::string_view::npos;
       at = text.find('\n', at + 1)) {
    if (at == 0 || text[at - 1] != '\r') return true;
  }
  return false;
}

bool http_field_valid(std::string_view line) {
  std::string whole(line);
  whole += "\r\n";
  std::string_view rest = whole;
  http_field field;
  return !take_field(rest, field) && rest.empty();
}

std::string_view http_field_value(const http_message_head& head, std::string_view name) {
  for (const auto& field : head.fields) {
    if (http_same_name(field.name, name)) return field.value;
  }
  return {};
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
