// What a request's head must look like before it is parsed: only shapes that every HTTP
// implementation in the chain reads the same way (request smuggling, RFC 9112 section 11.2).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace understudy::net {

/// Answer `status` with `sentence`, then close.
struct http_refusal {
  int status = 400;
  std::string sentence;
};

/// `head`: from the first byte of the request line to the empty line, both included. Stricter
/// than RFC 9112 asks: refuses bare LF and CR, control characters, obs-fold, space before the
/// colon, repeated Content-Length or Host, Content-Length with Transfer-Encoding, transfer codings
/// other than one `chunked`, expectations other than 100-continue, a version other than 1.0, 1.1.
[[nodiscard]] std::optional<http_refusal> check_http_head(std::string_view head,
                                                          std::size_t target_bytes_max);

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
