// The attempts of stored calls: to a server or a webhook, and what the store is told of them.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "app/ask_store.hpp"
#include "app/call_desk.hpp"
#include "app/call_json.hpp"
#include "app/stored_place.hpp"
#include "app/stored_text.hpp"
#include "app/wall_clock.hpp"
#include "understudy/error.hpp"
#include "wire/json_text.hpp"

namespace understudy::app {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

// How often a service without a usable server is looked at.
constexpr milliseconds held_look{20};

}  // namespace

void call_desk::claimed(std::vector<store::claimed_call> calls) {
  const auto since = clock::now();
  asio::post(parts_.home, [self = shared_from_this(), since, calls = std::move(calls)]() mutable {
    for (store::claimed_call& call : calls) {
      if (!self->store_) return;  // it is given to the store's next owner as begun
      auto run = self->carry(std::move(call), since);
      asio::co_spawn(self->parts_.home, std::move(run), [](const std::exception_ptr& failure) {
        if (failure) std::rethrow_exception(failure);
      });
    }
  });
}

asio::awaitable<void> call_desk::carry(store::claimed_call call, core::time_point since) {
  const auto self = shared_from_this();
  if (!store_) co_return;  // it ended before this began
  ++running_;
  stored_attempt attempt;
  const auto held = std::chrono::ceil<milliseconds>(clock::now() - since);
  if (!core::may_begin(core::claim_lease(parts_.attempt_max), held)) {
    attempt.end.fate = core::attempt_fate::not_sent;
  } else if (call.service == store::webhook_service) {
    attempt = co_await carry_to_webhook(call);
  } else {
    attempt = co_await carry_to_server(call);
  }
  --running_;
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

asio::awaitable<stored_attempt> call_desk::carry_to_server(const store::claimed_call& call) {
  const std::string body = attempt_request(call, ticket(call.id), call.attempts + 1);
  stored_attempt attempt;
  const auto parsed = wire::parse_request(body);
  if (const auto* request = std::get_if<wire::request>(&parsed)) {
    attempt_terms terms;
    terms.only = place_of(call.service).only;
    terms.priority = call.terms.priority;
    const auto left = std::max(call.terms.deadline - wall_now(), milliseconds(0));
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
  store_->report(std::move(report), [](bool) {});
  if (!draining_) store_->grant(1);
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
