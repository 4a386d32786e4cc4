// sqlite_calls: which calls are tried next.
#include <algorithm>

#include "store/sqlite/sqlite_calls.hpp"

namespace understudy::store::sqlite {

namespace {

// The columns of statements::claim_ready, from the `c`-th.
claimed_call read_call(const rows& row, int c) {
  claimed_call out;
  out.method = row.text(c);
  out.params = row.text(c + 1);
  out.context = row.text(c + 2);
  out.terms.mode = static_cast<core::call_mode>(row.integer(c + 3));
  out.terms.priority = static_cast<std::uint8_t>(row.integer(c + 4));
  out.terms.unknown = static_cast<core::on_unknown>(row.integer(c + 5));
  out.terms.dead = static_cast<core::on_dead>(row.integer(c + 6));
  out.terms.attempts_max = static_cast<std::uint16_t>(row.integer(c + 7));
  out.terms.deadline = wall_time(std::chrono::milliseconds(row.integer(c + 9)));
  out.key = row.text(c + 11);
  out.trace = row.text(c + 12);
  return out;
}

}  // namespace

// Services take turns, each with its share of the places, so that one with a long backlog does not
// keep another waiting.
void sqlite_calls::claim() {
  const auto& services = services_->all();
  while (places_ > 0) {
    const auto may = [](const auto& each) { return each->maybe_ready && each->claimable(); };
    const auto asking = static_cast<std::size_t>(std::ranges::count_if(services, may));
    if (asking == 0) return;
    const std::size_t share = std::max<std::size_t>(1, places_ / asking);
    bool any = false;
    for (std::size_t i = 0; i < services.size() && places_ > 0; ++i) {
      service_state& service = *services[(first_served_ + i) % services.size()];
      if (!service.maybe_ready || !service.claimable()) continue;
      any |= claim_of(service, std::min(share, places_));
      if (places_ == 0) first_served_ = (first_served_ + i + 1) % services.size();
    }
    if (!any) return;
  }
}

bool sqlite_calls::claim_of(service_state& service, std::size_t most) {
  if (service.running_max > 0) {
    most = std::min<std::size_t>(most, service.running_max - service.counts.running);
  }
  std::vector<candidate> found;
  {
    auto row = sql_->claim_ready.query(service.number, most);
    while (row.next()) {
      candidate each;
      each.live.id = row.integer(0);
      each.live.service = service.number;
      each.live.rank = row.integer(1);
      each.seq = row.integer(2);
      each.live.attempts = static_cast<unsigned>(row.integer(3));
      each.live.flags = static_cast<unsigned>(row.integer(4));
      each.live.line_seq = row.integer(5);
      each.call = read_call(row, 6);
      each.created = row.integer(14);
      each.live.deadline = each.call.terms.deadline.time_since_epoch().count();
      each.call.service = service.counts.service;
      found.push_back(std::move(each));
    }
  }
  if (found.size() < most) service.maybe_ready = false;
  services_->touch(service.number);
  for (candidate& each : found) {
    take_out(each.live, {place::ready, each.seq, 0});
    ending how;
    if (each.live.deadline < now_ms()) {
      how.next = core::end_waiting(call_state::expired, (each.live.flags & flag::ran) != 0);
    } else if (each.created < now_ms() - options_.age_max.count()) {
      how.next.state = call_state::dead;
      how.next.reason = core::dead_reason::too_old;
    } else {
      start(each.live, std::move(each.call));
      continue;
    }
    --service.counts.waiting;
    finish(each.live, how);
  }
  return !found.empty();
}

void sqlite_calls::start(const live_call& live, claimed_call call) {
  service_state& service = services_->touch(live.service);
  const std::uint64_t number = ++number_;
  sql_->insert_running.run(live.id, term_, number, live.service, live.attempts, live.flags,
                           live.line_seq);
  leases_.add(live.id, number, now_);
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
