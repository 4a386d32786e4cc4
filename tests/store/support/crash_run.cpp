#include "store/support/crash_run.hpp"

#include "store/sqlite/database.hpp"
#include "store/sqlite/reader.hpp"

namespace understudy::store {

namespace {

std::string name_of(call_id id) {
  return "call " + std::to_string(static_cast<std::uint64_t>(id));
}

}  // namespace

crash_run::crash_run(std::uint64_t seed) : dice_(seed) {
  options_.file = "calls.db";
  options_.vfs = disk_.name();
  options_.fresh_tag = "tag";
  options_.cache_bytes = 256UL << 10U;
  // Small enough that checkpoints are cut as well.
  options_.wal_bytes_max = 64UL << 10U;
  options_.result_kept = std::chrono::seconds{60};
  static const memory_disk::image fresh = [] {
    memory_disk disk;
    sqlite::calls_options options;
    options.file = "calls.db";
    options.vfs = disk.name();
    options.fresh_tag = "tag";
    sqlite::sqlite_calls(options, start_time).close(start_time);
    return disk.contents();
  }();
  // One in 16 begins with nothing, so that making the tables is cut as well.
  if (below(16) != 0) disk_.restore(fresh);
}

bool crash_run::open() {
  try {
    calls_ = std::make_unique<sqlite::sqlite_calls>(options_, now_);
  } catch (const std::exception& e) {
    if (!disk_.dead()) say(std::string("it can not be opened: ") + e.what());
    return false;
  }
  for (auto& [id, claim] : running_) stale_.push_back(std::move(claim));
  running_.clear();
  for (auto& each : calls_->take_told().ended) learn_end(std::move(each));
  calls_->grant(2 + below(4));
  return true;
}

void crash_run::round() {
  // One in four is a start, of what a killed process or a cut has left.
  if (below(4) == 0) calls_.reset();
  disk_.die_after(1 + below(calls_ == nullptr ? 60 : 400));
  try {
    if (calls_ != nullptr || open()) {
      while (!disk_.dead()) work();
    }
  } catch (const sqlite::error& e) {
    if (!disk_.dead()) say(std::string("it fails: ") + e.what());
  }
  calls_.reset();
  disk_.cut(dice_);
  try {
    if (open()) check();
  } catch (const sqlite::error& e) {
    say(std::string("it can not be read: ") + e.what());
  }
  in_flight_ = {};
}

void crash_run::learn_end(call_ending ending) {
  const auto found = known_.find(ending.id);
  if (found == known_.end()) return;
  found->second.finished = now_;
  found->second.ended = std::move(ending);
}

void crash_run::work() {
  now_ += std::chrono::milliseconds(below(300));
  in_flight_ = {};
  calls_->begin(now_);
  for (std::uint64_t i = 1 + below(6); i > 0; --i) {
    const std::uint64_t what = below(10);
    if (what < 5) {
      some_accept(in_flight_);
    } else if (what < 9) {
      some_report(in_flight_);
    } else {
      some_command(in_flight_);
    }
  }
  if (below(2) == 0) calls_->grant(1);
  sqlite::told what = calls_->commit();
  const pending did = std::exchange(in_flight_, {});
  learn(did, std::move(what));
  calls_->checkpoint(below(30) == 0);
}

void crash_run::some_accept(pending& now) {
  new_call call = call_of(below(3) == 0 ? "Stock" : "Orders",
                          "[" + std::to_string(++calls_made_) + "," +
                              std::string(below(20) == 0 ? 6000 : below(60), '1') + "]");
  call.terms.deadline = now_ + (below(4) == 0 ? 2s : 600s);
  call.terms.attempts_max = static_cast<std::uint16_t>(1 + below(4));
  call.terms.priority = static_cast<std::uint8_t>(below(10));
  if (below(5) == 0) call.terms.unknown = core::on_unknown::dead;
  if (below(5) == 0) call.terms.dead = core::on_dead::block;
  if (below(3) == 0) call.order = "o" + std::to_string(below(3));
  if (below(4) == 0) call.due = now_ + std::chrono::milliseconds(below(2000));
  if (below(2) == 0) call = with_key(call, "k" + std::to_string(calls_made_));
  const acceptance answer = calls_->accept(call);
  if (answer.what != acceptance::kind::accepted) return say("a new call is not accepted");
  if (!known_.empty() && answer.id <= known_.rbegin()->first) say("an id does not grow");
  now.accepted[answer.id] = call;
}

void crash_run::some_report(pending& now) {
  if (!stale_.empty() && below(4) == 0) {
    const auto report = report_of(stale_[below(stale_.size())], call_state::done, "\"stale\"");
    if (calls_->report(report)) say("a stale claim's word was taken");
  }
  if (running_.empty()) return;
  const auto which = std::next(running_.begin(), static_cast<long>(below(running_.size())));
  if (now.reported.contains(which->first)) return;
  attempt_report report = report_of(which->second, call_state::done);
  report.payload = "\"" + std::to_string(dice_.next()) + "\"";
  const std::uint64_t how = below(10);
  if (how >= 6) {
    report.next.state = call_state::waiting;
    report.next.due = now_ + std::chrono::milliseconds(below(500));
    report.next.counted = how != 6;
    report.may_have_run = how == 7;
  } else if (how == 5) {
    report.next.state = call_state::dead;
    report.next.reason = core::dead_reason::attempts_spent;
  }
  if (!calls_->report(report)) say("a claim's word was refused");
  now.reported[which->first] = report.next.counted ? 0 : 1;
}

void crash_run::some_command(pending& now) {
  if (known_.empty()) return;
  const auto which = std::next(known_.begin(), static_cast<long>(below(known_.size())));
  const call_id id = which->first;
  now.touched.insert(id);
  switch (below(4)) {
    case 0:
      static_cast<void>(calls_->retry(id, false));
      break;
    case 1:
      if (calls_->purge(id)) now.purged.insert(id);
      break;
    default:
      static_cast<void>(calls_->cancel(id));
  }
}

void crash_run::learn(const pending& did, sqlite::told what) {
  for (const auto& [id, call] : did.accepted) {
    known_[id].call = call;
    if (!call.key.empty()) keys_[call.key] = id;
  }
  for (const auto& [id, uncounted] : did.reported) {
    running_.erase(id);
    if (uncounted != 0) --known_[id].attempts_told;
  }
  for (const call_id id : did.purged) {
    keys_.erase(known_[id].call.key);
    known_.erase(id);
  }
  for (auto& each : what.ended) {
    running_.erase(each.id);
    learn_end(std::move(each));
  }
  for (const call_id id : did.touched) {
    // A retry begins with no attempts, and may end otherwise than before.
    if (!known_.contains(id)) continue;
    known_[id].attempts_told = 0;
    if (known_[id].ended && known_[id].ended->state == call_state::dead) known_[id].ended.reset();
  }
  for (auto& each : what.claimed) {
    known_call& call = known_[each.id];
    if (each.params != call.call.params) say(name_of(each.id) + " is claimed as another");
    ++call.attempts_told;
    running_[each.id] = std::move(each);
  }
}

void crash_run::check() {
  sqlite::connection db(options_.file, sqlite::access::read, options_.vfs);
  for (auto& each : sqlite::verify(db)) say(std::move(each));
  check_known();
  // All or nothing of the transaction that was cut.
  std::size_t there = 0;
  for (const auto& [id, call] : in_flight_.accepted) there += calls_->look(id) ? 1 : 0;
  if (there != 0 && there != in_flight_.accepted.size()) say("half a transaction is there");
  const pending did = std::exchange(in_flight_, {});
  if (there != 0) {
    for (const auto& [id, call] : did.accepted) {
      known_[id].call = call;
      if (!call.key.empty()) keys_[call.key] = id;
    }
  }
}

void crash_run::check_known() {
  std::vector<call_id> gone;
  for (auto& [id, known] : known_) {
    const bool unsure = in_flight_.touched.contains(id);
    const auto view = calls_->look(id);
    if (!view) {
      const bool over = known.ended && known.ended->state != call_state::dead &&
                        now_ >= known.finished + options_.result_kept;
      if (!over && !in_flight_.purged.contains(id)) say(name_of(id) + " is lost");
      gone.push_back(id);
      continue;
    }
    if (known.ended && !unsure) {
      if (view->state != known.ended->state) say(name_of(id) + " has another end");
      if (view->payload != known.ended->payload) say(name_of(id) + " has another result");
    }
    const auto reported = in_flight_.reported.find(id);
    const int put_off = reported == in_flight_.reported.end() ? 0 : reported->second;
    const int attempts = static_cast<int>(view->attempts);
    if (!unsure && attempts + put_off < known.attempts_told) {
      say(name_of(id) + " was tried without being counted");
    }
    // What it counts from now on.
    known.attempts_told = attempts;
    known.ended.reset();
    if (view->state != call_state::waiting && view->state != call_state::running) {
      known.ended = call_ending{id, view->state, view->error, view->reason, view->payload, ""};
      known.finished = view->finished;
    }
  }
  for (const call_id id : gone) {
    keys_.erase(known_[id].call.key);
    known_.erase(id);
  }
  for (const auto& [key, id] : keys_) {
    calls_->begin(now_);
    const acceptance again = calls_->accept(known_[id].call);
    calls_->rollback();
    if (again.what != acceptance::kind::repeated || again.id != id) say("a key is forgotten");
    if (below(3) != 0) break;
  }
}

void crash_run::drain() {
  if (calls_ == nullptr && !open()) return;
  for (const auto& [id, claim] : running_) stale_.push_back(claim);
  running_.clear();
  for (int step = 0; step < 2000; ++step) {
    now_ += 100ms;
    calls_->begin(now_);
    calls_->grant(20);
    std::map<std::string, int> lines;
    for (const auto& [id, claim] : std::exchange(running_, {})) {
      const std::string& order = known_[id].call.order;
      if (!order.empty() && ++lines[claim.service + order] > 1) say("two of a line run at once");
      static_cast<void>(calls_->report(report_of(claim, call_state::done)));
    }
    const auto counts = calls_->counts();
    for (auto& each : calls_->commit().claimed) running_[each.id] = std::move(each);
    std::uint64_t open_calls = 0;
    for (const auto& each : counts.services) open_calls += each.waiting + each.running;
    if (open_calls == 0) break;
    // A dead call that blocks its line is an operator's to judge.
    if (step % 10 == 9) {
      for (const auto& [id, known] : known_) {
        if (known.call.terms.dead != core::on_dead::block) continue;
        calls_->begin(now_);
        static_cast<void>(calls_->purge(id));
        for (auto& each : calls_->commit().claimed) running_[each.id] = std::move(each);
      }
    }
    if (step == 1999) say("calls are stuck");
  }
}

}  // namespace understudy::store
