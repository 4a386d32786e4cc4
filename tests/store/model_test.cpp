// Random operations: the store does what the model says, each time alike.
#include "store/support/model.hpp"

#include "store/support/memory_disk.hpp"
#include "store/support/size.hpp"

namespace understudy::store {
namespace {

constexpr const char* services[] = {"Orders", "Stock", "Mail"};

class comparison {
 public:
  explicit comparison(std::uint64_t seed) : dice_(seed), model_(options()) {
    static const memory_disk::image fresh = [] {
      memory_disk disk;
      auto made = options();
      made.vfs = disk.name();
      sqlite::sqlite_calls(made, start_time).close(start_time);
      return disk.contents();
    }();
    disk_.restore(fresh);
    open();
  }

  std::string run(int steps) {
    for (int i = 0; i < steps && wrong_.empty(); ++i) step();
    if (wrong_.empty()) {
      sqlite::connection db("calls.db", sqlite::access::read, disk_.name());
      for (const auto& each : sqlite::verify(db)) say(each);
    }
    return wrong_;
  }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }

 private:
  static sqlite::calls_options options() {
    sqlite::calls_options out;
    out.file = "calls.db";
    out.fresh_tag = "tag";
    out.cache_bytes = 256UL << 10U;
    out.wal_bytes_max = 64UL << 10U;  // its space costs memory, at each start
    out.lease = 5s;
    out.result_kept = 20s;
    return out;
  }
  std::uint64_t below(std::uint64_t most) { return dice_.next() % most; }
  void say(const std::string& sentence) { wrong_ += sentence + '\n'; }
  void mix(std::uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001b3U; }
  template <typename T>
  void same(const char* what, const T& store, const T& expected) {
    if (store != expected) say(std::string(what) + " is not what the model says");
  }

  void open() {
    auto with = options();
    with.vfs = disk_.name();
    calls_.reset();
    calls_ = std::make_unique<sqlite::sqlite_calls>(with, now_);
    model_.restart(now_);
    claims_.clear();
    compare(calls_->take_told());
  }

  void step() {
    now_ += std::chrono::milliseconds(below(8) == 0 ? below(8000) : below(200));
    if (below(40) == 0) return open();
    calls_->begin(now_);
    model_.advance(now_);
    operate();
    model_.forget();
    compare(calls_->commit());
  }

  void operate() {
    const std::uint64_t what = below(100);
    if (what < 35) return accept();
    if (what < 65) return report();
    const std::string service = services[below(3)];
    if (what < 80) {
      const std::size_t places = 1 + below(3);
      calls_->grant(places);
      model_.grant(places);
    } else if (what < 83) {
      const bool paused = below(3) == 0;
      same("pause", calls_->pause(service, paused), true);
      model_.pause(service, paused);
    } else if (what < 85) {
      const bool held = below(3) == 0;
      calls_->hold(service, held);
      model_.hold(service, held);
    } else if (what < 87) {
      const std::size_t most = below(3);
      calls_->limit(service, most);
      model_.limit(service, most);
    } else {
      command(what);
    }
  }

  void accept() {
    new_call call = call_of(services[below(3)], std::to_string(++made_));
    call.terms.deadline = now_ + (below(4) == 0 ? 3s : 300s);
    call.terms.attempts_max = static_cast<std::uint16_t>(1 + below(4));
    call.terms.priority = static_cast<std::uint8_t>(below(3));
    if (below(4) == 0) call.terms.unknown = core::on_unknown::dead;
    if (below(4) == 0) call.terms.dead = core::on_dead::block;
    if (below(2) == 0) call.order = std::string(1, static_cast<char>('a' + below(2)));
    call.due = below(4) == 0 ? now_ + std::chrono::milliseconds(below(3000)) : now_;
    if (below(3) == 0) {
      call.params = std::to_string(below(2));
      call = with_key(call, "k" + std::to_string(below(20)));
    }
    const acceptance got = calls_->accept(call);
    mix(static_cast<std::uint64_t>(got.id));
    if (const auto known = call.key.empty() ? std::nullopt : model_.with_key(call)) {
      const auto& before = model_.calls().at(*known);
      const bool alike = before.what.content_print == call.content_print;
      same("the kind of a repeated key", got.what,
           alike ? acceptance::kind::repeated : acceptance::kind::key_conflict);
      same("the call of a key", got.id, *known);
      if (alike && got.ended) same("the end of a key", got.ended->state, before.state);
      return;
    }
    same("an acceptance", got.what, acceptance::kind::accepted);
    model_.accepted(got.id, call);
  }

  void report() {
    if (claims_.empty()) return;
    const std::size_t which = below(claims_.size());
    attempt_report report = report_of(claims_[which], call_state::done);
    // Now and then it is told twice.
    if (below(8) != 0) claims_.erase(claims_.begin() + static_cast<long>(which));
    report.payload = std::to_string(dice_.next());
    report.may_have_run = below(4) == 0;
    report.error = below(4) == 0;
    if (below(4) == 0) report.server.clear();
    if (const std::uint64_t how = below(4); how < 2) {
      report.next.state = call_state::waiting;
      report.next.due = now_ + std::chrono::milliseconds(below(2) == 0 ? 0 : below(2000));
      report.next.counted = how == 0;
    } else if (how == 2) {
      report.next.state = call_state::dead;
      report.next.reason = dead_reason::attempts_spent;
    }
    // As core::after_attempt has it: nothing waits for a time after its deadline.
    const auto known = model_.calls().find(report.id);
    if (known != model_.calls().end() && report.next.due > known->second.deadline) {
      report.next = core::call_next{};
    }
    same("a report", calls_->report(report), model_.report(report));
  }

  void command(std::uint64_t what) {
    if (model_.calls().empty()) return;
    const auto at =
        std::next(model_.calls().begin(), static_cast<long>(below(model_.calls().size())));
    const call_id id = at->first;
    if (what < 91) {
      same("a cancel", calls_->cancel(id), model_.cancel(id));
    } else if (what < 94) {
      same("a purge", calls_->purge(id), model_.purge(id));
    } else {
      const bool as_new = what == 94;
      const auto got = calls_->retry(id, as_new);
      if (as_new && !got) return same("a retry", at->second.state == call_state::dead, false);
      same("a retry", got.has_value(), model_.retry(id, as_new ? got : std::nullopt));
    }
  }

  void compare(const sqlite::told& told) {
    if (std::string wrong = model_.commit(told.claimed); !wrong.empty()) return say(wrong);
    for (const auto& each : told.claimed) {
      claims_.push_back(each);
      mix(static_cast<std::uint64_t>(each.id) ^ each.token.number);
    }
    std::vector<call_id> ended;
    for (const auto& each : told.ended) {
      ended.push_back(each.id);
      mix(static_cast<std::uint64_t>(each.id) + static_cast<std::uint64_t>(each.state));
    }
    same("what ended", ended, model_.ended());
    if (below(4) == 0) compare_calls();
  }

  void compare_calls() {
    const auto all = sqlite_list();
    if (all.size() != model_.calls().size()) return say("there are more or fewer calls");
    for (const auto& view : all) {
      const auto found = model_.calls().find(view.id);
      if (found == model_.calls().end()) return say("a call is not known to the model");
      const model::call& c = found->second;
      same("a state", view.state, c.state);
      same("attempts", view.attempts, c.attempts);
      same("a reason", view.reason, c.reason);
      same("a deadline", view.deadline, c.deadline);
      same("a payload", view.payload, c.payload);
      same("an error", view.error, c.error);
      same("a server", view.server, c.server);
    }
  }
  std::vector<call_view> sqlite_list() {
    call_filter filter;
    filter.count_max = 1000;
    sqlite::connection db("calls.db", sqlite::access::read, disk_.name());
    return sqlite::reader(db).list(filter);
  }

  core::dice dice_;
  memory_disk disk_;
  model model_;
  wall_time now_ = start_time;
  std::unique_ptr<sqlite::sqlite_calls> calls_;
  std::vector<claimed_call> claims_;
  int made_ = 0;
  std::uint64_t hash_ = 0xcbf29ce484222325U;
  std::string wrong_;
};

TEST(Model, AgreesWithTheStore) {
  for (std::uint64_t seed = 0; seed < power_cuts() / 6; ++seed) {
    comparison both(seed);
    ASSERT_EQ(both.run(150), "") << "seed " << seed;
  }
}

TEST(Model, TheSameSeedDoesTheSame) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    comparison one(seed);
    comparison two(seed);
    one.run(200);
    two.run(200);
    EXPECT_EQ(one.hash(), two.hash());
  }
}

}  // namespace
}  // namespace understudy::store
