#include "core/balance_ring.hpp"

#include <utility>

#include "core/dice.hpp"
#include "understudy/detail/check.hpp"

namespace understudy::core {

std::uint64_t balance_key(std::string_view text) {
  std::uint64_t h = 0xcbf29ce484222325U;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return dice(h).next();
}

std::uint64_t balance_key(std::uint64_t key, std::uint64_t n) {
  return n == 0 ? key : dice(key ^ (n * 0xd6e8feb86659fd93U)).next();
}

void hash_ring::insert(std::uint64_t name_hash, member_slot slot, std::size_t points) {
  while ((size_ + points) * 2 > std::size_t{1} << bits_) resize(bits_ + 1);
  for (std::size_t i = 0; i < points; ++i) place({balance_key(name_hash, i + 1), slot});
}

void hash_ring::erase(std::uint64_t name_hash, member_slot slot, std::size_t points) {
  for (std::size_t i = 0; i < points; ++i) take_out({balance_key(name_hash, i + 1), slot});
  // Far below what makes it grow, so that it does not do both in turns.
  while (bits_ > bits_min && size_ * 8 < std::size_t{1} << bits_) resize(bits_ - 1);
}

member_slot hash_ring::at(std::uint64_t hash, std::uint64_t& steps) const {
  UNDERSTUDY_CHECK(size_ > 0);
  std::size_t i = home(hash);
  while (i < table_.size() && table_[i].slot != no_slot && table_[i].hash < hash) {
    ++steps;
    ++i;
  }
  while (true) {
    ++steps;
    if (i >= table_.size()) i = 0;
    if (table_[i].slot != no_slot) return table_[i].slot;
    ++i;
  }
}

void hash_ring::place(point p) {
  std::size_t i = home(p.hash);
  while (i < table_.size() && table_[i].slot != no_slot && table_[i].hash <= p.hash) ++i;
  while (i < table_.size() && table_[i].slot != no_slot) std::swap(table_[i++], p);
  if (i == table_.size()) table_.emplace_back();  // past the end, for the last few
  table_[i] = p;
  ++size_;
}

void hash_ring::take_out(point p) {
  std::size_t i = home(p.hash);
  while (i < table_.size() && table_[i].slot != no_slot &&
         (table_[i].hash != p.hash || table_[i].slot != p.slot)) {
    ++i;
  }
  UNDERSTUDY_CHECK(i < table_.size() && table_[i].slot == p.slot);
  // What was pushed away from its place moves back.
  for (; i + 1 < table_.size(); ++i) {
    const point& next = table_[i + 1];
    if (next.slot == no_slot || home(next.hash) > i) break;
    table_[i] = next;
  }
  table_[i] = {};
  --size_;
}

void hash_ring::resize(unsigned bits) {
  std::vector<point> old(std::size_t{1} << bits);
  old.swap(table_);
  bits_ = bits;
  size_ = 0;
  for (const point& p : old) {
    if (p.slot != no_slot) place(p);
  }
}

}  // namespace understudy::core
