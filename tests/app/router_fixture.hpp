// A router over dispatchers that write down what they are told, and calls through it.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <map>
#include <optional>

#include "app/gateway/pool_router.hpp"
#include "app/router_support.hpp"
#include "understudy/error.hpp"
#include "wire/answer.hpp"

namespace understudy::app {

using namespace std::chrono_literals;

// A call that goes on in the context until its answer is here.
struct pending {
  std::string body;
  wire::request request;
  std::optional<routed> answer;
};

inline boost::asio::awaitable<void> carry_out(std::shared_ptr<pool_router> routes, pending& call,
                                              std::string only,
                                              std::optional<std::chrono::milliseconds> deadline) {
  std::vector<std::string_view> no_files;
  route_terms terms;
  terms.only = only;
  call_wishes outside;
  outside.deadline = deadline;
  terms.outside = &outside;
  call.answer = co_await routes->route(call.request, call.body, std::move(no_files), terms);
}

struct router_test : testing::Test {
  boost::asio::io_context context{1};
  std::map<std::string, std::vector<std::shared_ptr<test::fake_dispatcher>>> made;  // by pool
  std::vector<core::record> records;
  std::vector<std::string> reports;  // "pool method code own"
  std::shared_ptr<pool_router> routes;
  gateway_config config;

  pool_config& add_pool(const std::string& name, std::vector<std::string> services = {},
                        const std::string& listen = "") {
    pool_config& pool = config.pools.emplace_back();
    pool.name = pool.options.name = name;
    pool.services = std::move(services);
    pool.listen = listen;
    pool.servers.push_back(test::server_at(name + ":1"));
    return pool;
  }

  void start() {
    pool_router_parts parts;
    parts.executor = context.get_executor();
    parts.records = [this](const core::record& record) { records.push_back(record); };
    parts.reports = [this](const call_report& report) {
      reports.push_back(std::string(report.pool) + " " + std::string(report.method) + " " +
                        (report.error_code ? std::to_string(*report.error_code) : "result") +
                        (report.own ? " own" : ""));
    };
    parts.make_dispatcher =
        [this](const boost::asio::any_io_executor&, net::dispatcher_options options,
               net::dispatcher::record_sink sink, net::dispatcher::description_sink learned) {
          auto dispatcher = std::make_shared<test::fake_dispatcher>();
          dispatcher->options = std::move(options);
          dispatcher->records = std::move(sink);
          dispatcher->learned = std::move(learned);
          made[dispatcher->options.pool.name].push_back(dispatcher);
          return dispatcher;
        };
    routes = pool_router::make(std::move(parts), config);
  }

  std::shared_ptr<test::fake_dispatcher> pool(const std::string& name) {
    return made.at(name).back();
  }

  void begin(pending& call, const std::string& method, const std::string& only = "") {
    call.body = method == "@action_interface" ? method : R"({"method":")" + method + R"("})";
    begin_body(call, only, std::nullopt);
  }

  void begin_body(pending& call, const std::string& only,
                  std::optional<std::chrono::milliseconds> deadline) {
    call.request = std::get<wire::request>(wire::parse_request(call.body));
    boost::asio::co_spawn(context, carry_out(routes, call, only, deadline),
                          [](const std::exception_ptr& failed) {
                            if (failed) std::rethrow_exception(failed);
                          });
    context.restart();
    context.poll();
  }

  // With `own` as context.understudy.
  routed ask(const std::string& own,
             std::optional<std::chrono::milliseconds> deadline = std::nullopt) {
    pending one;
    one.body = R"({"method":"A@get","context":{"understudy":)" + own + "}}";
    begin_body(one, "", deadline);
    finish(one);
    EXPECT_TRUE(one.answer) << own;
    return one.answer.value_or(routed{});
  }

  void finish(const pending& call) {
    const auto end = std::chrono::steady_clock::now() + 20s;
    context.restart();
    while (!call.answer && context.run_one_until(end) > 0) {
    }
  }

  routed call(const std::string& method, const std::string& only = "") {
    pending one;
    begin(one, method, only);
    finish(one);
    EXPECT_TRUE(one.answer) << "no answer to " << method;
    return one.answer.value_or(routed{});
  }
};

inline std::string result_of(const routed& answer) {
  const auto parsed = wire::parse_answer(answer.body);
  if (!parsed) return "unreadable";
  return parsed->is_error() ? std::to_string(parsed->code) : std::string(parsed->result);
}

}  // namespace understudy::app
