// The floor that bench/run measures the server library against: one thread, one epoll loop, which
// accepts, reads, cuts the 8-byte header and writes one fixed answer for each frame. It parses
// nothing, checks nothing and has no timeouts.
//
//   epoll_reference [PORT]     (prints `listening 127.0.0.1:PORT`; stops on SIGTERM)
#include <cstring>

#include "reference.hpp"

namespace {

constexpr std::size_t header_bytes = 8;
constexpr std::string_view body = R"({"jsonrpc":"2.0","id":"","result":"hello, world"})";

std::size_t cut_frame(std::string_view bytes) {
  if (bytes.size() < header_bytes) return 0;
  std::uint32_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  const std::size_t frame_bytes = header_bytes + ntohl(length);
  return bytes.size() < frame_bytes ? 0 : frame_bytes;
}

std::string fixed_answer() {
  std::string frame(header_bytes, '\0');
  const std::uint32_t length = htonl(static_cast<std::uint32_t>(body.size()));
  std::memcpy(frame.data(), &length, sizeof length);
  return frame.append(body);
}

}  // namespace

int main(int argc, char** argv) {
  reference::answer_all(reference::port_argument(argc, argv), fixed_answer(), cut_frame);
}
