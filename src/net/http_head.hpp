// Heads of requests and responses: only shapes are read that every HTTP implementation in the
// chain reads the same way (request smuggling, RFC 9112 section 11.2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http_field.hpp"

namespace understudy::net {

/// Answer `status` with `sentence`, then close.
struct http_refusal {
  int status = 400;
  std::string sentence;
};

/// What both kinds of head say. Views point into the head.
struct http_message_head {
  std::vector<http_field> fields;
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool version_1_0 = false;
  bool keep_alive = false;  ///< by version and Connection
};

struct http_request_head : http_message_head {
  std::string_view method;
  std::string_view target;
  bool expects_continue = false;
};

struct http_response_head : http_message_head {
  int status = 0;
};

/// `head`: from the first byte of the first line to the empty line, both included. Stricter than
/// RFC 9112 asks: refuses bare LF and CR, control characters, obs-fold, space before the colon,
/// repeated Content-Length or Host, Content-Length with Transfer-Encoding, transfer codings other
/// than one `chunked`, expectations other than 100-continue, a version other than 1.0, 1.1.
/// Nothing: it is read into `into`, whose memory is used again.
[[nodiscard]] std::optional<http_refusal> read_http_head(std::string_view head,
                                                         std::size_t target_bytes_max,
                                                         http_request_head& into);
/// The same of a response; a refusal's sentence says why it is none.
[[nodiscard]] std::optional<http_refusal> read_http_head(std::string_view head,
                                                         http_response_head& into);

/// Where a head that begins with `text` ends, the empty line included; nothing if it is not
/// complete. `searched` bytes were looked at before.
[[nodiscard]] std::optional<std::size_t> http_head_end(std::string_view text, std::size_t searched);
/// A line feed behind no carriage return: no head, however it goes on.
[[nodiscard]] bool http_bare_line_feed(std::string_view text, std::size_t searched);

/// One line of a header or trailer section, without its line end.
[[nodiscard]] bool http_field_valid(std::string_view line);

/// The value of the first field of that name (case-insensitive); else "".
[[nodiscard]] std::string_view http_field_value(const http_message_head& head,
                                                std::string_view name);

/// A request target, cut and percent-decoded. Accepts origin form, absolute form and `*`.
struct http_target {
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;
};
/// Nothing where it is none of these, an escape is cut off or not hexadecimal, or the decoded path
/// holds a NUL.
[[nodiscard]] std::optional<http_target> parse_http_target(std::string_view target);

/// The other way round.
[[nodiscard]] std::string format_http_target(const http_target& target);

/// Equal but for the case of ASCII letters.
[[nodiscard]] bool http_same_name(std::string_view a, std::string_view b);

}  // namespace understudy::net
