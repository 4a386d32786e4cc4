#include "net/trunk_set.hpp"

#include <algorithm>
#include <utility>

namespace understudy::net {
namespace {

/// More would gain nothing: beyond them, calls have connections of their own.
constexpr std::size_t trunks_max = 4;
/// Methods come from callers: with more, it begins anew.
constexpr std::size_t kept_off_max = 1000;
/// How soon one is looked at again that is old, but carries a call.
constexpr std::chrono::seconds busy_look{1};

}  // namespace

std::shared_ptr<carrier> trunk_set::take(std::string_view method, std::size_t body_bytes) {
  if (trunks_.empty()) return nullptr;
  if (!kept_off_.empty() && kept_off_.contains(std::string(method))) return nullptr;
  for (const auto& each : trunks_)
    if (each->takes(body_bytes)) return each->begin();
  return nullptr;
}

void trunk_set::keep_off(std::string_view method) {
  if (kept_off_.size() >= kept_off_max) kept_off_.clear();
  kept_off_.emplace(method);
}

bool trunk_set::should_open() const {
  if (kind_ != kind::multiplexed || opening_) return false;
  const auto usable = [](const auto& each) { return each->takes(0); };
  const auto open = [](const auto& each) { return !each->ended(); };
  return std::ranges::none_of(trunks_, usable) &&
         static_cast<std::size_t>(std::ranges::count_if(trunks_, open)) < trunks_max;
}

void trunk_set::answered(trunk::opening how) {
  asking_ = false;
  kind_.reset();  // where it stays so, the next good probe asks
  if (how == trunk::opening::open) kind_ = kind::multiplexed;
  if (how == trunk::opening::refused) kind_ = kind::single;
}

void trunk_set::opened(trunk::opening how) {
  drop_ended();
  const auto next = std::exchange(opening_, nullptr);
  answered(how);
  if (how == trunk::opening::open && !next->ended()) trunks_.push_back(next);
}

void trunk_set::forget() {
  kind_.reset();
  told_ = false;
  kept_off_.clear();
}

void trunk_set::drop_ended() {
  std::erase_if(trunks_, [](const auto& each) { return each->ended(); });
}

std::optional<core::time_point> trunk_set::close_older(core::time_point before) {
  drop_ended();
  std::optional<core::time_point> oldest;
  for (const auto& each : trunks_) {
    if (each->idle() && each->used_at() <= before) {
      each->close();
      continue;
    }
    const auto since = std::max(each->used_at(), before + busy_look);
    if (!oldest || since < *oldest) oldest = since;
  }
  drop_ended();
  return oldest;
}

void trunk_set::retire() {
  if (opening_) opening_->close();
  for (const auto& each : trunks_) each->retire();
  drop_ended();
}

}  // namespace understudy::net
