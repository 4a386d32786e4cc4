// The attempts of one call that are out at the same time: mostly one, sometimes a hedge beside it.
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <utility>

#include "net/dispatcher_impl.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;

constexpr std::size_t canary_bytes_max = 65536;
constexpr std::size_t shared_bytes_max = 65536;  ///< of answers on a trunk, where it is known

core::time_point now() {
  return std::chrono::steady_clock::now();
}

outgoing outgoing_of(const forward& request) {
  return {request.body, request.files, request.has_id};
}

bool is_bulky(const exchange& got) {
  return !got.files.empty() || got.body.size() > shared_bytes_max;
}

}  // namespace

bool dispatcher_impl::call_attempts::start(server_ptr target) {
  if (running_) {
    race(std::move(target));
    return true;
  }
  target_ = std::move(target);
  busy_.emplace(d_);
  here_ = d_.take_carrier(target_, request_, take::unseen);
  if (!here_.decided()) return false;
  run();
  return true;
}

// Where the server is not ours any more, or nothing is to be begun, the call decides.
bool dispatcher_impl::call_attempts::met_ended(core::time_point at) {
  return running_ && here_.unseen && !target_->removed && !d_.stopped_ && at < request_.deadline &&
         here_.own->ended(at) && here_.own->sent_nothing();
}

bool dispatcher_impl::call_attempts::start_again(core::time_point at) {
  running_ = false;
  here_.own->close();
  here_.place.reset();
  d_.pool_.idle_connection_lost(at, target_->id);
  d_.settle(at);
  here_ = d_.take_carrier(target_, request_, take::good);
  if (!here_.decided()) return false;
  run();
  return true;
}

asio::awaitable<void> dispatcher_impl::call_attempts::connect() {
  co_await d_.connect_to(target_, request_.deadline, here_);
  run();
}

void dispatcher_impl::call_attempts::run() {
  running_ = true;
  if (racers_) racers_->nudged = here_.by;
  if (!here_.by) return;
  if (request_.sent != nullptr) *request_.sent = true;
  here_.by->start(outgoing_of(request_), request_.deadline);
}

std::optional<dispatcher_impl::ended_attempt> dispatcher_impl::call_attempts::take_ended(
    core::time_point at) {
  std::optional<ended_attempt> first;
  if (racers_ && !racers_->ended.empty()) {
    first.emplace(std::move(racers_->ended.front()));
    racers_->ended.erase(racers_->ended.begin());
  } else if (running_ && (!here_.by || here_.by->ended(at))) {
    if (here_.by) finish();
    running_ = false;
    busy_.reset();
    first.emplace();
    first->target = std::move(target_);
    first->result = std::move(here_);
  }
  return first;
}

void dispatcher_impl::call_attempts::finish() {
  here_.got = here_.by->take();
  if (!here_.own && is_bulky(here_.got)) target_->connections.trunks().keep_off(request_.method);
  d_.keep(*target_, here_);
}

void dispatcher_impl::call_attempts::race(server_ptr target) {
  if (!racers_) racers_ = std::make_shared<racer>(d_.executor_);
  racers_->nudged = here_.by;
  racers_->out.push_back(target->id);
  std::vector<std::string> files;
  for (const auto file : request_.files) files.emplace_back(file);
  asio::co_spawn(d_.executor_,
                 d_.run_racer(target, life_.id_of(target->id), racers_, request_,
                              std::string(request_.body), std::move(files)),
                 rethrow);
}

/// The caller does not wait for it, so it needs a copy; large ones are not worth it.
void dispatcher_impl::send_canary(core::server_id to, core::method_id method,
                                  const forward& request) {
  if (stopped_ || !request.files.empty() || request.body.size() > canary_bytes_max) return;
  const auto attempt = pool_.begin_canary(now(), to, method);
  asio::co_spawn(
      executor_,
      canary(servers_.at(to), attempt, std::string(request.body), pool_.canary_patience(method)),
      rethrow);
}

asio::awaitable<void> dispatcher_impl::canary(server_ptr target, core::attempt_id attempt,
                                              std::string body, core::duration patience) {
  const auto alive = self();
  forward copy;
  copy.body = body;
  copy.deadline = now() + patience;
  const auto result = co_await try_apart(target, copy, nullptr);
  end_apart(attempt, result, copy);
}

/// The end of an attempt that is not its call's any more, or never was.
void dispatcher_impl::end_apart(core::attempt_id attempt, const attempt_result& result,
                                const forward& request) {
  notice_pause();
  // What we closed ourselves, at the end, says nothing.
  const bool nothing = result.crowded || stopped_;
  const auto how = nothing ? core::outcome::abandoned : judge(result.got);
  const auto says = core::call::as_evidence(now(), how, request.deadline, request.hurried);
  pool_.end(now(), attempt, says, result.got.error_code.has_value());
  settle();
}

asio::awaitable<dispatcher_impl::attempt_result> dispatcher_impl::try_apart(
    server_ptr target, const forward& request, std::shared_ptr<racer> of) {
  const busy_mark busy(*this);
  auto result = take_carrier(target, request, take::good);
  if (!result.decided()) co_await connect_to(target, request.deadline, result);
  if (!result.by) co_return std::move(result);
  const auto entry = apart_.insert(apart_.end(), {result.by, std::move(of)});
  if (stopped_) close_unwanted();
  const auto what = outgoing_of(request);
  result.got = co_await carry(result.by, what, request.deadline);
  apart_.erase(entry);
  keep(*target, result);
  co_return std::move(result);
}

/// After stop() nobody is left to whom they would say anything.
void dispatcher_impl::close_unwanted() {
  for (const auto& each : apart_)
    if (!each.of || each.of->over) each.by->close();
}

asio::awaitable<void> dispatcher_impl::run_racer(server_ptr target, core::attempt_id attempt,
                                                 std::shared_ptr<racer> shared, forward request,
                                                 std::string body, std::vector<std::string> files) {
  const auto alive = self();
  request.method = {};
  request.body = body;
  request.files.assign(files.begin(), files.end());
  auto result = co_await try_apart(target, request, shared);
  std::erase(shared->out, target->id);
  if (shared->over) {
    end_apart(attempt, result, request);
    co_return;
  }
  shared->ended.emplace_back();
  shared->ended.back().target = std::move(target);
  shared->ended.back().result = std::move(result);
  shared->waiting.cancel();
  if (const auto awaited = shared->nudged.lock()) awaited->nudge();
}

/// The answer is not wanted any more, but what it says of the server is, and the connection.
asio::awaitable<void> dispatcher_impl::run_orphan(server_ptr target, core::attempt_id attempt,
                                                  attempt_result result, forward request) {
  const auto alive = self();
  const busy_mark busy(*this);
  const auto entry = apart_.insert(apart_.end(), {result.by, nullptr});
  if (stopped_) close_unwanted();
  result.got = co_await carry_on(result.by);
  apart_.erase(entry);
  keep(*target, result);
  end_apart(attempt, result, request);
}

dispatcher_impl::call_attempts::~call_attempts() {
  if (racers_) {
    racers_->over = true;
    if (d_.stopped_) d_.close_unwanted();
    for (const auto server : racers_->out) (void)life_.orphan(server);
    // Ended, but not looked at.
    for (const auto& each : racers_->ended)
      d_.end_apart(life_.orphan(each.target->id), each.result, request_);
  }
  if (!running_ || !here_.by) return;
  if (here_.by->sent_all() && !d_.stopped_) {
    forward request;  // its body and files are not needed any more
    request.deadline = request_.deadline;
    request.hurried = request_.hurried;
    asio::co_spawn(
        d_.executor_,
        d_.run_orphan(target_, life_.orphan(target_->id), std::move(here_), std::move(request)),
        rethrow);
  } else {
    here_.by->close();  // ~call says that it was given up
  }
}

}  // namespace understudy::net
