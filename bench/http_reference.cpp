// A JSON-RPC server over HTTP that costs next to nothing: what bench/gateway puts behind all that
// it compares. One thread, one epoll loop; it finds where a request ends and answers each with the
// same bytes, on connections that stay. It parses nothing else, checks nothing, has no timeouts.
//
//   http_reference [PORT]     (prints `listening 127.0.0.1:PORT`; stops on SIGTERM)
#include <strings.h>

#include "reference.hpp"

namespace {

constexpr std::string_view body = R"({"jsonrpc":"2.0","id":"","result":"hello, world"})";

std::size_t content_length(std::string_view head) {
  constexpr std::string_view name = "\r\nContent-Length:";
  for (std::size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
    if (head.size() - at < name.size()) break;
    if (::strncasecmp(head.data() + at, name.data(), name.size()) != 0) continue;
    return std::strtoul(head.data() + at + name.size(), nullptr, 10);
  }
  return 0;
}

std::size_t cut_request(std::string_view bytes) {
  const std::size_t head_end = bytes.find("\r\n\r\n");
  if (head_end == bytes.npos) return 0;
  const std::size_t request_bytes = head_end + 4 + content_length(bytes.substr(0, head_end + 2));
  return bytes.size() < request_bytes ? 0 : request_bytes;
}

std::string fixed_answer() {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

}  // namespace

int main(int argc, char** argv) {
  reference::answer_all(reference::port_argument(argc, argv), fixed_answer(), cut_request);
}
