#include "app/commands/cli_text.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "app/commands/cli_exit.hpp"

namespace understudy::app {

namespace {

// Columns that a terminal shows: neither colour sequences nor the rest of a UTF-8 character count.
std::size_t shown_width(std::string_view text) {
  std::size_t width = 0;
  bool in_sequence = false;
  for (const char c : text) {
    if (c == '\x1b') in_sequence = true;
    if (!in_sequence && (static_cast<unsigned char>(c) & 0xC0U) != 0x80U) ++width;
    if (in_sequence && c == 'm') in_sequence = false;
  }
  return width;
}

}  // namespace

int complain(int code, std::string_view sentence) {
  fmt::print(stderr, "understudy: {}\n", sentence);
  return code;
}

text_table::text_table(std::vector<std::string> header) {
  rows_.push_back(std::move(header));
}

void text_table::add(std::vector<std::string> row) {
  rows_.push_back(std::move(row));
}

std::string text_table::text(std::string_view indent) const {
  std::vector<std::size_t> widths(rows_.front().size());
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], shown_width(row[i]));
    }
  }
  std::string out;
  for (const auto& row : rows_) {
    out += indent;
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - shown_width(row[i]) + 2, ' ');
    }
    out += '\n';
  }
  return out;
}

bool colours_wanted() {
  return isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
}

std::string coloured(std::string_view text, tone how, bool wanted) {
  if (!wanted || how == tone::plain) return std::string(text);
  constexpr const char* codes[] = {"0", "32", "33", "31", "2"};
  return fmt::format("\x1b[{}m{}\x1b[0m", codes[static_cast<std::size_t>(how)], text);
}

tone tone_of_state(std::string_view state) {
  if (state == "up") return tone::good;
  if (state == "suspect" || state == "returning") return tone::careful;
  if (state == "down") return tone::bad;
  return tone::quiet;
}

}  // namespace understudy::app
