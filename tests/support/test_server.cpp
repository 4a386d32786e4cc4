#include "support/test_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "wire/answer.hpp"
#include "wire/frame.hpp"
#include "wire/request.hpp"

namespace understudy::test {
namespace {

using std::chrono::steady_clock;

std::filesystem::path new_folder() {
  auto name = (std::filesystem::temp_directory_path() / "understudy-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  return name;
}

void check(bool good, const char* what) {
  if (!good) throw std::system_error(errno, std::generic_category(), what);
}

/// False if nothing happens within `wait`.
bool poll_for(int socket, short events, std::chrono::milliseconds wait) {
  pollfd waits{socket, events, 0};
  const int ready = ::poll(&waits, 1, static_cast<int>(wait.count()));
  check(ready >= 0, "poll");
  return ready > 0;
}

}  // namespace

test_server::test_server(const server_options& options,
                         const std::function<void(server&)>& add_more)
    : server_(options) {
  setup_->runs_in = new_folder();
  server_.add(user::make_service(setup_));
  if (add_more) add_more(server_);
  server_.listen("127.0.0.1:0");
  setup_->whoami = "9501";
  port_ = static_cast<std::uint16_t>(
      std::stoi(server_.addresses().front().substr(sizeof "127.0.0.1:" - 1)));
  server_.start();
}

test_server::~test_server() {
  server_.stop();
  std::error_code ignored;
  std::filesystem::remove_all(setup_->runs_in, ignored);
}

wire_socket::wire_socket(std::uint16_t port, int receive_buffer_bytes)
    : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
  check(socket_ >= 0, "socket");
  if (receive_buffer_bytes > 0)
    check(::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                       sizeof receive_buffer_bytes) == 0,
          "SO_RCVBUF");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  check(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "connect");
}

wire_socket::~wire_socket() {
  if (socket_ >= 0) ::close(socket_);
}

void wire_socket::send(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!poll_for(socket_, POLLOUT, patience)) throw std::runtime_error("the peer takes nothing");
    bytes.remove_prefix(send_some(bytes));
  }
}

std::size_t wire_socket::send_some(std::string_view bytes) {
  const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno == EAGAIN) return 0;
  check(sent >= 0, "send");
  return static_cast<std::size_t>(sent);
}

bool wire_socket::writable_within(std::chrono::milliseconds wait) {
  return poll_for(socket_, POLLOUT, wait);
}

void wire_socket::send_message(std::string_view body) {
  send(message_frame(body));
}

void wire_socket::end_sending() {
  check(::shutdown(socket_, SHUT_WR) == 0, "shutdown");
}

void wire_socket::reset() {
  const linger at_once{1, 0};
  check(::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0, "SO_LINGER");
  ::close(std::exchange(socket_, -1));
}

std::string wire_socket::read_once(std::size_t bytes_max) {
  if (!poll_for(socket_, POLLIN, patience)) throw std::runtime_error("the peer is silent");
  std::string bytes(bytes_max, '\0');
  const auto got = ::recv(socket_, bytes.data(), bytes.size(), 0);
  bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return bytes;
}

bool wire_socket::read_more() {
  const auto bytes = read_once(65536);
  buffer_ += bytes;
  return !bytes.empty();
}

std::optional<wire_frame> wire_socket::receive() {
  const auto number = [&](std::size_t at) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(buffer_[at++]);
    return value;
  };
  while (buffer_.size() < wire::frame_header_bytes ||
         buffer_.size() < wire::frame_header_bytes + number(0))
    if (!read_more()) return std::nullopt;
  wire_frame frame{number(4), buffer_.substr(wire::frame_header_bytes, number(0))};
  buffer_.erase(0, wire::frame_header_bytes + frame.body.size());
  return frame;
}

std::string wire_socket::ask(std::string_view body) {
  send_message(body);
  const auto answer = receive();
  if (!answer) throw std::runtime_error("closed instead of answered");
  return answer->body;
}

bool wire_socket::closed() {
  return buffer_.empty() && !read_more();
}

bool wire_socket::quiet() {
  return buffer_.empty() && !poll_for(socket_, POLLIN, std::chrono::milliseconds(50));
}

std::string request_text(std::string_view method, std::string_view params,
                         std::string_view context) {
  std::string text;
  wire::append_request(text, method, params, context);
  return text;
}

std::string message_frame(std::string_view body) {
  std::string frame;
  wire::append_frame(frame, wire::frame_type::message, body);
  return frame;
}

std::string answer_kind(std::string_view body) {
  const auto answer = wire::parse_answer(body);
  if (!answer) return "unreadable";
  return answer->is_error() ? std::to_string(answer->code) : "result";
}

bool eventually(const std::function<bool()>& condition) {
  const auto until = steady_clock::now() + patience;
  while (!condition()) {
    if (steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace understudy::test
