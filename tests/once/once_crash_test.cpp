// kill -9 between any two steps of once(), and at any instant: the next attempt makes it one
// effect.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <random>
#include <thread>

#include "once/ledger.hpp"

namespace understudy::test {
namespace {

using namespace std::chrono_literals;

/// Runs `work` in a child process, which ends with _exit. Its id.
pid_t start_child(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  try {
    work();
  } catch (...) {
    ::_exit(1);
  }
  ::_exit(0);
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

/// Kills this process at a step, counted from 0.
class dying {
 public:
  explicit dying(int at) : left_(at) {}
  void step() {
    if (left_-- == 0) (void)::raise(SIGKILL);
  }

 private:
  int left_;
};

/// Steps before and after all that it passes on.
class dying_database : public once_database {
 public:
  dying_database(once_database& real, dying& death) : real_(real), death_(death) {}

  started start(const std::string& ticket, std::chrono::system_clock::time_point now) override {
    death_.step();
    auto begun = real_.start(ticket, now);
    death_.step();
    return begun;
  }
  void store_reply(const std::string& ticket, const std::string& reply) override {
    death_.step();
    real_.store_reply(ticket, reply);
    death_.step();
  }
  commit_end commit() override {
    death_.step();
    const auto end = real_.commit();
    death_.step();
    return end;
  }
  void roll_back() noexcept override { real_.roll_back(); }
  std::size_t purge(std::chrono::system_clock::time_point, std::size_t) override { return 0; }

 private:
  once_database& real_;
  dying& death_;
};

std::int64_t add(ledger& in, once_database& database, const std::string& ticket, dying& death) {
  return once(attempt_of(ticket), database, [&] {
    death.step();
    in.take_effect(ticket);
    death.step();
    return in.number("SELECT max(rowid) FROM effects");
  });
}

void attempt(const std::string& file, const std::string& ticket, int die_at) {
  ledger own(file);
  dying death(die_at);
  dying_database database(own.database(), death);
  (void)add(own, database, ticket, death);
}

constexpr const char* last_effect =
    "SELECT coalesce(max(cast(substr(ticket, 3) AS INTEGER)), 0) FROM effects";

TEST(once_and_death, between_any_two_steps) {
  const ledger_file file;
  { const ledger created(file.path()); }  // none is open across a fork
  int killed = 0;
  for (int step = 0;; ++step) {
    const std::string ticket = "c-" + std::to_string(step);
    const int status = wait_for(start_child([&] { attempt(file.path(), ticket, step); }));
    ledger here(file.path());
    ASSERT_EQ(here.effects(ticket), step < 7 ? 0 : 1) << "died at step " << step;
    ASSERT_EQ(here.rows(), step + here.effects(ticket)) << "died at step " << step;
    ASSERT_NO_THROW(attempt(file.path(), ticket, -1)) << "died at step " << step;
    ASSERT_EQ(here.effects(ticket), 1) << "died at step " << step;
    ASSERT_EQ(here.rows(), step + 1);
    if (!WIFSIGNALED(status)) break;
    ++killed;
  }
  EXPECT_EQ(killed, 8);
}

/// As a gateway does: calls in order, each again until its reply is there, and some that had
/// theirs.
void call_on_and_on(const std::string& file, int ready) {
  ledger own(file);
  dying never(-1);
  if (::write(ready, "!", 1) != 1) return;
  for (auto call = std::max<std::int64_t>(own.number(last_effect) - 3, 0);; ++call) {
    (void)add(own, own.database(), "c-" + std::to_string(call), never);
  }
}

TEST(once_and_death, at_any_instant) {
  constexpr int deaths = 150;
  const ledger_file file;
  { const ledger created(file.path()); }
  std::minstd_rand dice(std::random_device{}());
  for (int i = 0; i < deaths; ++i) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = start_child([&] { call_on_and_on(file.path(), ends[1]); });
    ::close(ends[1]);
    char ready = 0;
    const auto got = ::read(ends[0], &ready, 1);
    ::close(ends[0]);
    std::this_thread::sleep_for(std::chrono::microseconds(dice() % 5000));
    ::kill(child, SIGKILL);
    ASSERT_TRUE(WIFSIGNALED(wait_for(child)));
    ASSERT_EQ(got, 1);
  }
  ledger here(file.path());
  const auto calls = here.number(last_effect) + 2;  // the last may not have been tried yet
  dying never(-1);
  for (std::int64_t call = 0; call < calls; ++call) {
    const std::string ticket = "c-" + std::to_string(call);
    (void)add(here, here.database(), ticket, never);
    ASSERT_EQ(here.effects(ticket), 1);
  }
  EXPECT_EQ(here.rows(), calls);
  EXPECT_EQ(here.number("SELECT count(*) FROM effects"), 2 * calls);
  EXPECT_EQ(here.number("SELECT count(*) FROM understudy_once WHERE reply IS NULL"), 0);
}

}  // namespace
}  // namespace understudy::test
