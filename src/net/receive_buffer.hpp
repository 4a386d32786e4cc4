// Bytes received and not used yet, in one piece of memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace understudy::net {

/// Grows with what is received, without clearing what a read overwrites anyway. Not thread-safe.
class receive_buffer {
 public:
  [[nodiscard]] std::string_view data() const { return {bytes_.get() + begin_, end_ - begin_}; }
  [[nodiscard]] std::size_t size() const { return end_ - begin_; }

  /// Room for at least `bytes_min` more. Invalidates data().
  [[nodiscard]] std::span<char> prepare(std::size_t bytes_min) {
    if (size_ - end_ < bytes_min) move_to(std::max(size() + bytes_min, 2 * size()));
    return {bytes_.get() + end_, size_ - end_};
  }
  /// So many bytes of the room were filled.
  void commit(std::size_t bytes) { end_ += bytes; }
  /// So many bytes at the front are not needed any more. data() of the rest stays where it is.
  void consume(std::size_t bytes) {
    begin_ += bytes;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  /// Gives the memory back if nothing is buffered.
  void release() {
    if (size() == 0) *this = receive_buffer();
  }

  [[nodiscard]] std::size_t capacity() const { return size_; }

 private:
  void move_to(std::size_t size) {
    const std::size_t kept = end_ - begin_;
    if (size > size_ || begin_ == 0) {
      std::unique_ptr<char[]> fresh(new char[size]);
      if (kept > 0) std::memcpy(fresh.get(), bytes_.get() + begin_, kept);
      bytes_ = std::move(fresh);
      size_ = size;
    } else {
      std::memmove(bytes_.get(), bytes_.get() + begin_, kept);
    }
    begin_ = 0;
    end_ = kept;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace understudy::net
