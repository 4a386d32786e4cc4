#include "net/server_handler.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "wire/answer.hpp"
#include "wire/frame.hpp"
#include "wire/json_text.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;

constexpr std::string_view result_start = R"({"jsonrpc":"2.0","id":"","result":)";
constexpr std::string_view file_result = R"("@file")";
constexpr std::size_t kept_bytes = 1024;  // a call up to this size leaves its memory to the next

void append_result_frame(std::string& out, std::string_view result) {
  const auto header = wire::begin_frame(out);
  wire::append_result(out, result);
  wire::end_frame(out, header, wire::frame_type::message);
}

void append_reply(std::string& out, const reply& answer) {
  if (answer.download) {
    wire::append_frame(out, wire::frame_type::file, answer.download->bytes());
    append_result_frame(out, file_result);
  } else {
    append_result_frame(out, answer.text);
  }
}

/// The answer to what a method threw.
void append_failure(std::string& out, const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const rpc_error& error) {
    const bool valid = wire::json_valid(error.data());
    wire::append_error_frame(out, error.code(), error.what(), valid ? error.data() : "null");
  } catch (const std::exception& error) {
    wire::append_error_frame(out, 0, error.what());
  } catch (...) {
    wire::append_error_frame(out, 0, "unknown exception");
  }
}

void append_not_found(std::string& out, const server_registry& registry,
                      const wire::request& request) {
  constexpr std::size_t shown_max = 200;  // a name may be as long as a frame
  const auto service = request.service().substr(0, shown_max);
  const auto name = request.name().substr(0, shown_max);
  if (registry.has_service(request.service()))
    wire::append_error_frame(
        out, code::method_not_found,
        "Method " + std::string(name) + " is not found in " + std::string(service));
  else
    wire::append_error_frame(out, code::method_not_found,
                             "Service " + std::string(service) + " is not founded!");
}

std::vector<file> files_of(frame_call& call) {
  std::vector<file> files;
  for (auto& bytes : call.files) files.emplace_back(std::move(bytes));
  return files;
}

task<void> run_method(std::shared_ptr<server_call> call) {
  auto& invocation = call->invocation;
  const auto& method = *call->method;
  invocation.result = &call->text;
  bind_arguments(invocation, method, call->params, {}, call->files);
  if (method.start) {
    co_await method.start(call->object.get(), call->about, invocation);
  } else if (method.nonblocking) {
    method.run(call->object.get(), call->about, invocation);
  } else {
    auto work = [call] { call->method->run(call->object.get(), call->about, call->invocation); };
    run_blocking on_worker(std::move(work));
    co_await on_worker;
  }
}

/// The middlewares from `first` on, then the method.
task<reply> run_through(std::shared_ptr<server_call> call, std::size_t first) {
  const auto& around = call->registry->middlewares();
  if (first < around.size()) {
    const next_handler next = [call, first] { return run_through(call, first + 1); };
    auto answer = co_await around[first](call->about, next);
    co_return answer;
  }
  co_await run_method(call);
  reply answer{std::move(call->text), std::move(call->invocation.download)};
  co_return answer;
}

task<void> answer_call(std::shared_ptr<server_call> call, std::string& out) {
  const auto start = out.size();
  std::exception_ptr thrown;
  try {
    const reply answer = co_await run_through(std::move(call), 0);
    append_reply(out, answer);
  } catch (...) {
    thrown = std::current_exception();
  }
  if (!thrown) co_return;
  out.resize(start);
  append_failure(out, thrown);
}

template <typename Give>
void bind_named(const detail::method_definition& method, std::string_view params,
                const Give& give) {
  constexpr std::size_t shown_max = 200;  // a name may be as long as a frame
  wire::for_each_member(params, [&](const wire::json_member& given) {
    std::size_t to = 0;
    while (to < method.params.size() && !wire::key_is(given, method.params[to].name)) ++to;
    if (to == method.params.size())
      throw rpc_error(code::invalid_params,
                      "Unknown named parameter $" + std::string(given.key.substr(0, shown_max)));
    give(to, given.value);
    return true;
  });
}

}  // namespace

void bind_arguments(detail::invocation& call, const detail::method_definition& method,
                    std::string_view params, std::span<const std::string_view> elements,
                    std::vector<file>& files) {
  call.method = &method;
  call.named = params.starts_with('{');
  const auto count = method.params.size();
  call.arguments.resize(count);
  std::size_t files_used = 0;
  const auto give = [&](std::size_t to, std::string_view text) {
    const bool wants_file = text == file_result;
    auto* const upload = wants_file && files_used < files.size() ? &files[files_used++] : nullptr;
    if (to < count) call.arguments[to] = {wants_file ? "null" : text, upload};
  };
  if (!elements.empty()) {
    for (std::size_t to = 0; to < elements.size(); ++to) give(to, elements[to]);
  } else if (call.named) {
    bind_named(method, params, give);
  } else {
    wire::for_each_member(params, [&, to = std::size_t{0}](const wire::json_member& given) mutable {
      give(to++, given.value);
      return true;
    });
  }
  for (std::size_t i = 0; i < count; ++i) {
    auto& argument = call.arguments[i];
    if (!argument.text.empty()) continue;
    const auto& param = method.params[i];
    if (!param.default_text)
      throw rpc_error(code::invalid_params, "Parameter " + param.name + " is missing");
    argument.text = *param.default_text;
  }
}

server_handler::server_handler(std::shared_ptr<const server_registry> registry, executor lane,
                               asio::any_io_executor io, std::string peer)
    : registry_(std::move(registry)),
      lane_(std::move(lane)),
      io_(std::move(io)),
      peer_(std::make_shared<const std::string>(std::move(peer))),
      objects_(registry_->services().size()),
      about_({}, {}, peer_) {}

const server_registry::entry* server_handler::find(const std::string& method) {
  if (entry_ != nullptr && method == method_) return entry_;
  entry_ = registry_->find(method);
  if (entry_ != nullptr) method_ = method;
  return entry_;
}

const std::shared_ptr<void>& server_handler::object_of(std::size_t service) {
  auto& object = objects_[service];
  if (!object) object = registry_->services()[service].make_object();
  if (!object) throw std::runtime_error("the service has no object for this connection");
  return object;
}

bool server_handler::handle_now(frame_call& call, std::string& out) {
  const bool answered = answer_now(call, out);
  if (answered && call.body.size() > kept_bytes) release_memory();
  return answered;
}

bool server_handler::answer_now(frame_call& call, std::string& out) {
  if (const auto error = wire::parse_request(call.body, request_)) {
    wire::append_error_frame(out, error->code, error->message);
    return true;
  }
  if (request_.action_interface) {
    append_result_frame(out, registry_->description());
    return true;
  }
  if (find(request_.method) == nullptr) {
    append_not_found(out, *registry_, request_);
    return true;
  }
  const bool waits = !entry_->method->nonblocking || !entry_->method->run;
  if (waits || !registry_->middlewares().empty()) return false;
  run_now(call, out);
  return true;
}

// A connection that rests holds nothing of what a large call needed.
void server_handler::release_memory() {
  wire::request fresh;
  std::swap(request_, fresh);  // to assign would keep the method's memory
  about_ = context({}, {}, peer_);
}

// The result is written where it leaves from.
void server_handler::run_now(frame_call& call, std::string& out) {
  const auto start = out.size();
  try {
    auto files = files_of(call);
    detail::invocation invocation;
    const std::span elements(request_.elements.data(), request_.element_count);
    bind_arguments(invocation, *entry_->method, request_.params, elements, files);
    if (entry_->method->takes_context) about_.renew(request_.context, request_.method);
    const auto header = wire::begin_frame(out);
    out += result_start;
    invocation.result = &out;
    entry_->method->run(object_of(entry_->service).get(), about_, invocation);
    if (!invocation.download) {
      out += '}';
      wire::end_frame(out, header, wire::frame_type::message);
      return;
    }
    const reply answer{{}, std::move(invocation.download)};
    out.resize(start);
    append_reply(out, answer);
  } catch (...) {
    out.resize(start);
    append_failure(out, std::current_exception());
  }
}

// The timer stands for "the call has ended": its wait belongs to the io_context, so that a
// server that stops destroys this coroutine, and with it the call.
asio::awaitable<void> server_handler::handle(frame_call& call, std::string& out) {
  std::shared_ptr<void> object;
  try {
    object = object_of(entry_->service);
  } catch (...) {
    append_failure(out, std::current_exception());
  }
  if (!object) co_return;
  context about(std::string(request_.context), std::move(request_.method), peer_);
  auto owned = std::make_shared<server_call>(
      server_call{registry_, entry_->method, std::move(object), std::move(about),
                  std::string(request_.params), files_of(call)});
  asio::steady_timer ended(io_, asio::steady_timer::time_point::max());
  bool done = false;
  detail::driver running(answer_call(std::move(owned), out));
  running.start([this, &ended, &done] {
    const auto end = [&ended, &done] {
      done = true;
      ended.cancel();
    };
    if (executor::current() == lane_)
      end();
    else
      lane_.post(end);
  });
  if (!done) (void)co_await ended.async_wait(asio::as_tuple(asio::use_awaitable));
}

}  // namespace understudy::net
