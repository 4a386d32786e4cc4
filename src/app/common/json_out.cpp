#include "app/common/json_out.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace understudy::app {

void json_object::number(std::string_view name, double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  // JSON has no infinity and no NaN.
  key(name) += std::isfinite(value) ? std::string_view(text.data(), end) : "null";
}

}  // namespace understudy::app
