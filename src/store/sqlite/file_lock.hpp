// One process alone may have a call store.
#pragma once

#include <string>

namespace understudy::store::sqlite {

/// Holds `path` (made where it is not there) until it is destroyed or the process ends, however.
/// Throws std::runtime_error with a sentence where another one holds it.
class file_lock {
 public:
  explicit file_lock(const std::string& path);
  ~file_lock();
  file_lock(const file_lock&) = delete;
  file_lock& operator=(const file_lock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace understudy::store::sqlite
