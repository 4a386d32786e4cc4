// A trunk and a peer that the test plays itself, byte by byte.
#include "net/trunk.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <optional>

#include "wire/answer.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

void rethrow(std::exception_ptr thrown) {
  if (thrown) std::rethrow_exception(thrown);
}

std::string result_of(std::string_view json) {
  std::string text;
  wire::append_result(text, json);
  return text;
}

std::string error_of(std::int64_t code) {
  std::string text;
  wire::append_error(text, code, "on purpose");
  return text;
}

std::string plain(std::string_view body) {
  std::string frame;
  wire::append_frame(frame, wire::frame_type::message, body);
  return frame;
}

std::string numbered(std::string_view body, wire::call_number number) {
  std::string frame;
  wire::append_numbered_frame(frame, body, number);
  return frame;
}

/// The server's end: what came is looked at without waiting.
class scripted_peer {
 public:
  explicit scripted_peer(asio::io_context& io)
      : acceptor_(io, {asio::ip::address_v4::loopback(), 0}), socket_(io) {
    acceptor_.set_option(asio::socket_base::receive_buffer_size(4096));
    acceptor_.non_blocking(true);
  }

  [[nodiscard]] tcp::endpoint address() const { return acceptor_.local_endpoint(); }

  bool accepted() {
    error_code ec;
    if (socket_.is_open()) return true;
    acceptor_.accept(socket_, ec);
    if (!ec) socket_.non_blocking(true);
    return !ec;
  }
  /// One read's worth of frames goes to the rest.
  void read() {
    error_code ec;
    if (!accepted()) return;
    const auto room = reader_.prepare(1 << 20);
    const auto bytes = socket_.read_some(asio::buffer(room.data(), room.size()), ec);
    if (ec && ec != asio::error::would_block) ended_ = true;
    if (ec) return;
    reader_.commit(bytes);
    ++reads_;
    for (;;) {
      const auto next = reader_.next();
      if (!std::holds_alternative<wire::frame>(next)) return;
      messages_.emplace_back(std::get<wire::frame>(next).body);
    }
  }
  [[nodiscard]] const std::vector<std::string>& messages() const { return messages_; }
  [[nodiscard]] wire::call_number number(std::size_t which) const {
    return wire::split_number(messages_.at(which))->number;
  }
  [[nodiscard]] std::string body(std::size_t which) const {
    return std::string(wire::split_number(messages_.at(which))->body);
  }
  [[nodiscard]] int reads() const { return reads_; }
  [[nodiscard]] bool ended() const { return ended_; }
  void send(const std::string& bytes) { asio::write(socket_, asio::buffer(bytes)); }
  void close() { socket_.close(); }
  void reset() {
    socket_.set_option(asio::socket_base::linger(true, 0));
    socket_.close();
  }

 private:
  tcp::acceptor acceptor_;
  tcp::socket socket_;
  wire::frame_reader reader_{wire::frame_limits{}};
  std::vector<std::string> messages_;
  int reads_ = 0;
  bool ended_ = false;
};

struct running {
  std::string body;
  std::shared_ptr<carrier> by;
  std::optional<exchange> got;
};

asio::awaitable<void> open_it(std::shared_ptr<trunk> which, tcp::endpoint server,
                              core::duration within, std::optional<trunk::opening>& how) {
  how = co_await which->open(server, clock::now() + within);
}

asio::awaitable<void> carry_it(std::shared_ptr<running> call, core::time_point deadline) {
  const outgoing what{call->body};
  call->got = co_await carry(call->by, what, deadline);
}

class trunk_test : public testing::Test {
 protected:
  ~trunk_test() override {
    trunk_->close();
    io_.restart();
    io_.run_for(10s);
    EXPECT_TRUE(io_.stopped()) << "something never ends";
  }

  void run_until(const std::function<bool()>& holds) {
    const auto limit = clock::now() + 60s;
    io_.restart();
    while (!holds()) {
      ASSERT_LT(clock::now(), limit) << "what was waited for did not come";
      io_.run_one_for(1ms);
      if (io_.stopped()) io_.restart();
    }
  }

  /// Up to the answer to the question.
  trunk::opening ask(const std::string& answer, core::duration within = 20s) {
    std::optional<trunk::opening> how;
    asio::co_spawn(io_, open_it(trunk_, peer_.address(), within, how), rethrow);
    run_until([&] { return peer_.read(), peer_.messages().size() == 1 || how.has_value(); });
    if (!answer.empty()) peer_.send(answer);
    run_until([&] { return how.has_value(); });
    return *how;
  }
  void open(std::size_t calls_max = 8) {
    std::string grant;
    wire::append_multiplex_grant(grant, {calls_max, 65536});
    ASSERT_EQ(ask(plain(result_of(grant))), trunk::opening::open);
  }
  std::shared_ptr<running> begin(std::string body, core::duration within = 20s) {
    auto call = std::make_shared<running>();
    call->body = std::move(body);
    call->by = trunk_->begin();
    asio::co_spawn(io_, carry_it(call, clock::now() + within), rethrow);
    return call;
  }
  /// Until so many messages have come to the peer; the first is the question.
  void await_messages(std::size_t count) {
    run_until([&] { return peer_.read(), peer_.messages().size() >= count; });
  }
  void await(const std::shared_ptr<running>& call) {
    run_until([&] { return call->got.has_value(); });
  }

  asio::io_context io_{1};
  scripted_peer peer_{io_};
  std::vector<bool> idle_ends_;  ///< as told: closed
  std::shared_ptr<trunk> trunk_ =
      std::make_shared<trunk>(io_.get_executor(), wire::frame_limits{},
                              [this](bool closed) { idle_ends_.push_back(closed); });
};

TEST_F(trunk_test, opens_where_it_is_granted) {
  open();
  EXPECT_TRUE(wire::parse_multiplex_request(peer_.messages().front()));
  EXPECT_FALSE(trunk_->ended());
  EXPECT_TRUE(trunk_->takes(100));
}

TEST_F(trunk_test, a_server_that_does_not_know_the_service_refuses) {
  EXPECT_EQ(ask(plain(error_of(-32601))), trunk::opening::refused);
}

TEST_F(trunk_test, a_server_with_too_much_to_do_may_be_asked_again) {
  EXPECT_EQ(ask(plain(error_of(-32003))), trunk::opening::not_now);
}

TEST_F(trunk_test, any_other_result_is_a_refusal) {
  EXPECT_EQ(ask(plain(result_of("true"))), trunk::opening::refused);
}

TEST_F(trunk_test, a_grant_with_more_behind_it_is_none) {
  std::string grant;
  wire::append_multiplex_grant(grant, {8, 65536});
  EXPECT_EQ(ask(plain(result_of(grant)) + "x"), trunk::opening::refused);
}

TEST_F(trunk_test, silence_ends_with_the_deadline) {
  EXPECT_EQ(ask("", 50ms), trunk::opening::no_answer);
}

TEST_F(trunk_test, calls_that_begin_together_leave_in_one_write) {
  open();
  std::vector<std::shared_ptr<running>> calls;
  for (int i = 0; i < 5; ++i) calls.push_back(begin("call " + std::to_string(i)));
  const auto before = peer_.reads();
  await_messages(6);
  EXPECT_EQ(peer_.reads(), before + 1);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(peer_.body(i + 1), calls[i]->body);
  trunk_->close();
  for (const auto& call : calls) await(call);
}

TEST_F(trunk_test, answers_in_any_order_reach_their_calls) {
  open();
  std::vector<std::shared_ptr<running>> calls;
  for (int i = 0; i < 5; ++i) calls.push_back(begin("call"));
  await_messages(6);
  std::string answers;
  for (std::size_t i = 5; i-- > 0;)
    answers += numbered(result_of(std::to_string(i)), peer_.number(i + 1));
  peer_.send(answers);
  for (std::size_t i = 0; i < 5; ++i) {
    await(calls[i]);
    EXPECT_EQ(calls[i]->got->how, core::outcome::answered);
    EXPECT_EQ(calls[i]->got->body, result_of(std::to_string(i)));
  }
  EXPECT_TRUE(trunk_->idle());
}

TEST_F(trunk_test, an_error_is_an_answer_with_its_code) {
  open();
  const auto call = begin("call");
  await_messages(2);
  peer_.send(numbered(error_of(42), peer_.number(1)));
  await(call);
  EXPECT_EQ(call->got->how, core::outcome::answered);
  EXPECT_EQ(call->got->error_code, 42);
}

TEST_F(trunk_test, files_belong_to_the_answer_behind_them) {
  open();
  const auto one = begin("one");
  const auto two = begin("two");
  await_messages(3);
  std::string bytes;
  wire::append_frame(bytes, wire::frame_type::file, "content");
  peer_.send(bytes + numbered(result_of("\"@file\""), peer_.number(2)) +
             numbered(result_of("1"), peer_.number(1)));
  await(one);
  await(two);
  EXPECT_EQ(two->got->files, std::vector<std::string>{"content"});
  EXPECT_TRUE(one->got->files.empty());
}

TEST_F(trunk_test, an_unreadable_answer_is_its_calls_alone) {
  open();
  const auto bad = begin("bad");
  const auto good = begin("good");
  await_messages(3);
  peer_.send(numbered("no json", peer_.number(1)) + numbered(result_of("1"), peer_.number(2)));
  await(bad);
  await(good);
  EXPECT_EQ(bad->got->how, core::outcome::unreadable);
  EXPECT_EQ(good->got->how, core::outcome::answered);
  EXPECT_FALSE(trunk_->ended());
}

TEST_F(trunk_test, a_number_that_was_never_given_out_ends_it) {
  open();
  const auto call = begin("call");
  await_messages(2);
  peer_.send(numbered(result_of("1"), wire::call_number{7}));
  await(call);
  EXPECT_EQ(call->got->how, core::outcome::unreadable);
  EXPECT_TRUE(trunk_->ended());
}

TEST_F(trunk_test, a_second_answer_to_one_number_ends_it) {
  open();
  const auto first = begin("first");
  await_messages(2);
  const auto answer = numbered(result_of("1"), peer_.number(1));
  peer_.send(answer);
  await(first);
  const auto second = begin("second");
  await_messages(3);
  EXPECT_NE(peer_.number(1), peer_.number(2)) << "a place in use again has another number";
  peer_.send(answer);
  await(second);
  EXPECT_EQ(second->got->how, core::outcome::unreadable);
}

TEST_F(trunk_test, the_death_of_the_peer_is_unknown_for_all_that_had_left) {
  open();
  const auto one = begin("one");
  const auto two = begin("two");
  await_messages(3);
  peer_.send(numbered(result_of("1"), peer_.number(2)));
  peer_.close();
  await(one);
  await(two);
  EXPECT_EQ(one->got->how, core::outcome::lost);
  EXPECT_EQ(two->got->how, core::outcome::answered) << "it was answered before";
  EXPECT_TRUE(idle_ends_.empty());
}

// The peer reads nothing: its buffer and ours fill, the rest waits in the trunk.
TEST_F(trunk_test, what_the_kernel_took_no_byte_of_was_not_sent) {
  open(200);
  std::vector<std::shared_ptr<running>> calls;
  while (trunk_->takes(65536) && calls.size() < 200) {
    calls.push_back(begin(std::string(65536, 'x')));
    io_.restart();
    io_.poll();
  }
  ASSERT_LT(calls.size(), 200U) << "the kernel takes all of it";
  peer_.reset();
  bool stale = false;
  for (const auto& call : calls) {
    await(call);
    const auto how = call->got->how;
    if (how == core::outcome::stale) stale = true;
    EXPECT_EQ(how, stale ? core::outcome::stale : core::outcome::lost);
  }
  EXPECT_TRUE(stale);
  EXPECT_EQ(calls.front()->got->how, core::outcome::lost);
}

TEST_F(trunk_test, a_call_given_up_before_it_left_never_leaves) {
  open();
  const auto gone = begin("gone");
  io_.restart();
  io_.poll_one();  // it is in the buffer
  gone->by->close();
  const auto other = begin("other");
  await_messages(2);
  await(gone);
  EXPECT_EQ(gone->got->how, core::outcome::stale);
  EXPECT_EQ(peer_.body(1), "other");
  peer_.send(numbered(result_of("1"), peer_.number(1)));
  await(other);
  EXPECT_EQ(other->got->how, core::outcome::answered);
}

TEST_F(trunk_test, the_late_answer_of_a_call_given_up_is_dropped) {
  open(2);
  const auto late = begin("late", 100ms);
  const auto other = begin("other");
  await_messages(3);
  peer_.send(numbered(result_of("\"other\""), peer_.number(2)));
  await(other);
  await(late);
  EXPECT_EQ(late->got->how, core::outcome::timed_out);
  const auto next = begin("next");
  EXPECT_FALSE(trunk_->takes(1)) << "the server still works on it";
  await_messages(4);
  peer_.send(numbered(result_of("\"late\""), peer_.number(1)));
  run_until([&] { return trunk_->takes(1); });
  peer_.send(numbered(result_of("\"next\""), peer_.number(3)));
  await(next);
  EXPECT_EQ(next->got->body, result_of("\"next\""));
}

TEST_F(trunk_test, a_call_in_whose_time_nothing_came_at_all_is_its_last) {
  open(2);
  const auto late = begin("late", 30ms);
  await_messages(2);
  await(late);
  EXPECT_EQ(late->got->how, core::outcome::timed_out);
  EXPECT_TRUE(trunk_->ended());
}

TEST_F(trunk_test, it_takes_no_more_calls_than_granted_and_no_large_one) {
  open(2);
  EXPECT_FALSE(trunk_->takes(65537));
  const auto one = begin("one");
  EXPECT_TRUE(trunk_->takes(1));
  const auto two = begin("two");
  EXPECT_FALSE(trunk_->takes(1));
  await_messages(3);
  trunk_->close();
  await(one);
  await(two);
}

TEST_F(trunk_test, after_a_farewell_only_what_runs_is_answered) {
  open();
  const auto call = begin("call");
  await_messages(2);
  peer_.send(numbered({}, wire::farewell));
  run_until([&] { return !trunk_->takes(1); });
  EXPECT_FALSE(trunk_->ended());
  peer_.send(numbered(result_of("1"), peer_.number(1)));
  await(call);
  EXPECT_EQ(call->got->how, core::outcome::answered);
  run_until([&] { return peer_.read(), peer_.ended(); });
  EXPECT_TRUE(trunk_->ended());
  EXPECT_EQ(idle_ends_, std::vector<bool>{true});
}

TEST_F(trunk_test, its_end_while_nothing_waits_is_told_once) {
  open();
  peer_.close();
  run_until([&] { return trunk_->ended(); });
  EXPECT_EQ(idle_ends_, std::vector<bool>{true});
}

TEST_F(trunk_test, bytes_that_nobody_asked_for_end_it) {
  open();
  peer_.send(numbered(result_of("1"), wire::call_number{0}));
  run_until([&] { return trunk_->ended(); });
  EXPECT_EQ(idle_ends_, std::vector<bool>{false});
}

}  // namespace
}  // namespace understudy::net
