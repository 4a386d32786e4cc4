// Text for people: tables, and colours where a terminal shows them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace understudy::app {

/// Rows of cells in columns of equal width, two blanks apart.
class text_table {
 public:
  explicit text_table(std::vector<std::string> header);
  void add(std::vector<std::string> row);
  /// `indent` stands before each line.
  [[nodiscard]] std::string text(std::string_view indent = "") const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

enum class tone : std::uint8_t { plain, good, careful, bad, quiet };

/// Standard output is a terminal, and NO_COLOR is not set.
[[nodiscard]] bool colours_wanted();
/// `text` in the colour of its tone, if wanted.
[[nodiscard]] std::string coloured(std::string_view text, tone how, bool wanted);
/// How good a server state is.
[[nodiscard]] tone tone_of_state(std::string_view state);

}  // namespace understudy::app
