#include "support/fake_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "wire/frame.hpp"
#include "wire/multiplex.hpp"
#include "wire/request.hpp"

namespace understudy::test {
namespace {

constexpr std::size_t probe_bytes = wire::frame_header_bytes + wire::action_interface_body.size();

/// Reads while there is an allowance; false at its end, or at the connection's.
class limited_reader {
 public:
  limited_reader(int fd, std::optional<std::size_t> allowed) : fd_(fd), allowed_(allowed) {}

  bool read(char* into, std::size_t bytes) {
    while (bytes > 0) {
      const auto wanted = allowed_ ? std::min(bytes, *allowed_) : bytes;
      if (wanted == 0) return false;
      const auto got = ::recv(fd_, into, wanted, 0);
      if (got <= 0) return false;
      into += got;
      bytes -= static_cast<std::size_t>(got);
      if (allowed_) *allowed_ -= static_cast<std::size_t>(got);
    }
    return true;
  }
  [[nodiscard]] bool spent() const { return allowed_ && *allowed_ == 0; }

 private:
  int fd_;
  std::optional<std::size_t> allowed_;
};

std::uint32_t big_endian(const char* at) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(at[i]);
  return value;
}

/// Is the next call the one by which a gateway asks for many calls at a time?
bool is_question(int fd) {
  std::array<char, 512> bytes{};
  const auto got = ::recv(fd, bytes.data(), bytes.size(), MSG_PEEK);
  if (got < static_cast<ssize_t>(wire::frame_header_bytes)) return false;
  return wire::parse_multiplex_request(
             std::string_view(bytes.data(), static_cast<std::size_t>(got)).substr(8))
      .has_value();
}

/// One call: file frames, then a message.
bool read_call(limited_reader& from, fake_call& call) {
  for (;;) {
    std::array<char, wire::frame_header_bytes> header{};
    if (!from.read(header.data(), header.size())) return false;
    std::string body(big_endian(header.data()), '\0');
    if (!from.read(body.data(), body.size())) return false;
    if (big_endian(header.data() + 4) == static_cast<std::uint32_t>(wire::frame_type::message)) {
      call.body = std::move(body);
      return true;
    }
    call.files.push_back(std::move(body));
  }
}

/// One request with a Content-Length.
bool read_http_call(limited_reader& from, fake_call& call) {
  while (!call.head.ends_with("\r\n\r\n")) {
    char next = 0;
    if (!from.read(&next, 1)) return false;
    call.head += next;
  }
  constexpr std::string_view name = "Content-Length: ";
  const auto at = call.head.find(name);
  if (at == std::string::npos) return false;
  call.body.resize(std::stoul(call.head.substr(at + name.size())));
  return from.read(call.body.data(), call.body.size());
}

std::string answer_bytes(const fake_step& step, fake_speaks what) {
  if (step.raw) return *step.raw;
  if (what == fake_speaks::http) return fake_http(200, step.answer);
  std::string out;
  for (const auto& file : step.files) wire::append_frame(out, wire::frame_type::file, file);
  wire::append_frame(out, wire::frame_type::message, step.answer);
  return out;
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto taken = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (taken < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(taken));
  }
  return true;
}

void end_connection(int fd, bool reset) {
  if (reset) {
    const linger at_once{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return;
  }
  // FIN first; then what the peer still sends is taken, so that close() makes no RST of it.
  ::shutdown(fd, SHUT_WR);
  std::array<char, 4096> ignored{};
  while (::recv(fd, ignored.data(), ignored.size(), 0) > 0) {
  }
}

}  // namespace

fake_step fake_answer(std::string body) {
  fake_step step;
  step.answer = std::move(body);
  return step;
}

fake_step fake_result(std::string_view json) {
  return fake_answer(R"({"jsonrpc":"2.0","id":"","result":)" + std::string(json) + "}");
}

fake_step fake_error(std::int64_t code, std::string_view message) {
  return fake_answer(R"({"jsonrpc":"2.0","id":"","error":{"code":)" + std::to_string(code) +
                     R"(,"message":")" + std::string(message) + R"(","data":null}})");
}

fake_step fake_raw(std::string bytes) {
  fake_step step;
  step.raw = std::move(bytes);
  return step;
}

std::string fake_http(int status, std::string_view body, std::string_view fields) {
  std::string out = "HTTP/1.1 " + std::to_string(status) + " Why\r\n";
  out += fields;
  out += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  return out += body;
}

fake_server::fake_server(fake_step always, fake_speaks what)
    : speaks_(what), always_(std::move(always)), probe_(fake_result("{}")) {
  start();
}

fake_server::~fake_server() {
  stop();
}

void fake_server::start() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port_);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof at;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 ||
      ::listen(listener, 128) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &length) != 0) {
    ::close(listener);
    throw std::runtime_error("a fake server cannot listen");
  }
  const std::lock_guard lock(mutex_);
  port_ = ntohs(at.sin_port);
  listener_ = listener;
  stopping_ = false;
  acceptor_ = std::thread(&fake_server::accept_loop, this, listener);
}

void fake_server::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (listener_ < 0) return;
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
  }
  changed_.notify_all();
  acceptor_.join();
  ::close(std::exchange(listener_, -1));
  drop_connections();
  for (auto& c : connections_) c.thread.join();
  connections_.clear();
}

void fake_server::accept_loop(int listener) {
  for (;;) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const std::lock_guard lock(mutex_);
    ++accepted_;
    if (rejecting_) {
      end_connection(fd, true);
      ::close(fd);
      continue;
    }
    auto& c = connections_.emplace_back();
    c.fd = fd;
    c.thread = std::thread(&fake_server::serve, this, std::ref(c));
  }
}

void fake_server::serve(connection& c) {
  fake_step how;
  while (serve_call(c.fd, how)) {
    const std::lock_guard lock(mutex_);
    c.answered = true;
  }
  end_connection(c.fd, how.reset);
  const std::lock_guard lock(mutex_);
  c.open = false;
  ::close(c.fd);
}

std::uint64_t fake_server::count(fake_call call, bool is_probe) {
  const std::lock_guard lock(mutex_);
  if (is_probe) {
    ++probes_;
  } else {
    calls_.push_back(std::move(call));
  }
  return releases_;
}

bool fake_server::serve_http_call(int fd, fake_step& how) {
  limited_reader from(fd, std::nullopt);
  fake_call call;
  if (!read_http_call(from, call)) return false;
  const bool is_probe = call.body.find(wire::action_interface_body) != std::string::npos;
  how = take_step(is_probe);
  const auto releases = count(std::move(call), is_probe);
  return answer(fd, how, releases);
}

/// As the real server does: it has no such service, and stays.
bool fake_server::refuse_question(int fd) {
  limited_reader from(fd, std::nullopt);
  fake_call call;
  fake_step refusal = fake_error(-32601, "Service UnderstudyConnection is not founded!");
  return read_call(from, call) && answer(fd, refusal, 0);
}

bool fake_server::serve_call(int fd, fake_step& how) {
  how = fake_step();
  if (speaks_ == fake_speaks::http) return serve_http_call(fd, how);
  // Every call is longer than a probe, so this much comes of each.
  std::array<char, probe_bytes> start{};
  if (::recv(fd, start.data(), start.size(), MSG_PEEK | MSG_WAITALL) !=
      static_cast<ssize_t>(start.size())) {
    return false;
  }
  const bool is_probe =
      std::string_view(start.data(), start.size()).substr(8) == wire::action_interface_body;
  if (!is_probe && is_question(fd)) return refuse_question(fd);
  how = take_step(is_probe);
  limited_reader from(fd, how.read_only);
  fake_call call;
  if (!read_call(from, call)) return false;
  const auto releases = count(std::move(call), is_probe);
  return !from.spent() && answer(fd, how, releases);
}

bool fake_server::answer(int fd, fake_step& how, std::uint64_t releases) {
  if (how.hold && !released(releases)) return false;
  auto bytes = answer_bytes(how, speaks_);
  if (how.write_only) bytes.resize(std::min(bytes.size(), *how.write_only));
  return send_all(fd, bytes) && !how.write_only && !how.close;
}

bool fake_server::released(std::uint64_t before) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return stopping_ || releases_ != before; });
  return !stopping_;
}

fake_step fake_server::take_step(bool is_probe) {
  const std::lock_guard lock(mutex_);
  if (is_probe) return probe_;
  if (next_.empty()) return always_;
  auto step = std::move(next_.front());
  next_.pop_front();
  return step;
}

std::string fake_server::address() const {
  const std::string at = "127.0.0.1:" + std::to_string(port_);
  return speaks_ == fake_speaks::http ? "http://" + at + "/rpc" : at;
}

void fake_server::always(fake_step step) {
  const std::lock_guard lock(mutex_);
  always_ = std::move(step);
}

void fake_server::next(std::vector<fake_step> steps) {
  const std::lock_guard lock(mutex_);
  for (auto& step : steps) next_.push_back(std::move(step));
}

void fake_server::on_probe(fake_step step) {
  const std::lock_guard lock(mutex_);
  probe_ = std::move(step);
}

void fake_server::reject_connections(bool on) {
  const std::lock_guard lock(mutex_);
  rejecting_ = on;
}

void fake_server::release() {
  {
    const std::lock_guard lock(mutex_);
    ++releases_;
  }
  changed_.notify_all();
}

void fake_server::drop_connections() {
  const std::lock_guard lock(mutex_);
  for (const auto& c : connections_) {
    if (c.open) ::shutdown(c.fd, SHUT_RDWR);
  }
}

void fake_server::send_to_all(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  for (const auto& c : connections_) {
    if (c.open) send_all(c.fd, bytes);
  }
}

void fake_server::send_unasked(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  for (const auto& c : connections_) {
    if (c.open && c.answered) send_all(c.fd, bytes);
  }
}

std::vector<fake_call> fake_server::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

std::size_t fake_server::call_count() const {
  const std::lock_guard lock(mutex_);
  return calls_.size();
}

std::size_t fake_server::probe_count() const {
  const std::lock_guard lock(mutex_);
  return probes_;
}

std::size_t fake_server::accepted() const {
  const std::lock_guard lock(mutex_);
  return accepted_;
}

std::size_t fake_server::open_connections() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(connections_.begin(), connections_.end(),
                                                [](const auto& c) { return c.open; }));
}

}  // namespace understudy::test
