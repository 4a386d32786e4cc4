// CallsInterface: stored calls as a service, for callers that ask by method.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string_view>

#include "app/calls/call_desk.hpp"
#include "app/gateway/router.hpp"
#include "wire/description.hpp"

namespace understudy::app {

inline constexpr std::string_view calls_service = "CallsInterface";

/// As @action_interface lists it.
[[nodiscard]] wire::service_description describe_calls_service();

/// enqueue(method, params, options = []): ticket. enqueueMany([[method, params, options], ...]):
/// tickets. state(ticket): array. result(ticket, wait_ms = 0): what the call brought, its own error
/// where it is one, -32011 while it runs. cancel(ticket), retry(ticket): bool.
/// Parameters by place or by name. At home.
[[nodiscard]] boost::asio::awaitable<routed> serve_calls_service(std::shared_ptr<call_desk> desk,
                                                                 const wire::request& request);

}  // namespace understudy::app
