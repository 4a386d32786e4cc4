#include "core/types.hpp"

namespace understudy::core {

std::string_view to_string(outcome how) {
  switch (how) {
    case outcome::answered:
      return "answered";
    case outcome::faulted:
      return "faulted";
    case outcome::pushed_back:
      return "pushed_back";
    case outcome::refused:
      return "refused";
    case outcome::unreached:
      return "unreached";
    case outcome::stale:
      return "stale";
    case outcome::lost:
      return "lost";
    case outcome::unreadable:
      return "unreadable";
    case outcome::timed_out:
      return "timed_out";
    case outcome::abandoned:
      return "abandoned";
  }
  return "";
}

}  // namespace understudy::core
