#include "core/record_text.hpp"

#include <cstdio>

namespace understudy::core {

std::string to_ms(duration d) {
  const double ms = std::chrono::duration<double, std::milli>(d).count();
  char text[32];
  std::snprintf(text, sizeof text, ms < 10.0 ? "%.3f" : "%.0f", ms);
  return text;
}

evidence describe(const finding& f) {
  const char* counted = f.from == source::attempt  ? "attempts"
                        : f.from == source::probe  ? "probes"
                        : f.from == source::method ? "methods"
                                                   : "idle_connections";
  return {{counted, std::to_string(f.in_a_row)},
          {"outcome", std::string(to_string(f.how))},
          {"took_ms", to_ms(f.took)}};
}

}  // namespace understudy::core
