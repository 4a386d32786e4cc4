// What once() asks of a database, step by step, and what it tells its caller.
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "once/ledger.hpp"

namespace understudy::test {
namespace {

/// Writes down what it is asked, and answers as it was told.
class noting_database : public once_database {
 public:
  started next;
  commit_end ends = commit_end::committed;
  std::function<void(const std::string&)> at_step = [](const std::string&) {};
  std::string log;

  started start(const std::string& ticket, std::chrono::system_clock::time_point) override {
    step("start " + ticket);
    return next;
  }
  void store_reply(const std::string& ticket, const std::string& reply) override {
    step("store " + ticket + " " + reply);
  }
  commit_end commit() override {
    step("commit");
    return ends;
  }
  void roll_back() noexcept override { log += "roll back;"; }
  std::size_t purge(std::chrono::system_clock::time_point before, std::size_t rows_max) override {
    forgotten_before = before;
    return rows_max;
  }
  void step(const std::string& what) {
    log += what + ";";
    at_step(what);
  }

  std::chrono::system_clock::time_point forgotten_before;
};

class once_core : public testing::Test {
 protected:
  /// The code it threw, or "=" and what it returned.
  std::string call(const std::string& ticket) {
    try {
      return "=" + std::to_string(once(attempt_of(ticket), database_, [&] {
               database_.step("work");
               return 7;
             }));
    } catch (const rpc_error& error) {
      data_ = error.data();
      return std::to_string(error.code());
    } catch (const std::exception& error) {
      return error.what();
    }
  }
  void fail_at(const std::string& step) {
    database_.at_step = [step](const std::string& what) {
      if (what == step) throw std::runtime_error("no " + step);
    };
  }

  noting_database database_;
  std::string data_;
};

TEST_F(once_core, a_fresh_call_runs_and_stores_its_reply_before_it_commits) {
  EXPECT_EQ(call("c-1"), "=7");
  EXPECT_EQ(database_.log, "start c-1;work;store c-1 7;commit;");
}

TEST_F(once_core, a_repeat_does_not_run) {
  database_.next = {once_database::start_kind::repeat, "5"};
  EXPECT_EQ(call("c-1"), "=5");
  EXPECT_EQ(database_.log, "start c-1;");
}

TEST_F(once_core, a_direct_call_runs_in_a_transaction_and_stores_nothing) {
  EXPECT_EQ(call(""), "=7");
  EXPECT_EQ(database_.log, "start ;work;commit;");
}

TEST_F(once_core, a_call_at_work_elsewhere_does_not_run) {
  database_.next.what = once_database::start_kind::busy;
  EXPECT_EQ(call("c-1"), "-32014");
  EXPECT_EQ(data_, R"({"retry":true,"ticket":"c-1"})");
  EXPECT_EQ(call(""), "-32003");
  EXPECT_EQ(data_, R"({"retry":true})");
  EXPECT_EQ(database_.log, "start c-1;start ;");
}

TEST_F(once_core, what_fails_before_the_commit_is_rolled_back_and_passed_on) {
  fail_at("work");
  EXPECT_EQ(call("c-1"), "no work");
  EXPECT_EQ(database_.log, "start c-1;work;roll back;");
  database_.log.clear();
  fail_at("store c-1 7");
  EXPECT_EQ(call("c-1"), "no store c-1 7");
  EXPECT_EQ(database_.log, "start c-1;work;store c-1 7;roll back;");
  database_.log.clear();
  fail_at("commit");
  EXPECT_EQ(call("c-1"), "no commit");
  EXPECT_EQ(database_.log, "start c-1;work;store c-1 7;commit;roll back;");
  database_.log.clear();
  fail_at("start c-1");
  EXPECT_EQ(call("c-1"), "no start c-1");
  EXPECT_EQ(database_.log, "start c-1;");
}

TEST_F(once_core, a_commit_that_may_have_happened_is_told_as_such) {
  database_.ends = once_database::commit_end::unknown;
  EXPECT_EQ(call("c-1"), "-32001");
  EXPECT_EQ(data_, R"({"retry":false,"ticket":"c-1"})");
  EXPECT_EQ(database_.log, "start c-1;work;store c-1 7;commit;roll back;");
  EXPECT_EQ(call(""), "-32001");
}

TEST_F(once_core, a_commit_that_was_refused_did_nothing) {
  database_.ends = once_database::commit_end::refused;
  EXPECT_EQ(call("c-1"), "-32014");
  EXPECT_EQ(call(""), "-32003");
  EXPECT_TRUE(database_.log.ends_with("commit;roll back;"));
}

TEST_F(once_core, a_reply_that_cannot_be_read_is_not_taken_for_wrong_parameters) {
  database_.next.what = once_database::start_kind::repeat;
  EXPECT_EQ(call("c-1"), "-32603");  // none was stored
  database_.next.reply = "[]";
  EXPECT_EQ(call("c-1"), "-32603");
  EXPECT_EQ(data_, R"({"retry":false,"ticket":"c-1"})");
}

TEST_F(once_core, a_reply_that_json_cannot_say_is_rolled_back) {
  EXPECT_THROW(once(attempt_of("c-1"), database_, [] { return std::string("\xff"); }), rpc_error);
  EXPECT_EQ(database_.log, "start c-1;roll back;");
}

TEST_F(once_core, work_may_return_nothing) {
  int ran = 0;
  once(attempt_of("c-1"), database_, [&] { ++ran; });
  EXPECT_EQ(database_.log, "start c-1;store c-1 null;commit;");
  database_.next = {once_database::start_kind::repeat, "null"};
  once(attempt_of("c-1"), database_, [&] { ++ran; });
  EXPECT_EQ(ran, 1);
}

TEST_F(once_core, refuses_what_is_no_ticket) {
  EXPECT_EQ(call(std::string(once_ticket_max, 'c')), "=7");
  database_.log.clear();
  EXPECT_EQ(call(std::string(once_ticket_max + 1, 'c')), "-32602");
  EXPECT_EQ(database_.log, "");
}

TEST_F(once_core, forgets_after_thirty_days) {
  const auto before = std::chrono::system_clock::now();
  EXPECT_EQ(purge_once(database_, 12), 12u);
  const auto after = std::chrono::system_clock::now();
  EXPECT_GE(database_.forgotten_before, before - std::chrono::hours{30 * 24});
  EXPECT_LE(database_.forgotten_before, after - std::chrono::hours{30 * 24});
}

}  // namespace
}  // namespace understudy::test
