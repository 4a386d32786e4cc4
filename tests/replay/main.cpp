// replay_recordings HOST:PORT: plays every recorded conversation against a server or gateway on
// this machine, and prints what differs. Exit code 1 if anything does.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "support/recordings.hpp"
#include "support/replay.hpp"

int main(int argc, char** argv) {
  const std::string address = argc == 2 ? argv[1] : "";
  const auto colon = address.rfind(':');
  const int port = colon == std::string::npos ? 0 : std::atoi(address.c_str() + colon + 1);
  if (port <= 0 || port > 65535) {
    std::fprintf(stderr, "usage: replay_recordings 127.0.0.1:PORT\n");
    return 2;
  }
  std::size_t equal = 0;
  std::size_t on_purpose = 0;
  std::size_t differ = 0;
  for (const auto& recorded : understudy::test::recordings()) {
    const auto problems = understudy::test::replay(recorded, static_cast<std::uint16_t>(port));
    for (const auto& problem : problems) std::printf("  %s\n", problem.c_str());
    if (!problems.empty()) {
      ++differ;
    } else if (understudy::test::find_difference(recorded.name) != nullptr) {
      ++on_purpose;
    } else {
      ++equal;
    }
  }
  std::printf(
      "%zu recorded conversations: %zu answered as by the real server, %zu better on "
      "purpose (tests/wire/recordings/differences.tsv), %zu wrong\n",
      equal + on_purpose + differ, equal, on_purpose, differ);
  return differ == 0 ? 0 : 1;
}
