#include "net/upstream_set.hpp"

#include <algorithm>
#include <utility>

namespace understudy::net {

std::shared_ptr<upstream> upstream_set::take() {
  if (idle_.empty()) return nullptr;
  auto connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

std::shared_ptr<upstream> upstream_set::take_good(unsigned& dead) {
  while (auto connection = take()) {
    if (connection->reusable()) return connection;
    connection->close();
    ++dead;
  }
  return nullptr;
}

void upstream_set::give(std::shared_ptr<upstream> connection, core::time_point now) {
  connection->rest(now);
  idle_.push_back(std::move(connection));
}

bool upstream_set::watch_older(core::time_point before) {
  bool left = false;
  for (const auto& connection : idle_) {
    if (connection->watched()) continue;
    if (connection->resting_since() > before)
      left = true;
    else
      connection->watch_rest();
  }
  return left;
}

void upstream_set::forget(const upstream& connection) {
  std::erase_if(idle_, [&](const auto& kept) { return kept.get() == &connection; });
}

// Given in order of time, so the oldest is the first.
std::optional<core::time_point> upstream_set::close_older(core::time_point before) {
  const auto young = std::find_if(idle_.begin(), idle_.end(), [&](const auto& connection) {
    return connection->resting_since() > before;
  });
  std::for_each(idle_.begin(), young, [](const auto& connection) { connection->close(); });
  idle_.erase(idle_.begin(), young);
  auto oldest = trunks_.close_older(before);
  if (!idle_.empty() && (!oldest || idle_.front()->resting_since() < *oldest))
    oldest = idle_.front()->resting_since();
  return oldest;
}

void upstream_set::close_idle() {
  for (const auto& connection : idle_) connection->close();
  idle_.clear();
  trunks_.retire();
}

}  // namespace understudy::net
