#include "net/sql_proxy_fixture.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <stdexcept>
#include <utility>

namespace understudy::test {
namespace {

constexpr auto a_while = 30ms;

bool readable(int socket, std::chrono::milliseconds within) {
  pollfd fd{socket, POLLIN, 0};
  return ::poll(&fd, 1, static_cast<int>(within.count())) > 0;
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return at;
}

void send_at_once(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

sql_end sql_end::to(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in at = loopback(port);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
    ::close(socket);
    throw std::runtime_error("cannot connect");
  }
  send_at_once(socket);
  return sql_end(socket);
}

sql_end::sql_end(sql_end&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}

sql_end::~sql_end() {
  if (socket_ >= 0) ::close(socket_);
}

void sql_end::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) throw std::runtime_error("cannot send");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::size_t sql_end::send_some(std::string_view bytes) {
  const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

std::string sql_end::read(std::size_t bytes) {
  std::string out(bytes, '\0');
  std::size_t got = 0;
  while (got < bytes) {
    if (!readable(socket_, patience)) throw std::runtime_error("nothing comes");
    const auto more = ::recv(socket_, out.data() + got, bytes - got, 0);
    if (more <= 0) break;
    got += static_cast<std::size_t>(more);
  }
  out.resize(got);
  return out;
}

void sql_end::expect(std::string_view bytes) {
  ASSERT_EQ(read(bytes.size()), bytes);
}

std::string sql_end::rest() {
  std::string out;
  for (std::string more = read(1); !more.empty(); more = read(1)) out += more;
  return out;
}

bool sql_end::quiet() {
  return !readable(socket_, a_while);
}

sql_listener::sql_listener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in at = loopback(0);
  socklen_t length = sizeof at;
  if (::bind(socket_, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 ||
      ::listen(socket_, 128) != 0 ||
      ::getsockname(socket_, reinterpret_cast<sockaddr*>(&at), &length) != 0) {
    throw std::runtime_error("cannot listen");
  }
  port_ = ntohs(at.sin_port);
}

sql_listener::~sql_listener() {
  ::close(socket_);
}

sql_end sql_listener::accept() {
  if (!readable(socket_, patience)) throw std::runtime_error("nobody connects");
  const int socket = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
  send_at_once(socket);
  return sql_end(socket);
}

bool sql_listener::waiting() {
  return readable(socket_, a_while);
}

sql_endpoint::sql_endpoint(const net::sql_proxy_options& options)
    : proxy_(net::sql_proxy::make(io_.get_executor(), options)) {
  proxy_->listen("127.0.0.1:0");
  const std::string address = proxy_->addresses().front();
  port_ = static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
  thread_ = std::thread([this] { io_.run(); });
}

// All that it began ends when it is stopped: otherwise the thread would not.
sql_endpoint::~sql_endpoint() {
  with([](net::sql_proxy& proxy) { proxy.stop(); });
  work_.reset();
  thread_.join();
}

void sql_endpoint::run(const std::function<void()>& what) {
  boost::asio::post(io_, what);
}

bool sql_endpoint::lead_to(const std::vector<const sql_listener*>& servers, std::uint64_t stamp) {
  std::vector<net::sql_target> targets;
  for (const auto* server : servers) targets.push_back({server->address(), 1});
  return with([&](net::sql_proxy& proxy) { return proxy.lead_to(targets, stamp); });
}

std::future<net::sql_held> sql_endpoint::hold() {
  auto told = std::make_shared<std::promise<net::sql_held>>();
  auto out = told->get_future();
  with([&](net::sql_proxy& proxy) {
    proxy.hold([told](net::sql_held how) { told->set_value(how); });
  });
  return out;
}

void sql_endpoint::release() {
  with([](net::sql_proxy& proxy) { proxy.release(); });
}

net::sql_status_report sql_endpoint::status() {
  return with([](net::sql_proxy& proxy) { return proxy.status(); });
}

bool sql_endpoint::eventually(const std::function<bool(const net::sql_status_report&)>& so) {
  return test::eventually([&] { return so(status()); });
}

sql_pair sql_endpoint::session(sql_listener& at) {
  sql_pair out{sql_end::to(port_), at.accept()};
  out.answer(greeting());
  out.ask(login());
  out.answer(ok(status::autocommit, 2));
  return out;
}

net::sql_proxy_options with_grace(std::chrono::milliseconds grace) {
  net::sql_proxy_options out;
  out.grace = grace;
  out.hold_max = 60s;
  return out;
}

void expect_farewell(sql_end& client) {
  const std::string said = client.rest();
  ASSERT_EQ(error_code_of(said), 1927u) << said;
  EXPECT_NE(said.find("#08S01This was not executed"), std::string::npos) << said;
  EXPECT_EQ(said.size(), net::sql_header_bytes + net::sql_packet_length(said));
  EXPECT_EQ(said[3], 1);
}

unsigned error_code_of(std::string_view packet) {
  if (packet.size() < 7 || packet[4] != '\xff') return 0;
  return static_cast<unsigned>(net::sql_number(packet, 5, 2));
}

}  // namespace understudy::test
