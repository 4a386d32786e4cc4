// An endpoint whose event loop runs in a thread of its own; servers and clients that are the test.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "net/sql_fixture.hpp"
#include "net/sql_proxy.hpp"
#include "support/test_server.hpp"

namespace understudy::test {

using namespace std::chrono_literals;

/// One end of a connection on loopback; blocks, and throws where nothing comes within `patience`.
class sql_end {
 public:
  explicit sql_end(int socket) : socket_(socket) {}
  /// A client.
  static sql_end to(std::uint16_t port);
  sql_end(sql_end&& other) noexcept;
  sql_end& operator=(sql_end&&) = delete;
  ~sql_end();

  void send(std::string_view bytes);
  /// As much as is taken at once.
  std::size_t send_some(std::string_view bytes);
  /// So many bytes, or fewer where the connection ends before.
  std::string read(std::size_t bytes);
  /// Reads exactly these.
  void expect(std::string_view bytes);
  /// All, to the end of the connection, in whatever way it comes.
  std::string rest();
  /// Nothing comes for a while.
  bool quiet();

 private:
  int socket_;
};

/// Greets nobody by itself: the test does.
class sql_listener {
 public:
  sql_listener();
  ~sql_listener();
  sql_listener(const sql_listener&) = delete;
  sql_listener& operator=(const sql_listener&) = delete;
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  sql_end accept();
  /// Somebody is there to be accepted.
  bool waiting();

 private:
  int socket_;
  std::uint16_t port_ = 0;
};

/// Both ends of a session through the endpoint.
struct sql_pair {
  sql_end client;
  sql_end server;
  void ask(std::string_view bytes) {
    client.send(bytes);
    server.expect(bytes);
  }
  void answer(std::string_view bytes) {
    server.send(bytes);
    client.expect(bytes);
  }
};

class sql_endpoint {
 public:
  explicit sql_endpoint(const net::sql_proxy_options& options = {});
  ~sql_endpoint();
  sql_endpoint(const sql_endpoint&) = delete;
  sql_endpoint& operator=(const sql_endpoint&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// On its thread.
  template <typename Function>
  auto with(Function what) {
    std::packaged_task<decltype(what(*proxy_))()> task([&] { return what(*proxy_); });
    auto result = task.get_future();
    run([&task] { task(); });
    return result.get();
  }
  bool lead_to(const std::vector<const sql_listener*>& servers, std::uint64_t stamp);
  [[nodiscard]] std::future<net::sql_held> hold();
  void release();
  [[nodiscard]] net::sql_status_report status();
  /// Until the status is so; false if it does not come to be.
  bool eventually(const std::function<bool(const net::sql_status_report&)>& so);

  /// Connects, greets and logs in.
  sql_pair session(sql_listener& at);

 private:
  void run(const std::function<void()>& what);

  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::shared_ptr<net::sql_proxy> proxy_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

/// An open transaction has so long to end in a hold, which does not end by itself.
[[nodiscard]] net::sql_proxy_options with_grace(std::chrono::milliseconds grace);

/// The client is told that its statement was not executed, as if that were its answer, and then the
/// end.
void expect_farewell(sql_end& client);

/// The code of an error packet; 0 where it is none.
unsigned error_code_of(std::string_view packet);

}  // namespace understudy::test
