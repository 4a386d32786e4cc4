// The connections to one server: those that rest, how many are open, and those that calls share.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "net/trunk_set.hpp"
#include "net/upstream.hpp"

namespace understudy::net {

/// One owner thread. The connection used last is used next, so that the others can grow old and go.
class upstream_set {
 public:
  /// A place among the open connections; held while a connection carries a call.
  class place {
   public:
    explicit place(upstream_set& owner) : owner_(&owner) { ++owner.busy_; }
    place(place&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    place& operator=(place&& other) noexcept {
      std::swap(owner_, other.owner_);
      return *this;
    }
    ~place() {
      if (owner_ != nullptr) --owner_->busy_;
    }

   private:
    upstream_set* owner_;
  };

  explicit upstream_set(boost::asio::ip::tcp::endpoint server) : server_(server) {}

  [[nodiscard]] boost::asio::ip::tcp::endpoint server() const { return server_; }
  /// Trunks apart, which are few.
  [[nodiscard]] std::size_t open() const { return busy_ + idle_.size(); }
  [[nodiscard]] std::size_t idle() const { return idle_.size(); }

  /// A resting connection, or null. Whether it is still good is found when a call leaves on it.
  [[nodiscard]] std::shared_ptr<upstream> take();
  /// One that is still good, now, or null. `dead` counts those found ended.
  [[nodiscard]] std::shared_ptr<upstream> take_good(unsigned& dead);
  /// Keeps it for the next call.
  void give(std::shared_ptr<upstream> connection, core::time_point now);
  /// Waits for the end of those that rest since `before` or longer; true if others are left.
  bool watch_older(core::time_point before);
  /// One that was given ended by itself.
  void forget(const upstream& connection);
  /// Closes those that rest since `before` or longer. When the next one is that old.
  [[nodiscard]] std::optional<core::time_point> close_older(core::time_point before);
  /// Trunks go once their calls have ended.
  void close_idle();

  [[nodiscard]] trunk_set& trunks() { return trunks_; }

 private:
  boost::asio::ip::tcp::endpoint server_;
  std::size_t busy_ = 0;
  std::vector<std::shared_ptr<upstream>> idle_;
  trunk_set trunks_;
};

}  // namespace understudy::net
