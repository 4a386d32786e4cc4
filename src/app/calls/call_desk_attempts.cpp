// The attempts of stored calls: to a server or a webhook, and what the store is told of them.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <iterator>
#include <utility>

#include "app/calls/ask_store.hpp"
#include "app/calls/call_desk.hpp"
#include "app/calls/call_json.hpp"
#include "app/calls/stored_place.hpp"
#include "app/calls/stored_text.hpp"
#include "app/common/wall_clock.hpp"
#include "understudy/error.hpp"
#include "wire/json_text.hpp"

namespace understudy::app {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

// How often a service without a usable server is looked at.
constexpr milliseconds held_look{20};
// By then a store that closes is closed: it gives no call out again that came back.
constexpr milliseconds closed_by{1000};
constexpr std::size_t failed_calls_max = 10000;  // that are remembered
constexpr std::size_t failed_servers_max = 8;

void not_begun(store::call_store& store, const store::held_claim& claim) {
  store::attempt_report report;
  report.id = claim.id;
  report.token = claim.token;
  report.next.state = store::call_state::waiting;
  report.next.due = wall_now() + closed_by;
  report.next.counted = false;
  store.report(std::move(report), [](bool) {});
}

}  // namespace

void call_desk::claimed(std::vector<store::claimed_call> calls) {
  const auto since = clock::now();
  {
    const std::lock_guard lock(claims_mutex_);
    if (give_back_ != nullptr) {
      for (const store::claimed_call& call : calls) not_begun(*give_back_, {call.id, call.token});
      return;
    }
    for (store::claimed_call& call : calls) told_.push_back({std::move(call), since});
  }
  asio::post(parts_.home, [self = shared_from_this()] {
    std::vector<told_claim> told;
    {
      const std::lock_guard lock(self->claims_mutex_);
      told.swap(self->told_);
    }
    for (told_claim& each : told) {
      auto& begun = self->attempts_;
      const auto place = begun.insert(begun.end(), under_way{{each.call.id, each.call.token}});
      auto run = self->carry(std::move(each), place);
      asio::co_spawn(self->parts_.home, std::move(run), [](const std::exception_ptr& failure) {
        if (failure) std::rethrow_exception(failure);
      });
    }
  });
}

// The store may give more until it is gone: those go back at once.
void call_desk::give_back_claims() {
  std::vector<told_claim> told;
  {
    const std::lock_guard lock(claims_mutex_);
    give_back_ = store_.get();
    told.swap(told_);
  }
  for (const told_claim& each : told) not_begun(*store_, {each.call.id, each.call.token});
  for (const under_way& attempt : attempts_) {
    if (!attempt.sent) not_begun(*store_, attempt.claim);
  }
}

asio::awaitable<void> call_desk::carry(told_claim told, std::list<under_way>::iterator place) {
  const store::claimed_call& call = told.call;
  const auto self = shared_from_this();
  stored_attempt attempt;
  const auto held = std::chrono::ceil<milliseconds>(clock::now() - told.since);
  const bool late = !core::may_begin(core::claim_lease(parts_.attempt_max), held);
  if (late || !store_) {
    attempt.end.fate = core::attempt_fate::not_sent;  // without a store it was given back before
  } else if (call.service == store::webhook_service) {
    place->sent = true;
    attempt = co_await carry_to_webhook(call);
  } else {
    attempt = co_await carry_to_server(call, place->sent);
  }
  attempts_.erase(place);
  finish(call, std::move(attempt));
}

asio::awaitable<stored_attempt> call_desk::carry_to_webhook(const store::claimed_call& call) {
  const auto params = wire::find_member(call.params, "call");
  const auto url = wire::find_member(call.params, "url");
  stored_attempt attempt;
  if (!store_ || !params || !url) co_return attempt;
  const auto about = store::parse_ticket(store_->tag(), wire::decode_string(*params));
  std::string body = "{\"ticket\":" + std::string(*params) + "}";
  if (about) {
    const auto ask = [&](auto answered) { store_->look(*about, std::move(answered)); };
    const auto found = co_await ask_store<std::optional<store::call_view>>(parts_.home, ask);
    if (found && *found && store_) {
      body.clear();
      append_call(body, **found, store_->tag());
    }
  }
  if (!store_) co_return attempt;
  const auto outcome = co_await parts_.tell(wire::decode_string(*url), std::move(body));
  if (outcome.delivered) {
    attempt.payload = "true";
    co_return attempt;
  }
  attempt.end.fate = core::attempt_fate::fault;
  attempt.end.code = code::no_server;
  attempt.error = true;
  attempt.payload = fmt::format("{{\"code\":{},\"message\":", attempt.end.code);
  wire::append_string(attempt.payload, outcome.why);
  attempt.payload += '}';
  co_return attempt;
}

asio::awaitable<stored_attempt> call_desk::carry_to_server(const store::claimed_call& call,
                                                           bool& sent) {
  const std::string body = attempt_request(call, ticket(call.id), call.attempts + 1);
  stored_attempt attempt;
  const auto parsed = wire::parse_request(body);
  if (const auto* request = std::get_if<wire::request>(&parsed)) {
    attempt_terms terms;
    terms.only = place_of(call.service).only;
    terms.priority = call.terms.priority;
    const auto left = std::max(call.terms.deadline - wall_now(), milliseconds(0));
    terms.sent = &sent;
    if (const auto failed = failed_at_.find(static_cast<std::uint64_t>(call.id));
        failed != failed_at_.end()) {
      terms.failed_at = failed->second;
    }
    terms.hurried = left < parts_.attempt_max;
    terms.deadline = clock::now() + std::min(parts_.attempt_max, left);
    attempt = co_await parts_.attempt(*request, body, terms);
  } else {
    const auto& wrong = std::get<wire::request_error>(parsed);
    attempt.end.fate = core::attempt_fate::error;
    attempt.end.code = wrong.code;
    attempt.error = true;
    attempt.payload =
        fmt::format(R"({{"code":{},"message":"The stored request is unreadable."}})", wrong.code);
  }
  co_return attempt;
}

void call_desk::finish(const store::claimed_call& call, stored_attempt attempt) {
  if (!store_) return;
  store::attempt_report report;
  report.id = call.id;
  report.token = call.token;
  report.error = attempt.error;
  report.server = std::move(attempt.server);
  report.payload = std::move(attempt.payload);
  report.may_have_run = attempt.end.fate == core::attempt_fate::unknown;
  report.next = core::after_attempt(call.terms, parts_.rules->retry(call.method), call.attempts,
                                    call.may_have_run, attempt.end, wall_now(), jitter_);
  if (attempt.no_server) {
    // It waits in the store, and is due as soon as there is a server.
    hold(call.service);
    if (report.next.state == core::call_state::waiting) report.next.due = wall_now();
  }
  remember_failure(call, report, attempt.end.fate);
  store_->report(std::move(report), [](bool) {});
  if (!draining_) store_->grant(1);
}

// An error of the service would be the same elsewhere.
void call_desk::remember_failure(const store::claimed_call& call,
                                 const store::attempt_report& report, core::attempt_fate fate) {
  const auto id = static_cast<std::uint64_t>(call.id);
  const bool failed = fate == core::attempt_fate::fault || fate == core::attempt_fate::unknown;
  if (report.next.state != core::call_state::waiting) {
    failed_at_.erase(id);
  } else if (failed && !report.server.empty() &&
             (failed_at_.size() < failed_calls_max || failed_at_.contains(id))) {
    auto& servers = failed_at_[id];
    const bool known = std::ranges::find(servers, report.server) != servers.end();
    if (!known && servers.size() < failed_servers_max) servers.push_back(report.server);
  }
}

void call_desk::hold(const std::string& service) {
  if (!held_.insert(service).second) return;
  store_->hold(service, true);
  if (held_.size() == 1) look_at_held();
}

void call_desk::look_at_held() {
  held_timer_->expires_after(held_look);
  held_timer_->async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (error || !self->store_) return;
    const auto usable = [&](const std::string& stored) {
      const place at = place_of(stored);
      return self->parts_.usable(at.service, at.only);
    };
    std::erase_if(self->held_, [&](const std::string& service) {
      if (!usable(service)) return false;
      self->store_->hold(service, false);
      return true;
    });
    if (!self->held_.empty()) self->look_at_held();
  });
}

}  // namespace understudy::app
