// Names of methods, `Interface@method`, as PHP compares them: the interface as written, the method
// without regard to case.
#pragma once

#include <string>
#include <string_view>

namespace understudy::wire {

/// ASCII lower case: how a method's part of a name is folded, for keys and sets.
[[nodiscard]] std::string fold_method(std::string_view method);

/// A pattern is `Interface@method` with "*" for any run of characters and "?" for one, neither of
/// which stands for the "@".
[[nodiscard]] bool method_pattern_valid(std::string_view pattern);
/// False where either has no "@". Linear in the length of the name for each "*".
[[nodiscard]] bool method_matches(std::string_view pattern, std::string_view name);

}  // namespace understudy::wire
