// From a client's arrival to its server's greeting.
#include "net/sql_session.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <optional>
#include <utility>

#include "net/address.hpp"
#include "net/resolver.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr auto as_value = asio::as_tuple(asio::deferred);

/// Before servers that refused are asked again: a takeover is quicker than a restart.
constexpr milliseconds retry_pause{50};
constexpr std::uint16_t too_many_connections = 1040;
constexpr std::uint16_t server_shutdown = 1053;

void use_well(tcp::socket& socket) {
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(tcp::socket::keep_alive(true), ignored);  // who vanished is found in the end
}

}  // namespace

sql_session::sql_session(std::shared_ptr<sql_host> host, tcp::socket client)
    : host_(std::move(host)),
      client_(std::move(client)),
      server_(client_.get_executor()),
      bell_(client_.get_executor()),
      limit_(client_.get_executor()),
      talk_({host_->options().refuse_kill, host_->options().allow_unreadable}) {
  use_well(client_);
}

asio::awaitable<void> sql_session::run(std::shared_ptr<sql_session> self) {
  self->watch_client();
  const bool found = co_await self->find_server();
  if (found) {
    self->up_ = std::make_unique<std::array<char, buffer_bytes>>();
    self->down_ = std::make_unique<std::array<char, buffer_bytes>>();
    self->bell_.expires_at(time_point::max());
    asio::co_spawn(self->client_.get_executor(), carry_up(self), asio::detached);
    co_await self->carry_down();
  } else {
    self->close();
  }
}

asio::awaitable<bool> sql_session::find_server() {
  const auto deadline = clock::now() + host_->options().wait_max;
  std::optional<bool> may_wait;
  const std::string& name = host_->options().name;
  std::vector<sql_place_ptr> tried;
  while (phase_ != phase::closed) {
    const auto now = clock::now();
    place_ = now < deadline ? host_->choose(tried) : nullptr;
    if (place_) {
      phase_ = phase::connecting;
      ++place_->connections;
      const bool connected =
          co_await connect(std::min(deadline, now + host_->options().connect_max));
      if (connected) co_return true;
      if (phase_ == phase::closed) break;
      if (!moved_) tried.push_back(place_);
      phase_ = phase::choosing;
      leave_place(sql_parting::itself);
      continue;
    }
    if (!may_wait) may_wait = host_->has_room_to_wait();
    if (!*may_wait) {
      refuse(too_many_connections,
             "Too many clients wait for a \"" + name + "\" connection; try again");
    } else if (now >= deadline) {
      const bool unreached = !tried.empty();
      refuse(server_shutdown,
             (unreached ? "No server could be reached for a \"" : "No server is there for a \"") +
                 name + "\" connection; try again");
    } else {
      co_await rung_or(tried.empty() ? deadline : std::min(deadline, now + retry_pause));
      tried.clear();
    }
  }
  co_return false;
}

// Handlers may come when the next attempt is under way, or none.
asio::awaitable<bool> sql_session::connect(time_point deadline) {
  const auto self = shared_from_this();
  const auto attempt = ++attempt_;
  reached_ = failed_ = moved_ = false;
  const auto over = [this, deadline] {
    return failed_ || moved_ || phase_ != phase::connecting || clock::now() >= deadline;
  };
  const auto address = split_address(place_->target.address);
  if (!address) co_return false;
  auto endpoint = numeric_endpoint(*address);
  if (!endpoint) {
    const resolved found = co_await resolve(client_.get_executor(), *address, deadline);
    if (over() || found.endpoints.empty()) co_return false;
    endpoint = found.endpoints.front();
  }
  error_code ec;
  server_ = tcp::socket(client_.get_executor());
  server_.open(endpoint->protocol(), ec);
  if (ec) co_return false;
  use_well(server_);
  const auto step_done = [self, attempt](error_code result) {
    if (self->attempt_ != attempt) return;
    self->reached_ = true;
    self->failed_ = self->failed_ || result;
    self->bell_.cancel();
  };
  server_.async_connect(*endpoint, step_done);
  while (!reached_ && !over()) co_await rung_or(deadline);
  if (over()) co_return false;
  // A frozen server is connected by its kernel, and says nothing.
  reached_ = false;
  server_.async_wait(tcp::socket::wait_read, step_done);
  while (!reached_ && !over()) co_await rung_or(deadline);
  if (!reached_ || failed_ || moved_ || phase_ != phase::connecting) co_return false;
  char byte = 0;
  if (::recv(server_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) co_return false;
  phase_ = phase::open;
  co_return true;
}

asio::awaitable<void> sql_session::rung_or(time_point until) {
  bell_.expires_at(until);
  (void)co_await bell_.async_wait(as_value);
}

// MariaDB's clients let the server speak first. What comes before is the end, or no such client.
void sql_session::watch_client() {
  client_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](error_code) {
    const bool greeted = self->phase_ != phase::choosing && self->phase_ != phase::connecting;
    if (!greeted) self->close();
  });
}

void sql_session::refuse(std::uint16_t code, const std::string& text) {
  host_->count_refused();
  (void)say(sql_error(0, code, "", text));
  close();
}

bool sql_session::say(const std::string& bytes) {
  error_code ec;
  return client_.write_some(asio::buffer(bytes), ec) == bytes.size() && !ec;
}

void sql_session::leave_place(sql_parting how) {
  error_code ignored;
  server_.close(ignored);
  if (!place_) return;
  --place_->connections;
  place_.reset();
  host_->left_place(how);
}

void sql_session::close() {
  if (phase_ == phase::closed) return;
  phase_ = phase::closed;
  error_code ignored;
  client_.close(ignored);
  bell_.cancel();
  limit_.cancel();
  leave_place(sql_parting::itself);
  host_->closed(*this);
}

}  // namespace understudy::net
