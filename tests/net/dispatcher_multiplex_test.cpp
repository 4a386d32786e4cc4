// Calls that share connections to servers of our own; and those that may not.
#include <atomic>

#include "dispatcher_fixture.hpp"
#include "support/test_server.hpp"
#include "wire/multiplex.hpp"

namespace understudy::test {
namespace {

constexpr std::string_view from_fake = R"(result {"jsonrpc":"2.0","id":"","result":"ok"})";

/// Holds its calls until it is opened.
struct gate {
  std::atomic<int> entered{0};
  std::atomic<bool> open{false};
  task<int> pass() {
    const int mine = ++entered;
    while (!open) co_await sleep_for(1ms);
    co_return mine;
  }
};

class dispatcher_multiplex_test : public dispatcher_test {
 protected:
  std::unique_ptr<test_server> make_server(const server_options& options = {}) {
    return std::make_unique<test_server>(options, [this](server& serving) {
      service<gate> gates("Gate", gate_);
      gates.method("pass", &gate::pass);
      serving.add(std::move(gates));
    });
  }

  static net::dispatcher_options sharing_options() {
    auto options = quiet_options();
    options.multiplex = true;
    options.pool.limits.start = 200;  // none of the calls that are held waits for a place
    return options;
  }

  void use_own(const std::vector<test_server*>& servers,
               net::dispatcher_options options = sharing_options()) {
    use({}, std::move(options));
    unsigned priority = 0;
    for (const auto* server : servers) {
      core::server_options of;
      of.address = "127.0.0.1:" + std::to_string(server->port());
      of.priority = priority++;
      ids_.push_back(dispatcher_->add(of));
    }
    run_until([&] { return records_of("server_multiplexed") == servers.size(); });
  }

  std::vector<std::shared_ptr<running_call>> begin_passes(int count, bool idempotent = false) {
    std::vector<std::shared_ptr<running_call>> calls;
    call_setup setup;
    setup.idempotent = idempotent;
    for (int i = 0; i < count; ++i) calls.push_back(begin_call(request_body("Gate@pass"), setup));
    return calls;
  }
  static bool answered(const std::shared_ptr<running_call>& call) {
    return describe(*call->result).starts_with("result");
  }
  void await_all(const std::vector<std::shared_ptr<running_call>>& calls) {
    for (const auto& each : calls) run_until_answered(each);
  }

  std::shared_ptr<gate> gate_ = std::make_shared<gate>();
};

TEST_F(dispatcher_multiplex_test, a_hundred_calls_share_one_connection) {
  const auto server = make_server();
  use_own({server.get()});
  const auto calls = begin_passes(100);
  run_until([&] { return gate_->entered == 100; });
  EXPECT_LT(server->get().connections(), 10U);  // beside it those of a few probes
  gate_->open = true;
  await_all(calls);
  for (const auto& each : calls) EXPECT_TRUE(answered(each)) << describe(*each->result);
}

TEST_F(dispatcher_multiplex_test, a_quick_call_overtakes_a_slow_one) {
  const auto server = make_server();
  use_own({server.get()});
  const auto slow = begin_passes(1);
  run_until([&] { return gate_->entered == 1; });
  EXPECT_EQ(describe(call(request_body("UserInterface@add", "[1,2]"))),
            R"(result {"jsonrpc":"2.0","id":"","result":3})");
  EXPECT_FALSE(slow.front()->result);
  gate_->open = true;
  await_all(slow);
}

TEST_F(dispatcher_multiplex_test, a_services_error_passes_with_its_code) {
  const auto server = make_server();
  use_own({server.get()});
  const auto got = call(request_body("UserInterface@failWith", R"(["no",77])"));
  EXPECT_EQ(std::get<net::forwarded>(got).error_code, 77);
}

TEST_F(dispatcher_multiplex_test, beyond_what_is_granted_calls_have_more_connections) {
  server_options options;
  options.multiplexed_calls_max = 3;
  const auto server = make_server(options);
  use_own({server.get()});
  const auto calls = begin_passes(30);
  run_until([&] { return gate_->entered == 30; });
  EXPECT_GT(server->get().connections(), 10U);
  gate_->open = true;
  await_all(calls);
  for (const auto& each : calls) EXPECT_TRUE(answered(each)) << describe(*each->result);
}

TEST_F(dispatcher_multiplex_test, large_calls_and_files_have_a_connection_of_their_own) {
  const auto server = make_server();
  use_own({server.get()});
  const auto slow = begin_passes(1);
  const std::string large(100000, 'x');
  const auto got = call(request_body("UserInterface@mixed", "[\"" + large + "\"]"));
  EXPECT_EQ(describe(got), "result {\"jsonrpc\":\"2.0\",\"id\":\"\",\"result\":\"" + large + "\"}");
  call_setup with_file;
  with_file.files.emplace_back(1000, 'f');
  EXPECT_EQ(describe(call(request_body("UserInterface@upload", R"(["@file"])"), with_file)),
            R"(result {"jsonrpc":"2.0","id":"","result":1000})");
  gate_->open = true;
  await_all(slow);
}

TEST_F(dispatcher_multiplex_test, a_file_comes_back_whole_and_then_its_method_keeps_apart) {
  const auto server = make_server();
  use_own({server.get()});
  for (int i = 0; i < 3; ++i) {
    const auto got = call(request_body("UserInterface@download", "[100000]"));
    EXPECT_EQ(std::get<net::forwarded>(got).files.at(0).size(), 100000U);
  }
}

TEST_F(dispatcher_multiplex_test, one_call_may_run_out_of_time_alone) {
  const auto server = make_server();
  use_own({server.get()});
  call_setup hurried;
  hurried.within = 50ms;
  const auto late = begin_call(request_body("Gate@pass"), hurried);
  const auto other = begin_passes(1);
  run_until_answered(late);
  EXPECT_TRUE(describe(*late->result).ends_with("unknown")) << describe(*late->result);
  gate_->open = true;
  await_all(other);
  EXPECT_TRUE(describe(*other.front()->result).starts_with("result"));
}

TEST_F(dispatcher_multiplex_test, a_lost_server_leaves_calls_unknown_and_repeats_none) {
  const auto a = make_server();
  const auto b = make_server();
  use_own({a.get(), b.get()});
  const auto calls = begin_passes(50);
  run_until([&] { return gate_->entered == 50; });
  a->get().stop();
  await_all(calls);
  for (const auto& each : calls) EXPECT_EQ(describe(*each->result), "error -32001 unknown");
  EXPECT_EQ(gate_->entered, 50);
}

TEST_F(dispatcher_multiplex_test, idempotent_calls_of_a_lost_server_are_answered_by_the_next) {
  const auto a = make_server();
  const auto b = make_server();
  use_own({a.get(), b.get()});
  const auto calls = begin_passes(50, true);
  run_until([&] { return gate_->entered == 50; });
  gate_->open = true;
  a->get().stop();
  await_all(calls);
  for (const auto& each : calls) EXPECT_TRUE(answered(each)) << describe(*each->result);
  // The trunk's end was one sign of the server's, not one for each call.
  run_until([&] { return dispatcher_->status().front().state == core::server_state::down; });
}

TEST_F(dispatcher_multiplex_test, a_draining_server_answers_what_it_has_and_gets_no_more) {
  const auto a = make_server();
  const auto b = make_server();
  use_own({a.get(), b.get()});
  const auto calls = begin_passes(20);
  run_until([&] { return gate_->entered == 20; });
  std::thread draining([&] { EXPECT_TRUE(a->get().drain(patience)); });
  // New calls move on while the old ones run; none fails.
  const auto to_b = "127.0.0.1:" + std::to_string(b->port());
  run_until([&] {
    const auto got = call(request_body("UserInterface@ping"));
    EXPECT_TRUE(describe(got).starts_with("result")) << describe(got);
    const auto* answer = std::get_if<net::forwarded>(&got);
    return answer == nullptr || answer->server == to_b;
  });
  gate_->open = true;
  await_all(calls);
  draining.join();
  for (const auto& each : calls)
    EXPECT_EQ(std::get<net::forwarded>(*each->result).server,
              "127.0.0.1:" + std::to_string(a->port()));
}

TEST_F(dispatcher_multiplex_test, the_question_is_not_for_callers) {
  fake_server plain;
  use({&plain}, quiet_options());
  std::string question;
  wire::append_multiplex_request(question, {8 << 20, 64 << 20});
  EXPECT_EQ(describe(call(question)), "error -32601 not_sent");
  EXPECT_EQ(plain.call_count(), 0U);
}

TEST_F(dispatcher_multiplex_test, a_server_that_refuses_stays_one_call_at_a_time) {
  fake_server plain;
  use({&plain}, sharing_options());
  run_until([&] { return plain.probe_count() > 0; });
  fake_step slow;
  slow.hold = true;
  plain.next({slow, slow});
  const auto one = begin_call(request_body("T@call"));
  const auto two = begin_call(request_body("T@call"));
  run_until([&] { return plain.call_count() == 2; });
  EXPECT_GE(plain.open_connections(), 2U);
  plain.release();
  await_all({one, two});
  EXPECT_EQ(describe(*one->result), from_fake);
  EXPECT_EQ(describe(*two->result), from_fake);
  EXPECT_EQ(records_of("server_multiplexed"), 0U);
}

TEST_F(dispatcher_multiplex_test, where_it_is_off_nobody_is_asked) {
  const auto server = make_server();
  auto options = sharing_options();
  options.multiplex = false;
  use_own({}, std::move(options));
  core::server_options of;
  of.address = "127.0.0.1:" + std::to_string(server->port());
  ids_.push_back(dispatcher_->add(of));
  const auto calls = begin_passes(5);
  run_until([&] { return gate_->entered == 5; });
  EXPECT_GE(server->get().connections(), 5U);
  gate_->open = true;
  await_all(calls);
  EXPECT_EQ(records_of("server_multiplexed"), 0U);
}

}  // namespace
}  // namespace understudy::test
