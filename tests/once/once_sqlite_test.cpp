// once() on SQLite: one effect, whatever else happens.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <atomic>
#include <boost/describe.hpp>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "once/ledger.hpp"

namespace understudy::test {
namespace {

using namespace std::chrono_literals;

struct receipt {
  std::int64_t number = 0;
  std::string text;
  std::optional<std::string> note;
};
BOOST_DESCRIBE_STRUCT(receipt, (), (number, text, note))

class once_on_sqlite : public testing::Test {
 protected:
  /// Takes effect and returns `reply`.
  std::int64_t add(ledger& in, const std::string& ticket, std::int64_t reply) {
    return once(attempt_of(ticket), in.database(), [&] {
      ++runs_;
      in.take_effect(ticket);
      return reply;
    });
  }
  template <typename F>
  static std::int64_t code_of(F&& call) {
    try {
      call();
    } catch (const rpc_error& error) {
      return error.code();
    }
    return 0;
  }

  ledger_file file_;
  ledger ledger_{file_.path()};
  std::atomic<int> runs_ = 0;
};

TEST_F(once_on_sqlite, a_repeat_gets_the_first_reply_and_does_nothing) {
  EXPECT_EQ(add(ledger_, "c-1", 7), 7);
  EXPECT_EQ(add(ledger_, "c-1", 8), 7);
  EXPECT_EQ(add(ledger_, "c-2", 9), 9);
  EXPECT_EQ(runs_, 2);
  EXPECT_EQ(ledger_.effects("c-1"), 1);
  EXPECT_EQ(ledger_.rows(), 2);
  EXPECT_EQ(ledger_.number("SELECT count(*) FROM understudy_once WHERE reply IS NULL"), 0);
}

TEST_F(once_on_sqlite, the_ticket_is_there_before_the_work) {
  const auto rows = once(attempt_of("c-1"), ledger_.database(), [&] { return ledger_.rows(); });
  EXPECT_EQ(rows, 1);
}

TEST_F(once_on_sqlite, another_process_sees_what_was_done) {
  EXPECT_EQ(add(ledger_, "c-1", 7), 7);
  ledger other(file_.path());
  EXPECT_EQ(add(other, "c-1", 8), 7);
  EXPECT_EQ(other.effects("c-1"), 1);
}

TEST_F(once_on_sqlite, a_direct_call_leaves_no_row) {
  EXPECT_EQ(add(ledger_, "", 7), 7);
  EXPECT_EQ(add(ledger_, "", 8), 8);
  EXPECT_EQ(ledger_.effects(""), 2);
  EXPECT_EQ(ledger_.rows(), 0);
}

TEST_F(once_on_sqlite, replies_come_back_as_they_were) {
  const auto same = [&](const std::string& ticket, const auto& reply) {
    const auto first = once(attempt_of(ticket), ledger_.database(), [&] { return reply; });
    const auto again = once(attempt_of(ticket), ledger_.database(), [&] {
      ADD_FAILURE() << ticket << " ran again";
      return decltype(reply){};
    });
    EXPECT_EQ(to_json_text(first), to_json_text(reply)) << ticket;
    EXPECT_EQ(to_json_text(again), to_json_text(reply)) << ticket;
  };
  same("c-text", std::string("Grüße, 失败 \"/\\\n"));
  same("c-empty", std::string());
  same("c-zero-byte", std::string("a\0b", 3));
  same("c-null", std::optional<std::string>());
  same("c-float", 0.1 + 0.2);
  same("c-largest", std::numeric_limits<std::uint64_t>::max());
  same("c-struct", receipt{1, "é", std::nullopt});
  same("c-list", std::vector<receipt>{{1, "a", "b"}, {2, "", ""}});
  same("c-any", json{{"a", nullptr}, {"b", json(boost::json::array_kind)}});
  EXPECT_EQ(ledger_.rows(), 9);
}

TEST_F(once_on_sqlite, what_throws_leaves_nothing_and_may_be_tried_again) {
  const auto fail = [&](const std::string& ticket) {
    once(attempt_of(ticket), ledger_.database(), [&]() -> int {
      ledger_.take_effect(ticket);
      throw std::invalid_argument("no");
    });
  };
  EXPECT_THROW(fail("c-1"), std::invalid_argument);
  EXPECT_THROW(fail(""), std::invalid_argument);
  EXPECT_EQ(ledger_.effects("c-1"), 0);
  EXPECT_EQ(ledger_.effects(""), 0);
  EXPECT_EQ(ledger_.rows(), 0);
  EXPECT_EQ(add(ledger_, "c-1", 7), 7);
  EXPECT_EQ(ledger_.effects("c-1"), 1);
}

TEST_F(once_on_sqlite, a_lock_that_is_not_to_be_had_in_time_is_no_attempt) {
  ledger other(file_.path(), 1ms);
  ledger_.run("BEGIN IMMEDIATE");
  EXPECT_EQ(code_of([&] { add(other, "c-1", 7); }), code::in_progress);
  EXPECT_EQ(code_of([&] { add(other, "", 7); }), code::overloaded);
  EXPECT_EQ(purge_once(other.database()), 0u);
  EXPECT_EQ(runs_, 0);
  ledger_.run("COMMIT");
  EXPECT_EQ(add(other, "c-1", 7), 7);
}

TEST_F(once_on_sqlite, attempts_at_the_same_time_make_one_effect) {
  constexpr int calls = 100;
  constexpr int attempts = 3;
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int i = 0; i < attempts; ++i) {
    threads.emplace_back([&, i] {
      ledger own(file_.path());
      for (int call = 0; call < calls; ++call) {
        const std::string ticket = "c-" + std::to_string(call);
        const std::int64_t reply = add(own, ticket, i);
        if (reply != add(own, ticket, -1)) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(runs_, calls);
  EXPECT_EQ(ledger_.rows(), calls);
  for (int call = 0; call < calls; ++call)
    EXPECT_EQ(ledger_.effects("c-" + std::to_string(call)), 1);
}

TEST_F(once_on_sqlite, the_second_waits_while_the_first_is_at_work) {
  std::thread second;
  std::int64_t got = 0;
  const auto first = once(attempt_of("c-1"), ledger_.database(), [&] {
    second = std::thread([&] {
      ledger own(file_.path());
      got = add(own, "c-1", 8);
    });
    std::this_thread::sleep_for(20ms);  // gives a wrong one its chance
    ledger_.take_effect("c-1");
    return 7;
  });
  second.join();
  EXPECT_EQ(first, 7);
  EXPECT_EQ(got, 7);
  EXPECT_EQ(runs_, 0);
  EXPECT_EQ(ledger_.effects("c-1"), 1);
}

TEST_F(once_on_sqlite, a_transaction_that_the_work_ended_is_no_success) {
  const auto end_it = [&](const char* how) {
    return code_of([&] {
      once(attempt_of("c-1"), ledger_.database(), [&] {
        ledger_.run(how);
        return 7;
      });
    });
  };
  EXPECT_EQ(end_it("ROLLBACK"), code::internal_error);
  EXPECT_EQ(ledger_.rows(), 0);
  EXPECT_EQ(end_it("DELETE FROM understudy_once"), code::internal_error);
  EXPECT_EQ(ledger_.rows(), 0);
  EXPECT_EQ(end_it("COMMIT"), code::outcome_unknown);  // and so it was done, without a reply yet
  EXPECT_EQ(add(ledger_, "c-1", 8), 7);
}

TEST_F(once_on_sqlite, a_constraint_that_is_checked_last_refuses_the_call) {
  ledger_.run("PRAGMA foreign_keys=ON");
  ledger_.run(
      "CREATE TABLE child (parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED)");
  ledger_.run("CREATE TABLE parents (id INTEGER PRIMARY KEY)");
  EXPECT_EQ(code_of([&] {
              once(attempt_of("c-1"), ledger_.database(),
                   [&] { ledger_.run("INSERT INTO child VALUES (1)"); });
            }),
            code::internal_error);
  EXPECT_EQ(ledger_.rows(), 0);
  EXPECT_EQ(ledger_.number("SELECT count(*) FROM child"), 0);
  EXPECT_EQ(add(ledger_, "c-1", 7), 7);
}

TEST_F(once_on_sqlite, a_commit_that_cannot_be_written_is_of_unknown_outcome) {
  ASSERT_EQ(add(ledger_, "c-1", 7), 7);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  rlimit full = before;
  full.rlim_cur = std::filesystem::file_size(file_.path() + "-wal");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  const auto code = code_of([&] { add(ledger_, "c-2", 8); });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, old_handler);
  EXPECT_EQ(code, code::outcome_unknown);
  ledger again(file_.path());  // as the next process would
  EXPECT_EQ(again.rows(), 1 + again.effects("c-2"));
  (void)add(again, "c-2", 9);
  EXPECT_EQ(again.effects("c-2"), 1);
}

TEST_F(once_on_sqlite, old_calls_are_forgotten_the_oldest_first) {
  for (int i = 0; i < 5; ++i) ASSERT_EQ(add(ledger_, "c-" + std::to_string(i), i), i);
  EXPECT_EQ(purge_once(ledger_.database()), 0u);
  const std::string month_ms = std::to_string(std::chrono::milliseconds(once_kept).count());
  ledger_.run("UPDATE understudy_once SET done_ms = done_ms - " + month_ms +
              " - 60000 * (1 + substr(ticket, 3)) WHERE ticket <> 'c-4'");
  EXPECT_EQ(purge_once(ledger_.database(), 3), 3u);
  EXPECT_EQ(ledger_.number("SELECT count(*) FROM understudy_once WHERE ticket = 'c-0'"), 1);
  EXPECT_EQ(purge_once(ledger_.database(), 3), 1u);
  EXPECT_EQ(purge_once(ledger_.database(), 3), 0u);
  EXPECT_EQ(ledger_.rows(), 1);
  EXPECT_EQ(add(ledger_, "c-4", 9), 4);
}

TEST_F(once_on_sqlite, without_its_table_it_says_so) {
  ledger_.run("DROP TABLE understudy_once");
  EXPECT_EQ(code_of([&] { const once_sqlite none(ledger_.handle()); }), code::internal_error);
}

}  // namespace
}  // namespace understudy::test
