#include "app/commands/command_call.hpp"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <fstream>
#include <optional>

#include "app/commands/cli_exit.hpp"
#include "app/common/json_out.hpp"
#include "app/config/read_file.hpp"
#include "net/resolver.hpp"
#include "net/upstream.hpp"
#include "understudy/error.hpp"
#include "wire/answer.hpp"
#include "wire/json_text.hpp"
#include "wire/request.hpp"

namespace understudy::app {

namespace asio = boost::asio;

namespace {

constexpr std::size_t file_bytes_max = wire::frame_limits{}.file_bytes_max;

constexpr std::string_view own_member = "understudy";  // of a context

struct call_job {
  std::string at;
  std::string body;
  std::vector<std::string_view> files;
  core::time_point deadline;
  net::exchange result;
  std::string unreached;  ///< why nothing was sent
};

asio::awaitable<void> carry_out(asio::io_context& loop, call_job& job) {
  const auto address = net::split_address(job.at);
  const net::resolved found = co_await net::resolve(loop.get_executor(), *address, job.deadline);
  boost::system::error_code error = found.error;
  for (const auto& endpoint : found.endpoints) {
    auto connection = std::make_shared<net::upstream>(loop.get_executor(),
                                                      net::make_frame_codec(wire::frame_limits{}),
                                                      net::upstream::idle_sink{});
    error = co_await connection->connect(endpoint, job.deadline);
    if (error) continue;
    const net::outgoing what{job.body, job.files};
    job.result = co_await net::carry(connection, what, job.deadline);
    connection->close();
    co_return;
  }
  job.unreached = error.message();
}

// A sentence about what is wrong with the command line, or nothing.
std::string usage_problem(const call_command& command) {
  if (!net::split_address(command.at)) {
    return fmt::format("--at \"{}\" is no address: write HOST:PORT.", command.at);
  }
  if (!wire::json_valid(command.params)) {
    return "PARAMS is not JSON: write an array such as '[\"world\", 2]', in single quotes so that "
           "the shell leaves it alone.";
  }
  const auto kind = wire::kind_of(command.params);
  if (kind != wire::json_kind::array && kind != wire::json_kind::object) {
    return "PARAMS has to be an array, or an object of named arguments.";
  }
  if (!wire::json_valid(command.context) ||
      (wire::kind_of(command.context) != wire::json_kind::object && command.context != "[]")) {
    return "--context has to be a JSON object.";
  }
  const bool wishes = !command.mode.empty() || !command.key.empty() || command.wait;
  if (wishes && wire::find_member(command.context, own_member)) {
    return "--mode, --key and --wait do not go with a --context that has a member understudy.";
  }
  return {};
}

// The context with what is asked of a gateway.
std::string context_of(const call_command& command) {
  if (command.mode.empty() && command.key.empty() && !command.wait) return command.context;
  std::string context;
  {
    json_object all(context);
    wire::for_each_member(command.context, [&](const wire::json_member& member) {
      all.raw(wire::key_text(member), member.value);
      return true;
    });
    json_object own(all.key(own_member));
    if (!command.mode.empty()) own.text("mode", command.mode);
    if (!command.key.empty()) own.text("key", command.key);
    if (command.wait) own.number("wait_ms", command.wait->count());
  }
  return context;
}

int print_result(const call_command& command, const net::exchange& result,
                 const wire::answer& answer) {
  if (command.json) {
    fmt::print("{}\n", result.body);
  } else if (!answer.is_file() || result.files.empty()) {
    fmt::print("{}\n", answer.result);
  }
  if (!answer.is_file() || result.files.empty()) return exit_done;
  const std::string& file = result.files.front();
  if (command.save.empty()) {
    fmt::print(stderr, "The result is a file of {} bytes: --save FILE keeps it.\n", file.size());
    return exit_done;
  }
  std::ofstream out(command.save, std::ios::binary | std::ios::trunc);
  out << file;
  if (out.flush()) return exit_done;
  return complain(exit_failed, fmt::format("the call was carried out, but {} can not be written.",
                                           command.save));
}

int exit_of_code(std::int64_t code) {
  switch (code) {
    case code::no_server:
      return exit_unreached;
    case code::outcome_unknown:
      return exit_unknown;
    case code::overloaded:
    case code::not_allowed:
      return exit_refused;
    default:
      return exit_failed;
  }
}

// It is stored: that is as good as done.
int print_ticket(const wire::answer& answer) {
  const auto ticket = wire::find_member(answer.data, "ticket");
  fmt::print("{}\n", ticket ? wire::decode_string(*ticket) : "");
  fmt::print(stderr, "It is stored, and goes on: this is its ticket.\n");
  return exit_done;
}

int print_answer(const call_command& command, const net::exchange& result) {
  if (result.too_large) return complain(exit_failed, "the answer is too large to be taken.");
  const auto answer = wire::parse_answer(result.body);
  if (!answer) return complain(exit_unknown, "what came back is no answer: it may have run.");
  if (!answer->is_error()) return print_result(command, result, *answer);
  if (command.json) fmt::print("{}\n", result.body);
  if (answer->code == code::accepted) return command.json ? exit_done : print_ticket(*answer);
  return complain(exit_of_code(answer->code),
                  fmt::format("error {}: {}", answer->code, wire::decode_string(answer->message)));
}

int report(const call_command& command, const call_job& job) {
  if (!job.unreached.empty()) {
    return complain(exit_unreached, fmt::format("{} can not be reached: {}. Nothing was sent.",
                                                command.at, job.unreached));
  }
  switch (job.result.how) {
    case core::outcome::answered:
      return print_answer(command, job.result);
    case core::outcome::refused:
    case core::outcome::stale:
      return complain(
          exit_unreached,
          fmt::format("{} took the connection but no byte: nothing was sent.", command.at));
    case core::outcome::timed_out:
      return complain(exit_unknown,
                      fmt::format("no answer within {} ms: it may have run, or still run. "
                                  "--timeout waits longer.",
                                  command.timeout.count()));
    default:
      return complain(exit_unknown,
                      "the connection ended before a whole answer came: it may have run.");
  }
}

}  // namespace

int run_call(const call_command& command) {
  if (const std::string problem = usage_problem(command); !problem.empty()) {
    return complain(exit_usage, problem);
  }
  call_job job;
  job.at = command.at;
  if (command.method == wire::action_interface_body) {
    job.body = command.method;
  } else {
    wire::append_request(job.body, command.method, command.params, context_of(command));
  }
  std::vector<std::string> contents;
  std::size_t bytes = 0;
  for (const std::string& name : command.files) {
    auto content = read_file(name, file_bytes_max);
    if (!content) {
      return complain(exit_usage,
                      fmt::format("{} can not be read: {}.", name, content.error().message()));
    }
    bytes += content->size();
    contents.push_back(std::move(*content));
  }
  if (bytes > file_bytes_max) {
    return complain(exit_usage,
                    "the files are larger than 64 MiB, the most that a call may carry.");
  }
  job.files.assign(contents.begin(), contents.end());
  job.deadline = std::chrono::steady_clock::now() + command.timeout;

  asio::io_context loop(1);
  asio::co_spawn(loop, carry_out(loop, job), asio::detached);
  loop.run();
  return report(command, job);
}

}  // namespace understudy::app
