// Attempts of stored calls: to a server like any call, but its end is told in other words.
#include <algorithm>
#include <chrono>
#include <utility>

#include "app/gateway/pool_router.hpp"
#include "understudy/error.hpp"
#include "wire/answer.hpp"

namespace understudy::app {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;
using core::attempt_fate;

namespace {

core::attempt_end fate_of_answer(const net::forwarded& answered,
                                 const std::vector<std::int64_t>& fault_codes) {
  core::attempt_end end;
  if (!answered.error_code) return end;
  end.code = *answered.error_code;
  const bool fault = end.code == code::internal_error || end.code == code::no_server ||
                     end.code == code::overloaded ||
                     std::ranges::find(fault_codes, end.code) != fault_codes.end();
  if (end.code == code::in_progress) {
    end.fate = attempt_fate::elsewhere;
  } else if (end.code == code::outcome_unknown) {
    end.fate = attempt_fate::unknown;
  } else {
    end.fate = fault ? attempt_fate::fault : attempt_fate::error;
  }
  return end;
}

core::attempt_end fate_of_failure(const core::give_up& failed) {
  core::attempt_end end;
  end.fate = failed.sent == delivery::not_sent ? attempt_fate::not_sent : attempt_fate::unknown;
  end.code = failed.code;
  end.retry_after = std::chrono::ceil<std::chrono::milliseconds>(failed.retry_after);
  return end;
}

stored_attempt put_off(std::chrono::milliseconds retry_after) {
  stored_attempt attempt;
  attempt.end.fate = attempt_fate::not_sent;
  attempt.end.retry_after = retry_after;
  return attempt;
}

// A file is not kept with a call: its result would name one that is not to be had. The call has
// run, and is done.
void refuse_files(stored_attempt& attempt) {
  attempt.error = true;
  attempt.end.fate = attempt_fate::result;
  attempt.payload =
      R"({"code":-32004,"message":"The call has run; its result is a file, which is not stored."})";
}

}  // namespace

asio::awaitable<stored_attempt> pool_router::attempt(const wire::request& request,
                                                     std::string_view body, attempt_terms terms) {
  const auto self = shared_from_this();
  const auto start = clock::now();
  const lookup found = co_await find_or_wait(request.service(), terms.only,
                                             std::min(start + learn_wait, terms.deadline));
  if (found.learning) co_return put_off(std::chrono::seconds(1));
  stored_attempt attempt;
  if (!found.pool) {
    const routed refused = refuse(found, request, start);
    const auto parsed = wire::parse_answer(refused.body);
    attempt.end.fate = attempt_fate::error;
    attempt.end.code = refused.code;
    attempt.error = true;
    if (parsed) attempt.payload = parsed->error;
    co_return attempt;
  }
  const pool_ptr pool = found.pool;
  net::forward forward;
  forward.method = request.method;
  forward.body = body;
  forward.has_id = true;
  // The store repeats it, and counts each time; here it is handed out once.
  forward.idempotent = false;
  forward.deadline = terms.deadline;
  forward.hurried = terms.hurried;
  forward.parks = false;
  forward.priority = static_cast<std::uint8_t>(terms.priority);
  forward.failed_at = std::move(terms.failed_at);
  forward.sent = terms.sent;
  const auto dispatcher = pool->dispatcher;
  net::forward_result result = co_await dispatcher->call(forward);
  if (const auto* answered = std::get_if<net::forwarded>(&result)) {
    attempt.end = fate_of_answer(*answered, pool->config.fault_codes);
    attempt.server = answered->server;
    attempt.error = answered->error_code.has_value();
  } else {
    const auto& failed = std::get<core::give_up>(result);
    attempt.end = fate_of_failure(failed);
    attempt.no_server = failed.code == code::no_server;
    attempt.server = failed.server;
  }
  const routed answer = finish(*pool, forward, start, result);
  if (answer.own) co_return attempt;
  if (const auto parsed = wire::parse_answer(answer.body)) {
    attempt.payload = parsed->is_error() ? parsed->error : parsed->result;
  }
  if (!answer.files.empty()) refuse_files(attempt);
  co_return attempt;
}

bool pool_router::usable(std::string_view service, std::string_view only) const {
  const lookup found = find(service, only);
  if (!found.pool) return true;  // nothing is known against it
  const auto servers = found.pool->dispatcher->status();
  return std::ranges::any_of(servers, [](const core::server_status& server) {
    return server.state != core::server_state::down && server.state != core::server_state::drained;
  });
}

}  // namespace understudy::app
