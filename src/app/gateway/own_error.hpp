// Errors of the gateway's own, as every part of it answers them.
#pragma once

#include <cstdint>
#include <string_view>

#include "app/gateway/router.hpp"
#include "wire/answer.hpp"

namespace understudy::app {

inline constexpr std::string_view retry_no = R"({"retry":false})";

/// `data` is JSON text for error.data; `retry_after_ms` 0: no hint.
[[nodiscard]] inline routed own_error(std::int64_t code, std::string_view message,
                                      std::string_view data = retry_no,
                                      std::int64_t retry_after_ms = 0) {
  routed answer;
  answer.own = true;
  answer.code = code;
  answer.retry_after_ms = retry_after_ms;
  wire::append_error(answer.body, code, message, data);
  return answer;
}

}  // namespace understudy::app
