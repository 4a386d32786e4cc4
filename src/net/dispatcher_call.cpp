// The life of one call in a dispatcher: what core::call decides is done, what came of it is told.
#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <utility>

#include "net/dispatcher_impl.hpp"
#include "understudy/detail/check.hpp"
#include "wire/multiplex.hpp"
#include "wire/utf8.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;

constexpr std::size_t shown_bytes_max = 200;  ///< of a method's name: it may fill a frame

core::time_point now() {
  return std::chrono::steady_clock::now();
}

core::call_options options_of(const core::pool& pool, const forward& request) {
  core::call_options options;
  options.method = wire::utf8_excerpt(request.method, shown_bytes_max);
  options.idempotent = request.idempotent;
  options.deadline = request.deadline;
  options.hurried = request.hurried;
  options.parks = request.parks;
  options.priority = request.priority;
  options.caller = request.caller;
  options.key = request.balance_key;
  if (request.failed_at.empty()) return options;
  for (const core::server_status& each : pool.status(now())) {
    const auto failed = std::ranges::find(request.failed_at, each.options.address);
    if (failed != request.failed_at.end()) options.failed_at.push_back(each.id);
  }
  return options;
}

core::give_up answer_too_large() {
  core::give_up error;
  error.code = code::too_large;
  error.message = "The answer is larger than the limits allow";
  error.sent = delivery::unknown;
  return error;
}

core::give_up not_for_callers() {
  core::give_up refused;
  refused.code = code::method_not_found;
  refused.message = "This method is not for callers; nothing was sent";
  return refused;
}

asio::awaitable<forward_result> refuse(core::give_up why) {
  co_return std::move(why);
}

}  // namespace

asio::awaitable<forward_result> dispatcher_impl::call(const forward& request) {
  UNDERSTUDY_CHECK(!wire::is_poison(request.body));
  // What a connection speaks is between the gateway and its servers.
  if (wire::parse_multiplex_request(request.body)) return refuse(not_for_callers());
  return awaits_names(request.deadline) ? carry_once_named(request) : carry_call(request);
}

asio::awaitable<forward_result> dispatcher_impl::carry_once_named(const forward& request) {
  const auto alive = self();
  while (awaits_names(request.deadline)) co_await park_until(request.deadline, std::nullopt);
  co_return co_await carry_call(request);
}

// Nearly all calls wait once. Asio uses the memory of a frame again that is no larger than 1,020
// bytes.
asio::awaitable<forward_result> dispatcher_impl::carry_call(const forward& request) {
  const auto alive = self();
  running_call life(*this, request);
  for (;;) {
    const auto next = life.go_on();
    if (next == running_call::next::done) co_return life.result();
    if (next == running_call::next::wait)
      (void)co_await life.any_ended();
    else if (next == running_call::next::connect)
      co_await life.attempts().connect();
    else
      co_await park_until(life.parked().until, life.parked().turn);
  }
}

dispatcher_impl::running_call::running_call(dispatcher_impl& d, const forward& request)
    : d_(d),
      request_(request),
      life_(d.pool_, options_of(d.pool_, request)),
      out_(d, life_, request) {}

dispatcher_impl::running_call::next dispatcher_impl::running_call::go_on() {
  const auto at = d_.notice_pause();
  std::optional<next> waits;
  if (waits_ == next::done)
    step_ = life_.begin(at);
  else if (waits_ == next::park)
    step_ = d_.stopped_ ? life_.stopped() : life_.woken(at);
  else
    waits = look(at);
  while (!waits) {
    d_.settle(at);
    waits = act();
    if (!waits) waits = look(at);
  }
  return waits_ = *waits;
}

std::optional<dispatcher_impl::running_call::next> dispatcher_impl::running_call::act() {
  if (std::holds_alternative<core::park>(step_)) {
    if (!d_.stopped_) return next::park;
    step_ = life_.stopped();
    d_.settle();
  }
  const auto* attempt = std::get_if<core::attempt>(&step_);
  if (attempt == nullptr)
    return std::holds_alternative<core::wait>(step_) ? std::nullopt : std::optional(next::done);
  if (attempt->canary) d_.send_canary(*attempt->canary, life_.method(), request_);
  if (!out_.start(d_.servers_.at(attempt->server))) return next::connect;
  return std::nullopt;
}

std::optional<dispatcher_impl::running_call::next> dispatcher_impl::running_call::look(
    core::time_point at) {
  do {
    if (out_.met_ended(at) && !out_.start_again(at)) return next::connect;
    if (auto ended = out_.take_ended(at)) {
      take(at, *ended);
      return std::nullopt;
    }
    const auto look = life_.look_at();
    if (look && *look <= at) {
      step_ = life_.look(at);
      return std::nullopt;
    }
  } while (out_.nudged());
  return next::wait;
}

void dispatcher_impl::running_call::take(core::time_point at, ended_attempt& ended) {
  const auto server = ended.target->id;
  if (ended.result.crowded) {
    step_ = life_.crowded(at, server);
    return;
  }
  exchange& got = ended.result.got;
  const auto how = d_.judge(got);
  if (how == core::outcome::answered) life_.finish(at, server, how, got.error_code.has_value());
  if (got.too_large) {
    step_ = answer_too_large();
    return;
  }
  // "Nothing was done" must not hide an answer of who did something.
  const bool pushed_back = how == core::outcome::pushed_back && !ran_;
  ran_ = ran_ || how == core::outcome::faulted;
  if (how == core::outcome::answered || how == core::outcome::faulted || pushed_back)
    keep_answer(ended);
  step_ = how == core::outcome::answered ? core::deliver{} : life_.failed(at, server, how);
}

void dispatcher_impl::running_call::keep_answer(ended_attempt& ended) {
  exchange& got = ended.result.got;
  in_hand_ = std::make_unique<forwarded>();
  in_hand_->body = std::move(got.body);
  in_hand_->payload = got.payload;
  in_hand_->files = std::move(got.files);
  in_hand_->error_code = got.error_code;
  in_hand_->server = ended.target->address;
  in_hand_->attempts = life_.attempts();
}

forward_result dispatcher_impl::running_call::result() {
  if (auto* end = std::get_if<core::give_up>(&step_)) return std::move(*end);
  return *std::move(in_hand_);
}

}  // namespace understudy::net
