// A small peer for the load generator that answers, delays, hangs up or talks nonsense, and a
// script that remembers each call.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "app/bench/load.hpp"
#include "wire/answer.hpp"
#include "wire/frame.hpp"
#include "wire/request.hpp"

namespace understudy::app {

/// Cuts a stream of requests: frames, or HTTP requests of a known size.
class request_counter {
 public:
  explicit request_counter(std::size_t http_bytes) : http_bytes_(http_bytes) {}

  /// One read. How many requests it completed; nothing: the connection is over.
  std::optional<std::uint64_t> receive(int fd) {
    const auto room = reader_.prepare();
    const ssize_t count = ::recv(fd, room.data(), room.size(), 0);
    if (count <= 0) return std::nullopt;
    std::uint64_t requests = 0;
    if (http_bytes_ == 0) {
      reader_.commit(static_cast<std::size_t>(count));
      while (std::holds_alternative<wire::frame>(reader_.next())) ++requests;
    } else {
      incomplete_ += static_cast<std::size_t>(count);
      requests = incomplete_ / http_bytes_;
      incomplete_ %= http_bytes_;
    }
    return requests;
  }

 private:
  wire::frame_reader reader_;
  std::size_t http_bytes_;
  std::size_t incomplete_ = 0;
};

/// Accepts connections, one thread each; `answer` makes the bytes that answer the n-th request of
/// the peer's life, or says to hang up by returning nothing. Requests are frames, or where
/// `http_bytes` is given, HTTP requests of so many bytes each.
class load_peer {
 public:
  using answer_function = std::function<std::optional<std::string>(std::uint64_t)>;

  explicit load_peer(answer_function answer, std::size_t http_bytes = 0)
      : answer_(std::move(answer)), http_bytes_(http_bytes) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, generic, length) != 0 || ::listen(listener_, 64) != 0) {
      throw std::runtime_error("The test's peer cannot listen.");
    }
    ::getsockname(listener_, generic, &length);
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    acceptor_ = std::thread([this] { accept_all(); });
  }

  ~load_peer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (const int fd : fds_) ::shutdown(fd, SHUT_RDWR);
    for (auto& thread : threads_) thread.join();
    for (const int fd : fds_) ::close(fd);
    ::close(listener_);
  }

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] std::uint64_t requests() const { return requests_; }
  [[nodiscard]] std::uint64_t connections() const { return connections_; }

 private:
  void accept_all() {
    while (true) {
      const int fd = ::accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      ++connections_;
      fds_.push_back(fd);
      threads_.emplace_back([this, fd] { serve(fd); });
    }
  }

  void serve(int fd) {
    request_counter requests(http_bytes_);
    while (const auto received = requests.receive(fd)) {
      for (std::uint64_t i = 0; i < *received; ++i) {
        const auto answer = answer_(requests_++);
        if (!answer) {
          ::shutdown(fd, SHUT_RDWR);
          return;
        }
        ::send(fd, answer->data(), answer->size(), MSG_NOSIGNAL);
      }
    }
  }

  answer_function answer_;
  std::size_t http_bytes_;
  int listener_ = -1;
  std::string address_;
  std::atomic<std::uint64_t> requests_ = 0;
  std::atomic<std::uint64_t> connections_ = 0;
  std::vector<int> fds_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

class load_recorder : public load_script {
 public:
  void append_call(std::uint64_t number, std::string& out) override {
    begun.push_back(number);
    std::string body;
    wire::append_request(body, "UserInterface@hello", "[]");
    wire::append_frame(out, wire::frame_type::message, body);
  }
  void ended(const load_call& call) override { calls.push_back(call); }

  [[nodiscard]] std::size_t count(load_end how) const {
    return static_cast<std::size_t>(
        std::count_if(calls.begin(), calls.end(), [&](const auto& c) { return c.how == how; }));
  }

  std::vector<std::uint64_t> begun;
  std::vector<load_call> calls;
};

inline std::string framed(std::string_view body) {
  std::string out;
  wire::append_frame(out, wire::frame_type::message, body);
  return out;
}

inline std::string good_answer() {
  std::string body;
  wire::append_result(body, "\"hello\"");
  return framed(body);
}

inline load_options options_for(const load_peer& server, std::uint64_t calls) {
  load_options options;
  options.address = server.address();
  options.connections = 2;
  options.calls_max = calls;
  options.duration = std::chrono::seconds{60};
  return options;
}

}  // namespace understudy::app
