// A small file system of its own for a drill, which can be filled to the last byte.
#pragma once

#include <cstddef>
#include <string>

#include "app/drill/drill_ground.hpp"

namespace understudy::app {

/// A tmpfs in a mount namespace of this process's own: nobody else sees it, and the kernel removes
/// it with the process. Needs root, or user namespaces and a process without other threads; the
/// process stays in its namespaces.
class drill_disk {
 public:
  /// Throws drill_unavailable.
  explicit drill_disk(std::size_t bytes);
  ~drill_disk();
  drill_disk(const drill_disk&) = delete;
  drill_disk& operator=(const drill_disk&) = delete;

  [[nodiscard]] std::string file(const std::string& name) const { return folder_.file(name); }
  [[nodiscard]] std::size_t free_bytes() const;

  /// Something else takes room until only so much is left; what it took before stays taken.
  void fill(std::size_t left_bytes);
  /// It gives all of it back.
  void make_room();

 private:
  drill_folder folder_;  ///< where it is mounted
};

}  // namespace understudy::app
