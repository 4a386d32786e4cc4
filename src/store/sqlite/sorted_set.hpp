// A set of many small entries in order, in little memory: 16 bytes an entry and some percent.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace understudy::store::sqlite {

/// Entries lie in sorted chunks of at most 256; a full one is split. What comes in order fills its
/// chunks, and the first entry is taken in constant time: as a queue it is as quick as a deque, and
/// any entry can be inserted or erased in the time of one binary search.
class sorted_set {
 public:
  struct entry {
    std::int64_t key = 0;
    std::uint64_t id = 0;
    friend auto operator<=>(const entry&, const entry&) = default;
  };

  void insert(const entry& what);
  /// False: it is not in it.
  bool erase(const entry& what);
  [[nodiscard]] bool empty() const { return chunks_.empty(); }
  [[nodiscard]] const entry& front() const { return chunks_.front().front(); }
  /// The first that is not less; nullptr: there is none.
  [[nodiscard]] const entry* from(const entry& least) const;
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Of memory.
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct chunk {
    std::vector<entry> items;
    std::size_t head = 0;  // those before it were taken

    [[nodiscard]] const entry& front() const { return items[head]; }
    [[nodiscard]] auto begin() { return items.begin() + static_cast<std::ptrdiff_t>(head); }
    [[nodiscard]] std::size_t size() const { return items.size() - head; }
  };
  // The chunk in which such an entry is, or would be.
  [[nodiscard]] std::size_t place_of(const entry& what) const;

  std::deque<chunk> chunks_;
  std::size_t size_ = 0;
};

}  // namespace understudy::store::sqlite
