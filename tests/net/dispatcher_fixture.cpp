#include "dispatcher_fixture.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <utility>

#include "wire/request.hpp"

namespace understudy::test {
namespace {

void rethrow(std::exception_ptr thrown) {
  if (thrown) std::rethrow_exception(thrown);
}

boost::asio::awaitable<void> carry(std::shared_ptr<net::dispatcher> through, net::forward request,
                                   std::shared_ptr<running_call> running) {
  running->result = co_await through->call(std::move(request));
}

}  // namespace

std::string request_body(std::string_view method, std::string_view params) {
  std::string body;
  wire::append_request(body, method, params);
  return body;
}

dispatcher_test::~dispatcher_test() {
  if (dispatcher_) dispatcher_->stop();
  io_.run_for(10s);  // ends as soon as nothing is left to do
  EXPECT_TRUE(io_.stopped()) << "something never ends";
}

net::dispatcher_options dispatcher_test::quiet_options() {
  net::dispatcher_options options;
  options.pool.name = "test";
  options.pool.probe_interval = 1h;
  options.pool.probe_timeout = 10s;
  options.connect_timeout = 10s;
  options.pool.hedge_after = 0s;  // a busy machine would make hedges where calls are counted
  return options;
}

void dispatcher_test::use(const std::vector<fake_server*>& servers) {
  use(servers, quiet_options());
}

void dispatcher_test::use(const std::vector<fake_server*>& servers,
                          net::dispatcher_options options) {
  dispatcher_ = net::dispatcher::make(
      io_.get_executor(), std::move(options),
      [this](const core::record& record) { records_.push_back(record); },
      [this](const auto&, const auto& services) { learned_.push_back(services); });
  unsigned priority = 0;
  for (const auto* server : servers) {
    core::server_options of;
    of.address = server->address();
    of.priority = priority++;
    ids_.push_back(dispatcher_->add(of));
  }
  dispatcher_->start();
}

std::shared_ptr<running_call> dispatcher_test::begin_call(std::string body, call_setup setup) {
  auto running = std::make_shared<running_call>();
  running->body = std::move(body);
  running->files = std::move(setup.files);
  net::forward request;
  request.method = "T@call";
  request.body = running->body;
  request.files.assign(running->files.begin(), running->files.end());
  request.idempotent = setup.idempotent;
  request.deadline = std::chrono::steady_clock::now() + setup.within;
  boost::asio::co_spawn(io_, carry(dispatcher_, std::move(request), running), rethrow);
  return running;
}

net::forward_result dispatcher_test::call(std::string body, call_setup setup) {
  const auto running = begin_call(std::move(body), std::move(setup));
  run_until_answered(running);
  return running->result.value_or(core::give_up());
}

void dispatcher_test::run_until(const std::function<bool()>& holds) {
  const auto limit = std::chrono::steady_clock::now() + 60s;
  io_.restart();
  while (!holds()) {
    ASSERT_LT(std::chrono::steady_clock::now(), limit) << "what was waited for did not come";
    // What is waited for may also happen in a fake server's thread: so look again now and then.
    io_.run_one_for(2ms);
    if (io_.stopped()) io_.restart();
  }
}

void dispatcher_test::run_until_answered(const std::shared_ptr<running_call>& running) {
  run_until([&] { return running->result.has_value(); });
}

std::size_t dispatcher_test::records_of(std::string_view kind) const {
  return static_cast<std::size_t>(std::count_if(
      records_.begin(), records_.end(), [&](const auto& record) { return record.kind == kind; }));
}

core::server_state dispatcher_test::state_of(const fake_server& server) const {
  for (const auto& status : dispatcher_->status()) {
    if (status.options.address == server.address()) return status.state;
  }
  ADD_FAILURE() << "no server " << server.address();
  return core::server_state::drained;
}

std::string describe(const net::forward_result& result) {
  if (const auto* answer = std::get_if<net::forwarded>(&result)) return "result " + answer->body;
  const auto& error = std::get<core::give_up>(result);
  const char* const sent = error.sent == delivery::not_sent  ? "not_sent"
                           : error.sent == delivery::unknown ? "unknown"
                                                             : "answered";
  return "error " + std::to_string(error.code) + " " + sent;
}

}  // namespace understudy::test
