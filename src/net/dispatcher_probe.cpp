// Probes: one harmless call through a worker, on a connection of its own.
//
// A fresh connection meets any of the workers behind a think-swoole address and proves that the
// server still accepts, which a pooled one does not. A few that were good stay open: when calls
// move to a backup, connections to it are there.
#include <boost/asio/co_spawn.hpp>
#include <utility>

#include "net/dispatcher_impl.hpp"
#include "wire/answer.hpp"
#include "wire/multiplex.hpp"
#include "wire/request.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;

constexpr std::size_t warm_connections = 4;
/// A probe whose timeout is noticed this late says that we were busy or paused, not the server.
constexpr std::chrono::milliseconds late_max{250};

core::time_point now() {
  return std::chrono::steady_clock::now();
}

}  // namespace

asio::awaitable<void> dispatcher_impl::probe(server_ptr target) {
  const auto alive = self();
  const auto begun = now();
  const auto deadline = begun + options_.pool.probe_timeout;
  std::string body(wire::action_interface_body);
  if (!options_.probe_method.empty()) {
    body.clear();
    wire::append_request(body, options_.probe_method, "[]");
  }
  attempt_result result;
  result.place.emplace(target->connections);
  co_await connect(target, deadline, result);
  if (result.own) {
    const outgoing what{body};
    result.got = co_await carry(result.by, what, deadline);
  }
  const bool late = result.got.how != core::outcome::answered && now() > deadline + late_max;
  const auto how = result.crowded || late ? core::outcome::abandoned : judge(result.got);
  if (how == core::outcome::answered && options_.probe_method.empty()) {
    learn(*target, result.got.body);
  }
  pool_.probe_ended(now(), target->id, how, now() - begun);
  settle();
  auto& trunks = target->connections.trunks();
  if (how != core::outcome::answered)
    trunks.forget();
  else if (may_multiplex(*target) && trunks.should_ask())
    co_await ask_for_trunks(target, result);
  else if (trunks.should_open())
    open_trunk(target);
  if (!result.own) co_return;
  if (target->connections.idle() < warm_connections)
    keep(*target, result);
  else
    result.own->close();
}

bool dispatcher_impl::may_multiplex(const server& target) const {
  return options_.multiplex && !target.http_head && !target.removed && !stopped_;
}

/// On the probe's connection: a server of another kind sees one more call there, of a service that
/// it does not have, and refuses it.
asio::awaitable<void> dispatcher_impl::ask_for_trunks(server_ptr target, attempt_result& on) {
  std::string body;
  wire::append_multiplex_request(
      body, {options_.limits.message_bytes_max, options_.limits.file_bytes_max});
  target->connections.trunks().asking();
  const outgoing what{body};
  const auto got = co_await carry(on.by, what, now() + options_.pool.probe_timeout);
  const auto answer = got.how == core::outcome::answered && !got.error_code
                          ? wire::parse_answer(got.body)
                          : std::nullopt;
  const bool granted = answer && wire::parse_multiplex_grant(*answer);
  auto how = trunk::opening::refused;
  if (granted) how = trunk::opening::open;
  if (got.error_code == code::overloaded) how = trunk::opening::not_now;
  if (got.how != core::outcome::answered) how = trunk::opening::no_answer;
  target->connections.trunks().answered(how);
  if (!granted || !may_multiplex(*target)) co_return;
  on.own->close();  // its calls would need numbers now
  if (target->connections.trunks().should_open()) open_trunk(target);
}

void dispatcher_impl::learn(server& from, std::string_view answer_body) {
  if (!learned_ || from.removed || stopped_ || from.description == answer_body) return;
  const auto answer = wire::parse_answer(answer_body);
  if (!answer || answer->is_error()) return;
  const auto services = wire::parse_description(answer->result);
  if (!services) return;
  from.description = answer_body;
  learned_(from.address, *services);
}

}  // namespace understudy::net
