// A dispatcher that only writes down what it is told, for tests of what is built on dispatchers.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/dispatcher.hpp"

namespace understudy::test {

/// Its servers are up until drained. Calls are answered by `answer`.
class fake_dispatcher final : public net::dispatcher {
 public:
  net::dispatcher_options options;
  record_sink records;
  description_sink learned;
  verdict_sink verdicts;
  std::vector<std::string> heard;  ///< server and method
  std::map<core::server_id, core::server_status> servers;
  std::vector<std::string> calls;  ///< bodies
  std::vector<bool> idempotent;    ///< of those calls, as are the next two
  std::vector<core::time_point> deadlines;
  std::vector<bool> hurried;
  bool running = false;
  std::function<net::forward_result(const net::forward&)> answer;

  core::server_id add(const core::server_options& server) override {
    const core::server_id id{++last_};
    servers[id].id = id;
    servers[id].options = server;
    return id;
  }
  void update(core::server_id id, const core::server_options& server) override {
    servers.at(id).options = server;
    ++updates;
  }
  void remove(core::server_id id) override { servers.erase(id); }
  void drain(core::server_id id) override { servers.at(id).state = core::server_state::drained; }
  void resume(core::server_id id) override { servers.at(id).state = core::server_state::up; }
  void tell_verdicts(verdict_sink told) override { verdicts = std::move(told); }
  void hear(const std::string& address, const std::string& method) override {
    heard.push_back(address + ' ' + method);
  }
  void start() override { running = true; }
  void stop() override { running = false; }

  boost::asio::awaitable<net::forward_result> call(const net::forward& request) override {
    calls.emplace_back(request.body);
    idempotent.push_back(request.idempotent);
    deadlines.push_back(request.deadline);
    hurried.push_back(request.hurried);
    if (answer) co_return answer(request);
    net::forwarded done;
    done.body = R"({"jsonrpc":"2.0","id":"","result":")" + options.pool.name + R"("})";
    done.server = "127.0.0.1:1";
    co_return done;
  }

  [[nodiscard]] std::vector<core::server_status> status() const override {
    std::vector<core::server_status> all;
    for (const auto& [unused, server] : servers) all.push_back(server);
    return all;
  }
  [[nodiscard]] std::size_t parked() const override { return 0; }
  [[nodiscard]] std::size_t queued() const override { return 0; }

  /// The addresses of its servers, in the order they were added.
  [[nodiscard]] std::vector<std::string> addresses() const {
    std::vector<std::string> all;
    for (const auto& [unused, server] : servers) all.push_back(server.options.address);
    return all;
  }
  /// A server answered a probe and has these services, each with the method get().
  void tell(const std::vector<std::string>& names, bool is_idempotent = false) const {
    std::vector<wire::service_description> services;
    for (const auto& name : names) {
      wire::service_description service;
      service.name = name;
      service.text = R"({"get":{}})";
      wire::method_description method;
      method.name = "get";
      method.idempotent = is_idempotent;
      service.methods.push_back(std::move(method));
      services.push_back(std::move(service));
    }
    learned(options.pool.name + ":1", services);
  }
  /// That server was taken out.
  void tell_gone() const { learned(options.pool.name + ":1", {}); }

  unsigned updates = 0;

 private:
  std::uint32_t last_ = 0;
};

inline core::server_options server_at(std::string address, unsigned priority = 0,
                                      double weight = 1) {
  core::server_options server;
  server.address = std::move(address);
  server.priority = priority;
  server.weight = weight;
  return server;
}

}  // namespace understudy::test
