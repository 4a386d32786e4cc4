// What carries one call to one server: a connection of its own, or a place on a shared one.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <span>
#include <string_view>

#include "core/types.hpp"
#include "net/exchange.hpp"

namespace understudy::net {

/// One owner thread; one call at a time. How it fails says what is known: `stale` means that the
/// kernel took no byte of the call; all else that a byte or more may have left.
class carrier {
 public:
  virtual ~carrier() = default;

  /// Sends the files, then `body`. Both must stay valid until sent_all(), or the end.
  [[nodiscard]] virtual boost::asio::awaitable<void> start(std::string_view body,
                                                           std::span<const std::string_view> files,
                                                           core::time_point deadline) = 0;
  /// Waits until `until`, or nudge(). True once the call has ended: then take().
  [[nodiscard]] virtual boost::asio::awaitable<bool> go_on(core::time_point until) = 0;
  [[nodiscard]] virtual exchange take() = 0;
  virtual void nudge() = 0;
  /// Body and files are not needed any more.
  [[nodiscard]] virtual bool sent_all() const = 0;
  /// At once. Ends a running call as `lost`, or `stale`.
  virtual void close() = 0;
};

/// All of it: from start() to the answer or the deadline.
[[nodiscard]] boost::asio::awaitable<exchange> carry(std::shared_ptr<carrier> by,
                                                     std::string_view body,
                                                     std::span<const std::string_view> files,
                                                     core::time_point deadline);

}  // namespace understudy::net
