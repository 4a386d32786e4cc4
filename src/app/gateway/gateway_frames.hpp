// think-swoole callers of the gateway: one request in, the answer of a server or our own out.
#pragma once

#include <memory>
#include <string>

#include "app/gateway/router.hpp"
#include "net/frame_server.hpp"

namespace understudy::app {

/// Handlers of the connections to one listening address. `pool` is the pool that the address
/// belongs to; empty: the shared address. Bodies that are no requests are answered here; what is
/// forwarded passes as the bytes that came. A call goes on when its caller has hung up: until we
/// write, that looks like a half-close, after which a caller still waits for its answer.
[[nodiscard]] net::frame_handler_factory forward_frames(std::shared_ptr<router> routes,
                                                        std::string pool);

}  // namespace understudy::app
