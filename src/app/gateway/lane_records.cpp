#include "app/gateway/lane_records.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace understudy::app {
namespace {

constexpr std::array<std::string_view, 3> of_calls{"call_refused", "call_not_repeated",
                                                   "killer_call"};

}  // namespace

bool lane_records::repeated(core::time_point now, unsigned lane, const core::record& record) {
  if (std::ranges::find(of_calls, record.kind) != of_calls.end()) return false;
  for (; !order_.empty() && now - order_.front().first > window; order_.pop_front()) {
    const auto old = told_.find(order_.front().second);
    if (old != told_.end() && old->second.at == order_.front().first) told_.erase(old);
  }
  key which{record.kind, record.subject};
  const auto found = told_.find(which);
  if (found != told_.end() && found->second.lane != lane) return true;
  told_[which] = {now, lane};
  order_.emplace_back(now, std::move(which));
  return false;
}

}  // namespace understudy::app
