#include "net/carrier.hpp"

namespace understudy::net {

boost::asio::awaitable<exchange> carry(std::shared_ptr<carrier> by, outgoing what,
                                       core::time_point deadline) {
  by->start(what, deadline);
  co_return co_await carry_on(std::move(by));
}

boost::asio::awaitable<exchange> carry_on(std::shared_ptr<carrier> by) {
  while (!by->ended(std::chrono::steady_clock::now())) {
    (void)co_await by->rung_or(core::time_point::max());
  }
  co_return by->take();
}

}  // namespace understudy::net
