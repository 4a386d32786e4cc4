// A server under test on a thread of its own, and a caller that sends exactly the bytes it is told.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "net/http.hpp"

namespace understudy::test {

/// Longer than anything here may take; reaching it is a failure, never a measurement.
inline constexpr std::chrono::seconds patience{20};

class http_fixture {
 public:
  explicit http_fixture(net::http_handler handler, net::http_limits limits = {})
      : server_(net::http_server::make(io_.get_executor(), limits, std::move(handler))),
        work_(boost::asio::make_work_guard(io_)) {
    server_->listen("127.0.0.1:0");
    thread_ = std::thread([this] { io_.run(); });
  }
  http_fixture(const http_fixture&) = delete;
  http_fixture& operator=(const http_fixture&) = delete;
  ~http_fixture() {
    on_owner([this] { server_.reset(); });
    work_.reset();
    thread_.join();  // a server that is gone leaves no work behind: run() returns by itself
  }

  [[nodiscard]] std::string address() const { return server_->address(); }
  [[nodiscard]] net::http_server& server() { return *server_; }
  [[nodiscard]] boost::asio::any_io_executor executor() { return io_.get_executor(); }

  /// Runs `f` on the server's owner thread and waits for it.
  template <typename F>
  void on_owner(F f) {
    const auto task = std::make_shared<std::packaged_task<void()>>(std::move(f));
    boost::asio::post(io_, [task] { (*task)(); });
    task->get_future().get();
  }

  /// Fetches from the server. What the test did before happens before the handler runs, and what
  /// the handler did happens before this returns: they may share data without a lock.
  net::http_response fetch(const net::http_request& request) {
    on_owner([] {});
    auto response = net::http_fetch(address(), request, patience);
    on_owner([] {});
    return response;
  }

  /// True as soon as `open` connections are left; false if that does not happen.
  [[nodiscard]] bool comes_down_to(std::size_t open) const {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (server_->connections() != open) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
    return true;
  }

 private:
  boost::asio::io_context io_{1};
  std::unique_ptr<net::http_server> server_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

class raw_caller {
 public:
  /// `receive_buffer` > 0: a small window, for a peer that shall not take much unread.
  explicit raw_caller(const std::string& address, int receive_buffer = 0)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_buffer > 0) {
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    const int connected = ::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    EXPECT_EQ(connected, 0);
  }
  raw_caller(const raw_caller&) = delete;
  raw_caller& operator=(const raw_caller&) = delete;
  ~raw_caller() { close(); }

  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // the peer closed: what it said is still to be read
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }

  /// Reads until `text` has come, or the peer closes; all that came and was not taken before.
  std::string read_past(std::string_view text) {
    for (;;) {
      const auto at = received_.find(text);
      if (!text.empty() && at != std::string::npos) {
        auto out = received_.substr(0, at + text.size());
        received_.erase(0, at + text.size());
        return out;
      }
      if (!read_some()) return std::exchange(received_, {});
    }
  }
  /// Reads until the peer closes.
  std::string read_all() { return read_past({}); }

 private:
  bool read_some() {
    pollfd ready{socket_, POLLIN, 0};
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(patience);
    if (::poll(&ready, 1, static_cast<int>(limit.count())) <= 0) {
      ADD_FAILURE() << "nothing came in time; so far: " << received_;
      return false;
    }
    std::array<char, 65536> chunk{};
    const auto count = ::recv(socket_, chunk.data(), chunk.size(), 0);
    if (count <= 0) return false;
    received_.append(chunk.data(), static_cast<std::size_t>(count));
    return true;
  }

  int socket_;
  std::string received_;
};

/// How often `part` occurs in `text`.
inline std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

}  // namespace understudy::test
