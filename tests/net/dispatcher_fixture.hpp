// A dispatcher on an event loop that the test itself turns, so that every step has one order.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/dispatcher.hpp"
#include "support/fake_server.hpp"

namespace understudy::test {

using namespace std::chrono_literals;

/// One call under way: its request lives here until the answer does.
struct running_call {
  std::string body;
  std::vector<std::string> files;
  std::optional<net::forward_result> result;
};

[[nodiscard]] std::string request_body(std::string_view method, std::string_view params = "[]");

class dispatcher_test : public testing::Test {
 protected:
  ~dispatcher_test() override;

  /// Servers of priority 0, 1, ..; probes are rare unless options say otherwise.
  void use(const std::vector<fake_server*>& servers);
  void use(const std::vector<fake_server*>& servers, net::dispatcher_options options);
  [[nodiscard]] static net::dispatcher_options quiet_options();

  struct call_setup {
    bool idempotent = false;
    core::duration within = 20s;
    std::vector<std::string> files;
  };
  std::shared_ptr<running_call> begin_call(std::string body, call_setup setup);
  std::shared_ptr<running_call> begin_call(std::string body) {
    return begin_call(std::move(body), call_setup());
  }
  net::forward_result call(std::string body, call_setup setup);
  net::forward_result call(std::string body) { return call(std::move(body), call_setup()); }

  /// Turns the loop until it holds; fails the test if it does not within a generous limit.
  void run_until(const std::function<bool()>& holds);
  void run_until_answered(const std::shared_ptr<running_call>& running);

  [[nodiscard]] std::size_t records_of(std::string_view kind) const;
  [[nodiscard]] core::server_state state_of(const fake_server& server) const;

  boost::asio::io_context io_{1};
  std::vector<core::record> records_;
  std::vector<std::vector<wire::service_description>> learned_;
  std::shared_ptr<net::dispatcher> dispatcher_;
  std::vector<core::server_id> ids_;
};

/// For comparisons: `result BODY`, or `error CODE not_sent|unknown|answered`.
[[nodiscard]] std::string describe(const net::forward_result& result);

}  // namespace understudy::test
