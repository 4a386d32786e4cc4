// The house rules, as functions over source text: each returns what is wrong, a line each.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace understudy::tidy {

struct finding {
  std::size_t line = 0;
  std::string what;
};
using findings = std::vector<finding>;

/// Comments, string and character literals blanked (same length, same lines).
[[nodiscard]] std::string code_only(std::string_view source);

/// g++ 12.2 destroys some temporaries twice in a statement that contains co_await: brace-
/// initialised aggregates and lambdas with captures. Name them first, then move them in.
[[nodiscard]] findings coroutine_rule(std::string_view source);

/// Files of `path` may not include what lies above them, nor a costly header outside its unit.
[[nodiscard]] findings include_rule(std::string_view path, std::string_view source);

/// Lines of at most 100 columns, files of at most 450 lines, no tabs, no trailing blanks,
/// no words for unfinished work.
[[nodiscard]] findings shape_rule(std::string_view path, std::string_view source);

}  // namespace understudy::tidy
