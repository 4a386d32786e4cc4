#include "store/sqlite/sorted_set.hpp"

#include <algorithm>

namespace understudy::store::sqlite {

namespace {

constexpr std::size_t chunk_max = 256;

}  // namespace

std::size_t sorted_set::place_of(const entry& what) const {
  // Most come last, or are the first.
  if (what >= chunks_.back().front()) return chunks_.size() - 1;
  const auto after =
      std::upper_bound(chunks_.begin(), chunks_.end(), what,
                       [](const entry& value, const chunk& each) { return value < each.front(); });
  return after == chunks_.begin() ? 0 : static_cast<std::size_t>(after - chunks_.begin()) - 1;
}

void sorted_set::insert(const entry& what) {
  if (chunks_.empty()) chunks_.emplace_back();
  const std::size_t place = chunks_.size() == 1 ? 0 : place_of(what);
  chunk* in = &chunks_[place];
  if (in->items.size() == chunk_max && in->head > 0) {
    in->items.erase(in->items.begin(), in->begin());
    in->head = 0;
  }
  if (in->items.size() == chunk_max) {
    const bool at_end = in->items.back() < what;
    const auto half = at_end ? in->items.end() : in->items.begin() + chunk_max / 2;
    chunk upper;
    upper.items.assign(half, in->items.end());
    in->items.erase(half, in->items.end());
    const auto next = chunks_.begin() + static_cast<std::ptrdiff_t>(place) + 1;
    const auto made = chunks_.insert(next, std::move(upper));
    const bool above = at_end || !(what < made->items.front());
    in = above ? &*made : &chunks_[place];
  }
  in->items.insert(std::lower_bound(in->begin(), in->items.end(), what), what);
  ++size_;
}

bool sorted_set::erase(const entry& what) {
  if (chunks_.empty()) return false;
  const std::size_t place = place_of(what);
  chunk& in = chunks_[place];
  const auto found = std::lower_bound(in.begin(), in.items.end(), what);
  if (found == in.items.end() || *found != what) return false;
  if (found == in.begin()) {
    ++in.head;
  } else {
    in.items.erase(found);
  }
  --size_;
  if (in.size() == 0) {
    chunks_.erase(chunks_.begin() + static_cast<std::ptrdiff_t>(place));
  } else if (in.items.capacity() > 16 && in.size() * 4 < in.items.capacity()) {
    in.items.erase(in.items.begin(), in.begin());
    in.head = 0;
    in.items.shrink_to_fit();
  }
  return true;
}

const sorted_set::entry* sorted_set::from(const entry& least) const {
  if (chunks_.empty()) return nullptr;
  std::size_t place = place_of(least);
  const chunk& in = chunks_[place];
  const auto first = in.items.begin() + static_cast<std::ptrdiff_t>(in.head);
  const auto found = std::lower_bound(first, in.items.end(), least);
  if (found != in.items.end()) return &*found;
  return ++place < chunks_.size() ? &chunks_[place].front() : nullptr;
}

std::size_t sorted_set::bytes() const {
  std::size_t total = chunks_.size() * sizeof(chunk);
  for (const chunk& each : chunks_) total += each.items.capacity() * sizeof(entry);
  return total;
}

}  // namespace understudy::store::sqlite
