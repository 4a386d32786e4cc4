// A file that travels with a call: think-swoole's \think\File, held in memory.
#pragma once

#include <string>
#include <utility>

namespace understudy {

/// As a parameter: a file the caller sent. As a result: a file the caller receives.
/// Only the bytes travel; the name is the holder's own.
class file {
 public:
  file() = default;
  explicit file(std::string bytes, std::string name = {})
      : bytes_(std::move(bytes)), name_(std::move(name)) {}

  [[nodiscard]] const std::string& bytes() const& noexcept { return bytes_; }
  [[nodiscard]] std::string bytes() && noexcept { return std::move(bytes_); }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  std::string bytes_;
  std::string name_;
};

}  // namespace understudy
