// Which call has a key: an index in memory, because one on disk would cost a page for each call.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "store/call_store.hpp"

namespace understudy::store::sqlite {

/// Maps the first 8 bytes of a print to an id, in 16 bytes of memory and a little room (19 to 24 on
/// average). Other prints may begin with the same bytes: whoever asks must look at the disk. Grows
/// one of 256 parts at a time, so that no insertion takes long and memory does not double.
class key_index {
 public:
  /// It is asked for soon: to fetch its place from memory may begin. Among millions of keys that
  /// takes longer than all else, and many can be fetched at the same time.
  void expect(const print& key) const {
    const std::uint64_t hash = hash_of(key);
    const part& in = parts_[hash & 0xffU];
    if (in.used != 0) __builtin_prefetch(&in.slots[home(hash, in.size)]);
  }
  void insert(const print& key, std::int64_t id);
  void erase(const print& key, std::int64_t id);
  /// The first id for which `is_it(id)`; 0: none.
  template <typename Predicate>
  [[nodiscard]] std::int64_t find(const print& key, const Predicate& is_it) const {
    const std::uint64_t hash = hash_of(key);
    const part& in = parts_[hash & 0xffU];
    if (in.used == 0) return 0;
    for (std::size_t i = home(hash, in.size); in.slots[i].id != 0; i = next(i, in.size)) {
      if (in.slots[i].hash == hash && is_it(in.slots[i].id)) return in.slots[i].id;
    }
    return 0;
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct slot {
    std::uint64_t hash = 0;
    std::int64_t id = 0;  ///< 0: free
  };
  struct part {
    std::unique_ptr<slot[]> slots;
    std::size_t size = 0;
    std::size_t used = 0;
  };

  [[nodiscard]] static std::uint64_t hash_of(const print& key);
  // The upper bits, scaled: sizes need not be powers of two.
  [[nodiscard]] static std::size_t home(std::uint64_t hash, std::size_t size) {
    return static_cast<std::size_t>(((hash >> 32U) * size) >> 32U);
  }
  [[nodiscard]] static std::size_t next(std::size_t i, std::size_t size) {
    return i + 1 == size ? 0 : i + 1;
  }
  static void put(part& in, slot what);
  static void grow(part& in);

  std::array<part, 256> parts_;
  std::size_t size_ = 0;
};

}  // namespace understudy::store::sqlite
