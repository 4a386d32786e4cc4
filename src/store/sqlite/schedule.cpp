#include "store/sqlite/schedule.hpp"

namespace understudy::store::sqlite {

namespace {

// The rank, above milliseconds since 1970: those fit for some thousand years.
constexpr unsigned due_bits = 48;
constexpr std::int64_t due_mask = (std::int64_t{1} << due_bits) - 1;
constexpr std::int64_t rank_max = 19;

std::uint64_t number(std::int64_t id) {
  return static_cast<std::uint64_t>(id);
}

// The lowest bit of an id in `ready`, so that whoever claims a plain call need not read its row.
sorted_set::entry ready_entry(const live_call& call) {
  const bool plain = call.attempts == 0 && (call.flags & ~flag::webhook) == 0 && call.line_seq == 0;
  return {(call.rank << due_bits) | (call.due & due_mask),
          (number(call.id) << 1U) | (plain ? 0U : 1U)};
}

}  // namespace

void schedule::insert(sorted_set& in, const sorted_set::entry& what) {
  in.insert(what);
  changes_.push_back({&in, what, true});
}

bool schedule::erase(sorted_set& in, const sorted_set::entry& what) {
  if (!in.erase(what)) return false;
  changes_.push_back({&in, what, false});
  return true;
}

void schedule::enter(const live_call& call, std::int64_t now) {
  insert(deadlines_, {call.deadline, number(call.id)});
  if ((call.flags & flag::behind) != 0) return;
  if (call.due > now) return insert(later_, {call.due, number(call.id)});
  const auto place = static_cast<std::size_t>(call.service);
  if (place >= ready_.size()) ready_.resize(place + 1);
  insert(ready_[place], ready_entry(call));
}

void schedule::leave(const live_call& call) {
  erase(deadlines_, {call.deadline, number(call.id)});
  if ((call.flags & flag::behind) != 0 || erase(later_, {call.due, number(call.id)})) return;
  const auto place = static_cast<std::size_t>(call.service);
  if (place < ready_.size()) erase(ready_[place], ready_entry(call));
}

std::optional<schedule::ready_call> schedule::take(std::int64_t service) {
  if (!any_ready(service)) return std::nullopt;
  sorted_set& from = ready_[static_cast<std::size_t>(service)];
  const sorted_set::entry first = from.front();
  erase(from, first);
  return ready_call{static_cast<std::int64_t>(first.id >> 1U), first.key >> due_bits,
                    (first.id & 1U) == 0};
}

void schedule::drop_deadline(std::int64_t deadline, std::int64_t id) {
  erase(deadlines_, {deadline, number(id)});
}

std::optional<std::int64_t> schedule::oldest_ready(std::int64_t service) const {
  std::optional<std::int64_t> oldest;
  if (!any_ready(service)) return oldest;
  for (std::int64_t rank = 0; rank <= rank_max; ++rank) {
    const auto* first = ready_[static_cast<std::size_t>(service)].from({rank << due_bits, 0});
    if (first == nullptr) break;
    if (first->key >> due_bits != rank) continue;
    const std::int64_t due = first->key & due_mask;
    if (!oldest || due < *oldest) oldest = due;
  }
  return oldest;
}

std::vector<std::int64_t> schedule::ids_until(const sorted_set& in, std::int64_t last,
                                              std::size_t most) {
  std::vector<std::int64_t> out;
  if (in.empty()) return out;
  sorted_set::entry next = in.front();
  while (next.key <= last && out.size() < most) {
    out.push_back(static_cast<std::int64_t>(next.id));
    const auto* found = in.from({next.key, next.id + 1});
    if (found == nullptr) break;
    next = *found;
  }
  return out;
}

std::vector<std::int64_t> schedule::due(std::int64_t now, std::size_t most) const {
  return ids_until(later_, now, most);
}

std::vector<std::int64_t> schedule::over(std::int64_t now, std::size_t most) const {
  return ids_until(deadlines_, now - 1, most);
}

std::optional<std::int64_t> schedule::next_due() const {
  return later_.empty() ? std::nullopt : std::optional(later_.front().key);
}

std::optional<std::int64_t> schedule::next_over() const {
  return deadlines_.empty() ? std::nullopt : std::optional(deadlines_.front().key + 1);
}

void schedule::rollback() {
  for (; !changes_.empty(); changes_.pop_back()) {
    const change& last = changes_.back();
    if (last.inserted) {
      last.in->erase(last.what);
    } else {
      last.in->insert(last.what);
    }
  }
}

}  // namespace understudy::store::sqlite
