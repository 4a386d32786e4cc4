// Probes: one harmless call through a worker, on a connection of its own.
//
// A fresh connection meets any of the workers behind a think-swoole address and proves that the
// server still accepts, which a pooled one does not. A few that were good stay open: when calls
// move to a backup, connections to it are there.
#include <boost/asio/co_spawn.hpp>
#include <utility>

#include "net/dispatcher_impl.hpp"
#include "wire/answer.hpp"
#include "wire/request.hpp"

namespace understudy::net {
namespace {

constexpr std::size_t warm_connections = 4;
/// A probe whose timeout is noticed this late says that we were busy or paused, not the server.
constexpr std::chrono::milliseconds late_max{250};

core::time_point now() {
  return std::chrono::steady_clock::now();
}

}  // namespace

boost::asio::awaitable<void> dispatcher_impl::probe(server_ptr target) {
  const auto alive = self();
  const auto begun = now();
  const auto deadline = begun + options_.pool.probe_timeout;
  const upstream_set::place place(target->connections);
  std::string body(wire::action_interface_body);
  if (!options_.probe_method.empty()) {
    body.clear();
    wire::append_request(body, options_.probe_method, "[]");
  }
  auto result = co_await connect(target, deadline);
  if (result.connection) {
    const std::span<const std::string_view> no_files;
    result.got = co_await result.connection->call(body, no_files, deadline);
    if (target->connections.idle() < warm_connections)
      keep(*target, result.connection);
    else
      result.connection->close();
  }
  const bool late = result.got.how != core::outcome::answered && now() > deadline + late_max;
  const auto how = result.crowded || late ? core::outcome::abandoned : judge(result.got);
  if (how == core::outcome::answered && options_.probe_method.empty()) {
    learn(*target, result.got.body);
  }
  pool_.probe_ended(now(), target->id, how, now() - begun);
  settle();
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
