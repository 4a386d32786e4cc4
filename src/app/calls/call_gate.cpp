#include "app/calls/call_gate.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "app/admin/already.hpp"
#include "app/calls/calls_interface.hpp"
#include "app/calls/new_calls.hpp"
#include "app/common/wall_clock.hpp"
#include "app/gateway/own_error.hpp"
#include "understudy/error.hpp"
#include "wire/answer.hpp"
#include "wire/description.hpp"

namespace understudy::app {

namespace asio = boost::asio;

namespace {

// The services of the pools, and ours.
routed with_calls_service(routed described) {
  const auto parsed = wire::parse_answer(described.body);
  if (!parsed || parsed->is_error()) return described;
  auto services = wire::parse_description(parsed->result);
  if (!services) return described;
  services->push_back(describe_calls_service());
  routed answer;
  wire::append_result(answer.body, wire::format_description(*services));
  return answer;
}

asio::awaitable<routed> described(asio::awaitable<routed> by_pools) {
  routed answer = co_await std::move(by_pools);
  co_return with_calls_service(std::move(answer));
}

}  // namespace

// What needs no waiting is no coroutine: most calls are direct, and pass here.
asio::awaitable<routed> call_gate::route(const wire::request& request, std::string_view body,
                                         std::vector<std::string_view> files, route_terms terms) {
  if (request.action_interface) {
    auto by_pools = inner_->route(request, body, std::move(files), terms);
    if (!terms.only.empty()) return by_pools;
    return described(std::move(by_pools));
  }
  if (terms.only.empty() && request.service() == calls_service) {
    return at_home(serve_calls_service(desk_, request));
  }
  auto asked = read_wishes(request.context);
  if (const auto* refused = std::get_if<wish_refused>(&asked))
    return already(own_error(refused->code, refused->message));
  auto& wished = std::get<call_wishes>(asked);
  if (terms.outside != nullptr) wished.complete(*terms.outside);
  auto decided = rules_->decide(request, body, !files.empty(), std::move(wished), wall_now());
  if (const auto* refused = std::get_if<wish_refused>(&decided)) {
    return already(own_error(refused->code, refused->message));
  }
  if (auto* stored = std::get_if<stored_wishes>(&decided)) {
    const auto wait = stored->wait;
    store::new_call call = stored_form(request, std::move(*stored), terms.only);
    return at_home(desk_->serve(std::move(call), wait));
  }
  const auto& direct = std::get<call_wishes>(decided);
  terms.outside = &direct;
  terms.settled = true;
  return inner_->route(request, body, std::move(files), terms);
}

asio::awaitable<routed> call_gate::at_home(asio::awaitable<routed> work) {
  if (on_home_) return work;
  return asio::co_spawn(home_, std::move(work), asio::use_awaitable);
}

}  // namespace understudy::app
