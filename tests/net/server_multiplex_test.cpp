// Many calls at a time on one connection, as the server sees it: a socket asks for it, then speaks.
#include <gtest/gtest.h>

#include <atomic>
#include <map>

#include "support/test_server.hpp"
#include "wire/multiplex.hpp"

namespace understudy::test {
namespace {

using namespace std::chrono_literals;
using wire::call_number;

const std::string ping = request_text("UserInterface@ping", "[]");
const std::string pass = request_text("Gate@pass", "[]");

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

std::string question(std::size_t message_bytes_max = 8 << 20) {
  std::string body;
  wire::append_multiplex_request(body, {message_bytes_max, 64 << 20});
  return body;
}

std::string numbered(std::string_view body, std::uint32_t number) {
  std::string frame;
  wire::append_numbered_frame(frame, body, call_number{number});
  return frame;
}

class server_multiplex_test : public testing::Test {
 protected:
  void start(const server_options& options = {}) {
    server_.emplace(options, [this](server& serving) {
      service<gate> gates("Gate", gate_);
      gates.method("pass", &gate::pass);
      serving.add(std::move(gates));
    });
    peer_.emplace(server_->port());
  }
  void start_asked(const server_options& options = {}, std::size_t message_bytes_max = 8 << 20) {
    start(options);
    ASSERT_EQ(answer_kind(peer_->ask(question(message_bytes_max))), "result");
  }
  /// The kind of the next answer, and its number.
  std::pair<std::string, std::uint32_t> next() {
    const auto frame = peer_->receive();
    const auto split = frame ? wire::split_number(frame->body) : std::nullopt;
    if (!split) return {"end", 0};
    const auto number = static_cast<std::uint32_t>(split->number);
    return {split->body.empty() ? "" : answer_kind(split->body), number};
  }

  std::shared_ptr<gate> gate_ = std::make_shared<gate>();
  std::optional<test_server> server_;
  std::optional<wire_socket> peer_;
};

using answered = std::pair<std::string, std::uint32_t>;

TEST_F(server_multiplex_test, grants_what_its_options_say) {
  server_options options;
  options.multiplexed_calls_max = 7;
  start(options);
  const auto text = peer_->ask(question());
  const auto grant = wire::parse_multiplex_grant(wire::parse_answer(text).value());
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->calls_max, 7U);
  EXPECT_EQ(grant->message_bytes_max, 65536U);
}

TEST_F(server_multiplex_test, is_asked_after_other_calls_too) {
  start();
  EXPECT_EQ(answer_kind(peer_->ask("@action_interface")), "result");
  EXPECT_EQ(answer_kind(peer_->ask(ping)), "result");
  EXPECT_EQ(answer_kind(peer_->ask(question())), "result");
  peer_->send(numbered(ping, 5));
  EXPECT_EQ(next(), answered("result", 5));
}

TEST_F(server_multiplex_test, refuses_as_a_server_that_does_not_know_it_where_it_is_off) {
  server_options options;
  options.multiplexed_calls_max = 0;
  start(options);
  EXPECT_EQ(answer_kind(peer_->ask(question())), "-32601");
  EXPECT_EQ(answer_kind(peer_->ask(ping)), "result");
}

TEST_F(server_multiplex_test, refuses_where_one_connection_would_meet_one_of_many_threads) {
  server_options options;
  options.threads = 2;
  start(options);
  EXPECT_EQ(answer_kind(peer_->ask(question())), "-32601");
}

TEST_F(server_multiplex_test, refuses_who_does_not_wait_for_the_answer) {
  start();
  peer_->send(message_frame(question()) + message_frame(ping));
  EXPECT_EQ(answer_kind(peer_->receive().value().body), "-32601");
  EXPECT_EQ(answer_kind(peer_->receive().value().body), "result");
}

TEST_F(server_multiplex_test, answers_as_soon_as_it_can_and_not_in_order) {
  start_asked();
  peer_->send(numbered(pass, 1) + numbered(ping, 2) + numbered("no json", 3));
  EXPECT_EQ(next(), answered("result", 2));
  EXPECT_EQ(next(), answered("-32700", 3));
  ASSERT_TRUE(eventually([&] { return gate_->entered == 1; }));
  gate_->open = true;
  EXPECT_EQ(next(), answered("result", 1));
}

TEST_F(server_multiplex_test, answers_of_one_batch_leave_together) {
  start_asked();
  std::string batch;
  for (std::uint32_t i = 0; i < 50; ++i) batch += numbered(ping, i);
  peer_->send(batch);
  const auto answer = numbered(R"({"jsonrpc":"2.0","id":"","result":null})", 0);
  EXPECT_EQ(peer_->read_once(1 << 20).size(), 50 * answer.size());
}

TEST_F(server_multiplex_test, calls_run_beside_each_other_up_to_its_bound) {
  server_options options;
  options.multiplexed_calls_max = 20;
  start_asked(options);
  std::string batch;
  for (std::uint32_t i = 0; i < 20; ++i) batch += numbered(pass, i);
  peer_->send(batch);
  ASSERT_TRUE(eventually([&] { return gate_->entered == 20; }));
  gate_->open = true;
  std::map<std::uint32_t, int> numbers;
  for (int i = 0; i < 20; ++i) {
    const auto [kind, number] = next();
    EXPECT_EQ(kind, "result");
    ++numbers[number];
  }
  EXPECT_EQ(numbers.size(), 20U);
}

TEST_F(server_multiplex_test, who_goes_beyond_the_bound_gets_what_runs_and_is_cut_off) {
  server_options options;
  options.multiplexed_calls_max = 2;
  start_asked(options);
  peer_->send(numbered(pass, 1) + numbered(pass, 2) + numbered(pass, 3));
  ASSERT_TRUE(eventually([&] { return gate_->entered == 2; }));
  gate_->open = true;
  EXPECT_EQ(next().first, "result");
  EXPECT_EQ(next().first, "result");
  EXPECT_TRUE(peer_->closed());
  EXPECT_EQ(gate_->entered, 2);
}

TEST_F(server_multiplex_test, messages_without_a_number_and_files_end_it) {
  start();
  std::string file;
  wire::append_frame(file, wire::frame_type::file, "content");
  const std::string too_large = message_frame(std::string(65536 + 5, 'x'));
  for (const auto& bytes :
       {message_frame("abc"), file, too_large, std::string("GET / HTTP/1.1\r\n\r\n"),
        numbered({}, static_cast<std::uint32_t>(wire::farewell))}) {
    wire_socket peer(server_->port());
    ASSERT_EQ(answer_kind(peer.ask(question())), "result");
    peer.send(bytes);
    EXPECT_TRUE(peer.closed());
  }
}

TEST_F(server_multiplex_test, what_was_answered_before_broken_framing_arrives_and_it_ends) {
  start_asked();
  peer_->send(numbered(request_text("Nobody@home", "[]"), 1) + message_frame("abc"));
  EXPECT_EQ(next().second, 1U);
  EXPECT_TRUE(peer_->closed());
}

TEST_F(server_multiplex_test, poison_is_answered) {
  start_asked();
  peer_->send(numbered({}, 1) + numbered("0", 2) + numbered(ping, 3));
  EXPECT_EQ(next(), answered("-32600", 1));
  EXPECT_EQ(next(), answered("-32600", 2));
  EXPECT_EQ(next(), answered("result", 3));
}

TEST_F(server_multiplex_test, an_answer_larger_than_its_caller_takes_is_an_error) {
  start_asked({}, 1000);
  peer_->send(
      numbered(request_text("UserInterface@mixed", "[\"" + std::string(2000, 'x') + "\"]"), 1) +
      numbered(ping, 2));
  EXPECT_EQ(next(), answered("-32005", 1));
  EXPECT_EQ(next(), answered("result", 2));
}

TEST_F(server_multiplex_test, files_come_before_their_answer) {
  start_asked();
  peer_->send(numbered(request_text("UserInterface@download", "[10]"), 1));
  EXPECT_EQ(peer_->receive().value().type, 1U);
  EXPECT_EQ(next(), answered("result", 1));
}

TEST_F(server_multiplex_test, who_ends_sending_gets_all_answers) {
  start_asked();
  peer_->send(numbered(pass, 1) + numbered(pass, 2));
  peer_->end_sending();
  ASSERT_TRUE(eventually([&] { return gate_->entered == 2; }));
  gate_->open = true;
  EXPECT_EQ(next().first, "result");
  EXPECT_EQ(next().first, "result");
  EXPECT_TRUE(peer_->closed());
}

TEST_F(server_multiplex_test, says_farewell_when_it_drains_and_answers_what_runs) {
  start_asked();
  peer_->send(numbered(pass, 1));
  ASSERT_TRUE(eventually([&] { return gate_->entered == 1; }));
  std::thread draining([&] { EXPECT_TRUE(server_->get().drain(patience)); });
  EXPECT_EQ(next(), answered("", static_cast<std::uint32_t>(wire::farewell)));
  gate_->open = true;
  EXPECT_EQ(next(), answered("result", 1));
  EXPECT_TRUE(peer_->closed());
  draining.join();
}

TEST_F(server_multiplex_test, silence_ends_it_but_not_while_a_call_runs) {
  server_options options;
  options.idle_timeout = 300ms;
  start_asked(options);
  wire_socket silent(server_->port());
  ASSERT_EQ(answer_kind(silent.ask(question())), "result");
  peer_->send(numbered(pass, 1));
  EXPECT_TRUE(silent.closed());
  EXPECT_TRUE(peer_->quiet());
  gate_->open = true;
  EXPECT_EQ(next(), answered("result", 1));
  EXPECT_TRUE(peer_->closed());
}

TEST_F(server_multiplex_test, a_frame_that_trickles_in_ends_it) {
  server_options options;
  options.frame_timeout = 300ms;
  start_asked(options);
  peer_->send(numbered(ping, 1).substr(0, 20));
  EXPECT_TRUE(peer_->closed());
}

TEST_F(server_multiplex_test, who_does_not_read_is_read_no_more_and_ends) {
  server_options options;
  options.write_timeout = 500ms;
  start_asked(options);
  const auto large =
      numbered(request_text("UserInterface@mixed", "[\"" + std::string(60000, 'x') + "\"]"), 1);
  // It takes what the kernels and its own bound hold, and no more.
  std::size_t taken = 0;
  std::string_view rest = large;
  try {
    while (taken < (std::size_t{64} << 20) && peer_->writable_within(200ms)) {
      const auto sent = peer_->send_some(rest);
      taken += sent;
      rest.remove_prefix(sent);
      if (rest.empty()) rest = large;
    }
  } catch (const std::system_error&) {
    // It closed already.
  }
  EXPECT_LT(taken, std::size_t{64} << 20);
  EXPECT_TRUE(eventually([&] { return server_->get().connections() == 0; }));
}

}  // namespace
}  // namespace understudy::test
