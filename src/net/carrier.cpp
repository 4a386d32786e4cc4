#include "net/carrier.hpp"

namespace understudy::net {

boost::asio::awaitable<exchange> carry(std::shared_ptr<carrier> by, std::string_view body,
                                       std::span<const std::string_view> files,
                                       core::time_point deadline) {
  co_await by->start(body, files, deadline);
  for (bool ended = false; !ended;) ended = co_await by->go_on(deadline);
  co_return by->take();
}

}  // namespace understudy::net
