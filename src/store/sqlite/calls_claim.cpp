// sqlite_calls: which calls are tried next.
#include <algorithm>

#include "store/sqlite/sqlite_calls.hpp"

namespace understudy::store::sqlite {

namespace {

// The columns of statements::select_claimed.
claimed_call read_call(const rows& row) {
  claimed_call out;
  out.method = row.text(0);
  out.params = row.text(1);
  out.context = row.text(2);
  out.terms.mode = static_cast<core::call_mode>(row.integer(3));
  out.terms.priority = static_cast<std::uint8_t>(row.integer(4));
  out.terms.unknown = static_cast<core::on_unknown>(row.integer(5));
  out.terms.dead = static_cast<core::on_dead>(row.integer(6));
  out.terms.attempts_max = static_cast<std::uint16_t>(row.integer(7));
  out.terms.deadline = wall_time(std::chrono::milliseconds(row.integer(9)));
  out.key = row.text(10);
  out.trace = row.text(11);
  return out;
}

}  // namespace

// Services take turns, each with its share of the places, so that one with a long backlog does not
// keep another waiting.
void sqlite_calls::claim() {
  const auto& services = services_->all();
  const auto may = [this](const auto& each) {
    return each->claimable() && schedule_.any_ready(each->number);
  };
  while (places_ > 0) {
    const auto asking = static_cast<std::size_t>(std::ranges::count_if(services, may));
    if (asking == 0) return;
    const std::size_t share = std::max<std::size_t>(1, places_ / asking);
    for (std::size_t i = 0; i < services.size() && places_ > 0; ++i) {
      const auto& service = services[(first_served_ + i) % services.size()];
      if (!may(service)) continue;
      claim_of(*service, std::min(share, places_));
      if (places_ == 0) first_served_ = (first_served_ + i + 1) % services.size();
    }
  }
}

void sqlite_calls::claim_of(service_state& service, std::size_t most) {
  if (service.running_max > 0) {
    most = std::min<std::size_t>(most, service.running_max - service.counts.running);
  }
  for (; most > 0; --most) {
    const auto next = schedule_.take(service.number);
    if (!next) return;
    claim_one(service, *next);
  }
}

void sqlite_calls::claim_one(service_state& service, const schedule::ready_call& which) {
  live_call live;
  live.id = which.id;
  live.service = service.number;
  live.rank = which.rank;
  live.stored = true;
  if (!which.plain) live = live_row(which.id).value_or(live);
  claimed_call call;
  std::int64_t created = 0;
  {
    auto row = sql_->select_claimed.query(which.id);
    if (!row.next()) throw error(SQLITE_CORRUPT, "a call that waits is not in the file");
    call = read_call(row);
    created = row.integer(8);
    if (row.integer(12) != 0) live.flags |= flag::webhook;
  }
  call.service = service.counts.service;
  live.deadline = call.terms.deadline.time_since_epoch().count();
  schedule_.drop_deadline(live.deadline, live.id);
  ending how;
  if (live.deadline < now_ms()) {
    how.next = core::end_waiting(call_state::expired, (live.flags & flag::ran) != 0);
  } else if (created < now_ms() - options_.age_max.count()) {
    how.next.state = call_state::dead;
    how.next.reason = core::dead_reason::too_old;
  } else {
    return start(live, std::move(call));
  }
  --services_->touch(service.number).counts.waiting;
  finish(live, how);
}

void sqlite_calls::start(const live_call& live, claimed_call call) {
  service_state& service = services_->touch(live.service);
  const std::uint64_t number = ++number_;
  running_.add(live, number, now_);
  claims_->begins(live.id);
  --service.counts.waiting;
  ++service.counts.running;
  --places_;
  call.id = call_id{static_cast<std::uint64_t>(live.id)};
  call.token = {term_, number};
  call.attempts = live.attempts;
  call.may_have_run = (live.flags & flag::ran) != 0;
  told_.claimed.push_back(std::move(call));
}

}  // namespace understudy::store::sqlite
