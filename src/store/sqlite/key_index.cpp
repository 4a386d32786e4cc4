#include "store/sqlite/key_index.hpp"

#include <algorithm>
#include <cstring>

namespace understudy::store::sqlite {

std::uint64_t key_index::hash_of(const print& key) {
  // Bytes of a SHA-256: as good as random.
  std::uint64_t hash = 0;
  std::memcpy(&hash, key.data(), sizeof hash);
  return hash;
}

void key_index::put(part& in, slot what) {
  std::size_t i = home(what.hash, in.size);
  while (in.slots[i].id != 0) i = next(i, in.size);
  in.slots[i] = what;
  ++in.used;
}

void key_index::grow(part& in) {
  part larger;
  larger.size = std::max<std::size_t>(8, in.size + in.size / 4);
  larger.slots = std::make_unique<slot[]>(larger.size);
  for (std::size_t i = 0; i < in.size; ++i) {
    if (in.slots[i].id != 0) put(larger, in.slots[i]);
  }
  in = std::move(larger);
}

void key_index::insert(const print& key, std::int64_t id) {
  const std::uint64_t hash = hash_of(key);
  part& in = parts_[hash & 0xffU];
  // Linear probing is quick up to about 85 %.
  if (in.size == 0 || (in.used + 1) * 20 > in.size * 17) grow(in);
  put(in, {hash, id});
  ++size_;
}

void key_index::erase(const print& key, std::int64_t id) {
  const std::uint64_t hash = hash_of(key);
  part& in = parts_[hash & 0xffU];
  if (in.used == 0) return;
  std::size_t hole = home(hash, in.size);
  while (in.slots[hole].id != id || in.slots[hole].hash != hash) {
    if (in.slots[hole].id == 0) return;
    hole = next(hole, in.size);
  }
  // Those behind the hole move up where they may: there are no tombstones.
  for (std::size_t i = next(hole, in.size); in.slots[i].id != 0; i = next(i, in.size)) {
    const std::size_t wanted = home(in.slots[i].hash, in.size);
    const std::size_t from_wanted = (i + in.size - wanted) % in.size;
    const std::size_t from_hole = (i + in.size - hole) % in.size;
    if (from_wanted < from_hole) continue;
    in.slots[hole] = in.slots[i];
    hole = i;
  }
  in.slots[hole] = {};
  --in.used;
  --size_;
}

std::size_t key_index::bytes() const {
  std::size_t total = 0;
  for (const part& each : parts_) total += each.size * sizeof(slot);
  return total;
}

}  // namespace understudy::store::sqlite
