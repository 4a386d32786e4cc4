// From the server's greeting to the end: bytes both ways, and when to part from the server.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstring>

#include "net/sql_session.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto as_value = asio::as_tuple(asio::deferred);

/// For a client to read what it was told last. To close with its bytes unread would reset the
/// connection, and might take the words back.
constexpr std::chrono::milliseconds farewell_max{1000};

constexpr std::uint16_t connection_killed = 1927;
constexpr std::string_view link_failure = "08S01";

/// Many libraries know a lost connection by the words "server has gone away".
std::string not_executed(std::uint8_t sequence, const std::string& why) {
  return sql_error(
      sequence, connection_killed, link_failure,
      "This was not executed: the server has gone away, " + why + ". Connect again and repeat it");
}

std::string refusal(std::uint8_t sequence, sql_step::reason why) {
  switch (why) {
    case sql_step::reason::kill:
      return sql_error(sequence, 1095, "HY000",
                       "KILL is refused here: it could have a commit acknowledged that no replica "
                       "has. Connect to the server itself for it");
    case sql_step::reason::unreadable:
      return sql_error(sequence, 1235, "42000", "TLS is not possible at this address");
    default:
      return sql_error(sequence, 1047, link_failure, "Unknown command");
  }
}

}  // namespace

asio::awaitable<void> sql_session::carry_down() {
  while (phase_ == phase::open) {
    auto [ec, bytes] = co_await server_.async_read_some(asio::buffer(*down_), as_value);
    if (phase_ != phase::open) co_return;
    if (ec) {
      if (!between_statements()) break;
      why_ = "because it ended the connection";
      farewell(not_executed(1, why_), sql_parting::itself);
      co_return;
    }
    talk_.from_server({down_->data(), bytes});
    delivering_ = true;
    auto [failed, ignored] =
        co_await asio::async_write(client_, asio::buffer(*down_, bytes), as_value);
    delivering_ = false;
    if (phase_ != phase::open) co_return;
    if (failed) break;
    if (parted_) {
      farewell(not_executed(1, why_), sql_parting::itself);
      co_return;
    }
    bell_.cancel();
    end_if_rests();
  }
  if (phase_ == phase::open) close();
}

asio::awaitable<void> sql_session::carry_up(std::shared_ptr<sql_session> self) {
  auto& s = *self;
  using kind = sql_step::kind;
  while (s.phase_ == phase::open) {
    const std::string_view received(s.up_->data() + s.up_begin_, s.up_end_ - s.up_begin_);
    const bool may_begin = !s.parted_ && (!s.draining_ || s.talk_.in_transaction());
    const bool full = received.size() == buffer_bytes;
    const sql_step step = s.talk_.from_client(received, full, may_begin);
    if (step.what == kind::more) {
      co_await s.receive_up();
    } else if (step.what == kind::forward) {
      co_await s.forward(step.bytes);
    } else if (step.what == kind::wait) {
      (void)co_await s.bell_.async_wait(as_value);
    } else {
      while (s.delivering_ && s.phase_ == phase::open) (void)co_await s.bell_.async_wait(as_value);
      if (s.phase_ == phase::open) s.refuse_statement(step);
    }
  }
  if (s.phase_ == phase::leaving) co_await s.discard_rest();
  s.close();
}

asio::awaitable<void> sql_session::receive_up() {
  if (up_begin_ > 0) {
    std::memmove(up_->data(), up_->data() + up_begin_, up_end_ - up_begin_);
    up_end_ -= up_begin_;
    up_begin_ = 0;
  }
  const auto room = asio::buffer(up_->data() + up_end_, buffer_bytes - up_end_);
  auto [ec, bytes] = co_await client_.async_read_some(room, as_value);
  up_end_ += bytes;
  if (ec) close();
}

asio::awaitable<void> sql_session::forward(std::size_t bytes) {
  forwarding_ = true;
  auto [ec, ignored] =
      co_await asio::async_write(server_, asio::buffer(up_->data() + up_begin_, bytes), as_value);
  forwarding_ = false;
  up_begin_ += bytes;
  if (up_begin_ == up_end_) up_begin_ = up_end_ = 0;
  // A server that has ended may have said why: carry_down() reads it, and its end.
  if (ec && phase_ == phase::open) (void)co_await bell_.async_wait(as_value);
  if (phase_ == phase::open) end_if_rests();
}

asio::awaitable<void> sql_session::discard_rest() {
  while (phase_ == phase::leaving) {
    auto [ec, ignored] = co_await client_.async_read_some(asio::buffer(*up_), as_value);
    if (ec) co_return;
  }
}

void sql_session::refuse_statement(sql_step step) {
  host_->count_statement_refused();
  if (step.why == sql_step::reason::none) return close();
  const std::string error = refusal(talk_.answer_sequence(), step.why);
  if (step.what == sql_step::kind::end) return farewell(error, sql_parting::itself);
  up_begin_ += step.bytes;
  if (!say(error)) close();
}

bool sql_session::between_statements() const {
  return talk_.readable() && talk_.resting() && !delivering_ && !forwarding_;
}

void sql_session::end_if_rests() {
  if (phase_ != phase::open || !draining_) return;
  if (!between_statements() || talk_.in_transaction()) return;
  farewell(not_executed(1, why_), sql_parting::ended);
}

void sql_session::farewell(const std::string& error, sql_parting how) {
  phase_ = phase::leaving;
  leave_place(how);
  error_code ec;
  if (say(error)) client_.shutdown(tcp::socket::shutdown_send, ec);
  bell_.cancel();
  close_after(farewell_max);
}

void sql_session::close_after(std::chrono::milliseconds time) {
  limit_.expires_after(time);
  limit_.async_wait([self = shared_from_this()](error_code cancelled) {
    if (!cancelled) self->close();
  });
}

void sql_session::cut(std::string_view why) {
  if (phase_ == phase::connecting) {
    moved_ = true;
    leave_place(sql_parting::itself);
    bell_.cancel();
  }
  if (phase_ != phase::open || parted_) return;
  why_ = why;
  const auto how = talk_.in_transaction() ? sql_parting::cut : sql_parting::ended;
  if (between_statements()) {
    farewell(not_executed(1, why_), how);
  } else if (talk_.readable() && talk_.resting() && !forwarding_) {
    // The last answer is on its way to the client, whole.
    parted_ = true;
    leave_place(how);
    close_after(farewell_max);
  } else {
    leave_place(sql_parting::cut);
    close();
  }
}

void sql_session::drain(std::string_view why, std::chrono::milliseconds at_most) {
  if (phase_ == phase::connecting) return cut(why);
  if (phase_ != phase::open || parted_) return;
  why_ = why;
  draining_ = true;
  limit_.expires_after(at_most);
  limit_.async_wait([self = shared_from_this()](error_code cancelled) {
    if (!cancelled) self->cut(self->why_);
  });
  end_if_rests();
}

void sql_session::stay() {
  if (phase_ != phase::open || !draining_) return;
  draining_ = false;
  limit_.cancel();
  bell_.cancel();
}

}  // namespace understudy::net
