#include "understudy/client.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>

#include "net/client_methods.hpp"
#include "net/client_stored.hpp"
#include "net/dispatcher.hpp"
#include "wire/answer.hpp"
#include "wire/json_text.hpp"
#include "wire/request.hpp"

namespace understudy {
namespace {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;

constexpr std::chrono::hours timeout_max{24 * 365};  // "for ever", far from an overflow

// A handshake takes some round trips, and costs the server milliseconds of its processor.
constexpr std::chrono::seconds tls_connect_timeout{2};

/// One call under way: owns what the dispatcher sees through views.
struct pending {
  std::string method;
  std::string body;
  std::vector<file> files;
  bool idempotent = false;
  core::time_point deadline{};
  bool hurried = false;
  std::optional<net::forward_result> ended;
  std::function<void()> done;  ///< called once, on the client's thread
};
using pending_ptr = std::shared_ptr<pending>;

std::string data_of(const core::give_up& error) {
  std::string data = R"({"retry":)";
  data += error.sent == delivery::not_sent ? "true" : "false";
  if (error.retry_after > core::duration::zero()) {
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(error.retry_after);
    data += R"(,"retry_after_ms":)" + std::to_string(ms.count());
  }
  return data + "}";
}

call_result result_of(net::forward_result ended) {
  if (const auto* error = std::get_if<core::give_up>(&ended)) {
    throw rpc_error(error->code, error->message, data_of(*error), error->sent);
  }
  auto& answered = std::get<net::forwarded>(ended);
  const auto answer = wire::parse_answer(answered.body);
  if (answer->is_error()) {
    throw rpc_error(answer->code, wire::decode_string(answer->message),
                    answer->data.empty() ? "null" : std::string(answer->data));
  }
  call_result result;
  result.result = answer->result;
  for (auto& bytes : answered.files) result.files.emplace_back(std::move(bytes));
  result.server = std::move(answered.server);
  result.attempts = answered.attempts;
  return result;
}

std::string line_of(const core::record& record) {
  std::string line = record.kind + ": " + record.subject;
  for (const auto& [name, value] : record.evidence) line += ", " + name + "=" + value;
  return line + "; " + record.rule + "; " + record.effect;
}

net::dispatcher_options options_of(const client_options& from) {
  net::dispatcher_options options;
  options.pool.name = "client";
  options.pool.probe_interval = from.probe_interval;
  if (!from.failback) options.pool.failback = core::failback_policy::manual;
  options.pool.parked_max = from.calls_max;
  options.limits.message_bytes_max = from.message_bytes_max;
  options.limits.file_bytes_max = from.file_bytes_max;
  options.seed = std::random_device()();
  if (from.tls) options.connect_timeout = tls_connect_timeout;
  return options;
}

void rethrow(std::exception_ptr thrown) {
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace

/// `work_` and everything behind it belong to the own thread; the rest is for any.
class client::impl {
 public:
  explicit impl(client_options options)
      : options_(std::move(options)), repeatable_(options_.idempotent) {
    if (options_.servers.empty() && options_.backups.empty()) {
      throw std::invalid_argument("a client needs the address of at least one server");
    }
    auto with = options_of(options_);
    if (options_.tls) with.tls = tls_ = std::make_shared<net::tls_connector>(*options_.tls);
    dispatcher_ = net::dispatcher::make(
        io_.get_executor(), std::move(with),
        [this](const core::record& record) {
          if (options_.log) options_.log(line_of(record));
        },
        [this](const auto&, const auto& services) { repeatable_.learn(services); });
    add(options_.servers, 0);
    add(options_.backups, 1);
    dispatcher_->start();
    thread_ = std::thread([this] { io_.run(); });
  }

  ~impl() {
    asio::post(io_, [this] {
      dispatcher_->stop();
      leaving_ = true;
      if (under_way_ == 0) io_.stop();
    });
    thread_.join();
  }

  /// Checked and complete, but not under way. rpc_error, not_sent, where it can not be sent.
  pending_ptr prepare(std::string_view method, std::string_view params, std::vector<file> files,
                      const call_options& options) {
    auto call = std::make_shared<pending>();
    wire::append_request(
        call->body, method, params,
        options.stored ? net::stored_context(options.context, *options.stored) : options.context);
    const auto request = wire::parse_request(call->body);
    if (const auto* error = std::get_if<wire::request_error>(&request)) {
      throw rpc_error(error->code, error->message, "null", delivery::not_sent);
    }
    std::size_t file_bytes = 0;
    for (const auto& each : files) file_bytes += each.size();
    if (call->body.size() > options_.message_bytes_max || file_bytes > options_.file_bytes_max) {
      throw rpc_error(code::too_large, "The call is larger than the client's limits allow", "null",
                      delivery::not_sent);
    }
    call->files = std::move(files);
    call->method = std::get<wire::request>(request).method;  // as the server will read it
    call->idempotent = options.idempotent || repeatable_.contains(call->method);
    set_deadline(*call, options.timeout);
    return call;
  }

  [[nodiscard]] net::tls_connector* tls() const { return tls_.get(); }

  void set_deadline(pending& call, std::chrono::milliseconds timeout) const {
    const auto given = timeout.count() > 0 ? timeout : options_.timeout;
    call.deadline = clock::now() + std::min<std::chrono::milliseconds>(given, timeout_max);
    call.hurried = given < options_.timeout;
  }

  void begin(const pending_ptr& call) {
    if (under_way_.fetch_add(1) >= options_.calls_max) {
      --under_way_;
      throw rpc_error(code::overloaded, "Too many calls are under way in this client",
                      R"({"retry":true})", delivery::not_sent);
    }
    asio::post(io_, [this, call] { asio::co_spawn(io_, carry(this, call), rethrow); });
  }

  call_result wait(const pending_ptr& call) {
    // Shared, for set_value() may still be at work in it when the wait is over.
    const auto ended = std::make_shared<std::promise<void>>();
    call->done = [ended] { ended->set_value(); };
    begin(call);
    ended->get_future().wait();
    return result_of(std::move(*call->ended));
  }

 private:
  void add(const std::vector<std::string>& addresses, unsigned priority) {
    for (const auto& address : addresses) {
      if (options_.tls && address.starts_with("http://")) {
        throw std::invalid_argument("a client with TLS speaks frames: " + address + " does not");
      }
      core::server_options server;
      server.address = address;
      server.priority = priority;
      dispatcher_->add(server);
    }
  }

  static asio::awaitable<void> carry(impl* self, pending_ptr call) {
    net::forward request;
    request.method = call->method;
    request.body = call->body;
    for (const auto& each : call->files) request.files.emplace_back(each.bytes());
    request.idempotent = call->idempotent;
    request.deadline = call->deadline;
    request.hurried = call->hurried;
    call->ended.emplace(co_await self->dispatcher_->call(request));
    const auto done = std::move(call->done);
    done();
    if (--self->under_way_ == 0 && self->leaving_) self->io_.stop();
  }

  const client_options options_;
  std::shared_ptr<net::tls_connector> tls_;  ///< null: without TLS
  net::repeatable_methods repeatable_;
  std::atomic<std::size_t> under_way_{0};
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  std::shared_ptr<net::dispatcher> dispatcher_;
  bool leaving_ = false;
  std::thread thread_;
};

namespace {

/// Where a coroutine waits for its call. If its frame is destroyed meanwhile, nobody is resumed:
/// frame and resumption belong to the same thread.
class answer_wait {
 public:
  answer_wait(std::function<void(const pending_ptr&)> begin, pending_ptr call)
      : begin_(std::move(begin)), call_(std::move(call)) {}
  ~answer_wait() { *alive_ = false; }
  answer_wait(const answer_wait&) = delete;
  answer_wait& operator=(const answer_wait&) = delete;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    call_->done = [waiting, alive = alive_, back = executor::current()] {
      back.post([waiting, alive] {
        if (*alive) waiting.resume();
      });
    };
    begin_(call_);
  }
  call_result await_resume() { return result_of(std::move(*call_->ended)); }

 private:
  std::function<void(const pending_ptr&)> begin_;
  pending_ptr call_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

client::client(client_options options) : impl_(std::make_unique<impl>(std::move(options))) {}

client::client(const std::string& server) {
  client_options options;
  options.servers.push_back(server);
  impl_ = std::make_unique<impl>(std::move(options));
}

client::~client() = default;

call_result client::call_json(std::string_view method, std::string params, std::vector<file> files,
                              const call_options& options) {
  return impl_->wait(impl_->prepare(method, params, std::move(files), options));
}

task<call_result> client::call_json_async(std::string method, std::string params,
                                          std::vector<file> files, call_options options) {
  auto call = impl_->prepare(method, params, std::move(files), options);
  std::function<void(const pending_ptr&)> begin = [this](const pending_ptr& prepared) {
    impl_->begin(prepared);
  };
  answer_wait wait(std::move(begin), std::move(call));
  co_return co_await wait;
}

void client::reload_tls() {
  if (impl_->tls() != nullptr) impl_->tls()->reload();
}

std::string client::describe(std::chrono::milliseconds timeout) {
  auto call = std::make_shared<pending>();
  call->method = wire::action_interface_body;
  call->body = wire::action_interface_body;
  call->idempotent = true;
  impl_->set_deadline(*call, timeout);
  return impl_->wait(call).result;
}

void client::not_a_file(std::string_view method) {
  throw rpc_error(code::internal_error, "The result of " + std::string(method) + " is no file");
}

void client::unreadable(std::string_view method, const rpc_error& why) {
  throw rpc_error(code::internal_error,
                  "The result of " + std::string(method) + " can not be read: " + why.what());
}

void client::unwritable(const rpc_error& why) {
  throw rpc_error(code::invalid_params, why.what(), "null", delivery::not_sent);
}

}  // namespace understudy
