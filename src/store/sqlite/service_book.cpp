#include "store/sqlite/service_book.hpp"

namespace understudy::store::sqlite {

std::uint64_t& service_state::count(call_state state) {
  switch (state) {
    case call_state::waiting:
      return counts.waiting;
    case call_state::running:
      return counts.running;
    case call_state::done:
      return counts.done;
    case call_state::dead:
      return counts.dead;
    case call_state::cancelled:
      return counts.cancelled;
    case call_state::expired:
      break;
  }
  return counts.expired;
}

std::uint64_t& service_state::purged(call_state state) {
  switch (state) {
    case call_state::done:
      return purged_done;
    case call_state::dead:
      return purged_dead;
    case call_state::cancelled:
      return purged_cancelled;
    default:
      return purged_expired;
  }
}

void service_book::load() {
  std::size_t place = 0;
  auto row = sql_.select_services.query();
  while (row.next()) {
    if (place == services_.size()) services_.push_back(std::make_unique<service_state>());
    service_state& each = *services_[place++];
    each.number = static_cast<std::int64_t>(place);
    each.counts.service = row.text(0);
    each.counts.paused = row.integer(1) != 0;
    int column = 2;
    for (std::uint64_t* value :
         {&each.counts.accepted, &each.counts.waiting, &each.counts.running, &each.counts.done,
          &each.counts.dead, &each.counts.cancelled, &each.counts.expired, &each.counts.attempts,
          &each.purged_done, &each.purged_dead, &each.purged_cancelled, &each.purged_expired}) {
      *value = static_cast<std::uint64_t>(row.integer(column++));
    }
    each.touched = false;
    names_[each.counts.service] = &each;
  }
  for (std::size_t i = place; i < services_.size(); ++i) names_.erase(services_[i]->counts.service);
  services_.resize(place);
  touched_.clear();
}

service_state* service_book::named(const std::string& name) {
  if (const auto found = names_.find(name); found != names_.end()) return found->second;
  if (services_.size() >= services_max) return nullptr;
  auto made = std::make_unique<service_state>();
  made->number = static_cast<std::int64_t>(services_.size()) + 1;
  made->counts.service = name;
  sql_.insert_service.run(made->number, std::string_view(name));
  services_.push_back(std::move(made));
  return names_[name] = services_.back().get();
}

service_state& service_book::touch(std::int64_t number) {
  service_state& which = at(number);
  if (!which.touched) touched_.push_back(&which);
  which.touched = true;
  return which;
}

void service_book::pause(service_state& which, bool paused) {
  sql_.pause_service.run(paused ? 1 : 0, which.number);
  which.counts.paused = paused;
}

void service_book::flush() {
  for (service_state* each : touched_) {
    const service_counts& c = each->counts;
    sql_.update_service.run(c.accepted, c.waiting, c.running, c.done, c.dead, c.cancelled,
                            c.expired, c.attempts, each->purged_done, each->purged_dead,
                            each->purged_cancelled, each->purged_expired, each->number);
    each->touched = false;
  }
  touched_.clear();
}

}  // namespace understudy::store::sqlite
