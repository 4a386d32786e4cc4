// The topology of a cluster with one supervisor, in a folder of its machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "coord/coordinator.hpp"

namespace understudy::coord::local {

enum class store_end : std::uint8_t {
  done,     ///< it is on the disk
  nothing,  ///< all is as before
  unsure,   ///< either may be found after a crash: this object is of no more use
};

/// One folder: `topology` (a line that says revision and checksum, and one with the text),
/// `journal/<epoch>` alike, and `lock`, held until this is destroyed. Blocks; one thread at a time.
class topology_file {
 public:
  /// Makes the folder where there is none. Throws std::runtime_error with a sentence where another
  /// process has it, or where what is in the file is not what was written: that is for a person to
  /// look at, and nothing begins anew by itself.
  explicit topology_file(const std::string& folder);
  ~topology_file();
  topology_file(const topology_file&) = delete;
  topology_file& operator=(const topology_file&) = delete;

  [[nodiscard]] revision at() const { return at_; }  ///< 0: nothing is stored
  [[nodiscard]] const std::string& text() const { return text_; }

  struct stored {
    store_end end = store_end::done;
    std::string why;  ///< a sentence, where it is not done
  };
  /// Under the next revision; before it, where an epoch is given, as its entry of the journal.
  [[nodiscard]] stored store(const std::string& text, std::optional<core::epoch> begun);

 private:
  void take_lock();
  void load();

  std::string folder_;
  int lock_ = -1;
  revision at_{};
  std::string text_;
};

}  // namespace understudy::coord::local
