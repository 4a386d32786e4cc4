// Finds the statement KILL in SQL text that comes in pieces. No I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace understudy::net {

/// KILL is a reserved word: outside quotes and comments, and not behind "." or "@", it can only be
/// the statement, wherever it stands: after another statement, in a block, in a procedure that is
/// being created, behind SET STATEMENT .. FOR, in a comment that MariaDB executes.
///
/// Not found, because the text does not hold the statement: what EXECUTE IMMEDIATE or PREPARE ..
/// FROM take from a string, and procedures that exist already. Text in a character set whose second
/// bytes can be quotes or backslashes (GBK, SJIS, BIG5) may be read wrongly, either way.
class sql_kill_finder {
 public:
  sql_kill_finder() = default;
  /// `status`: the server's, which says how the session quotes.
  explicit sql_kill_finder(std::uint16_t status);
  /// True where the statement ends in these bytes, which follow those of the last call.
  [[nodiscard]] bool find(std::string_view bytes);

 private:
  enum class place : std::uint8_t {
    code,
    dash,        ///< "-": a comment begins with "-- "
    dashes,      ///< "--"
    slash,       ///< "/"
    block_open,  ///< "/*": "!" or "M!" would have it executed
    block_m,     ///< "/*M"
    version,     ///< the digits behind "/*!"
    block,
    star,  ///< "*" in a comment
    line,
    single_quoted,
    double_quoted,
    back_quoted,
    escaped,  ///< after a backslash, in `quotes_`
  };
  static constexpr int no_match = -1;

  bool read_code(char c);
  [[nodiscard]] std::size_t skip_quoted(std::string_view bytes, std::size_t at);
  void read_comment(char c);

  place place_ = place::code;
  place quotes_ = place::single_quoted;
  bool backslash_escapes_ = true;
  bool ansi_quotes_ = false;
  bool executed_ = false;  ///< inside a comment that is executed
  bool in_word_ = false;
  int matched_ = no_match;  ///< letters of KILL that the word has so far
  char before_ = ' ';       ///< the last character of code
};

}  // namespace understudy::net
