// What was seen of a topology: tells a store that was restored, and whether a write may be sent.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "coord/coordinator.hpp"

namespace understudy::coord {

/// Pure. Texts are those of to_text().
class sightings {
 public:
  /// What an answer is held against: take it when the read is sent, for meanwhile another's write
  /// may be seen, and the answer be older without anything being wrong.
  struct floor {
    core::generation gen{};
    std::string text;  ///< of that generation; empty: only its number is known
  };
  [[nodiscard]] const floor& highest() const { return highest_; }

  /// What a read found: `text`, or nothing there. `sent` was taken when it was sent. Nothing: it
  /// has been overtaken, and is to be read again.
  [[nodiscard]] std::optional<read_result> judge(const std::optional<std::string>& text,
                                                 revision at, const floor& sent);
  /// A write of our own was acknowledged.
  void wrote(const core::topology& value, std::string text, revision at);
  void saw(core::generation told);

  /// Why a write of `value` can not be sent, as its result; nothing if it can.
  [[nodiscard]] std::optional<write_result> objection(revision expected,
                                                      const core::topology& value) const;
  /// What the last read or write left at its revision; nothing: there is no topology. A revision
  /// alone may be another's write in a store that was restored.
  [[nodiscard]] const std::optional<std::string>& text() const { return text_; }
  /// `value` begins an epoch, as far as is known here.
  [[nodiscard]] bool begins_epoch(const core::topology& value) const;

 private:
  void raise(core::generation gen, const std::string& text);

  floor highest_;
  revision at_{};  ///< of the last read or write
  std::optional<std::string> text_;
  core::epoch epoch_{};
};

}  // namespace understudy::coord
