// Tells of changes of the topology: etcd's watch says when to look, and so does a clock.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include "coord/etcd/topology_key.hpp"

namespace understudy::coord::etcd {

/// Events of a watch may be lost, and its member may fall silent: so an event only makes us read,
/// and a read that finds a change without an event has the watch made anew. Shared with its own
/// coroutines, which end after stop().
class topology_watch {
 public:
  static constexpr std::chrono::milliseconds read_timeout{2000};
  static constexpr std::chrono::milliseconds pause{200};  ///< before a lost watch is made anew

  topology_watch(const boost::asio::any_io_executor& executor, std::shared_ptr<etcd_client> client,
                 std::shared_ptr<topology_key> key, std::chrono::milliseconds poll,
                 std::function<void(const read_result&)> told);
  static void start(std::shared_ptr<topology_watch> self);
  /// Nothing is told after it.
  void stop();

 private:
  static boost::asio::awaitable<void> look(std::shared_ptr<topology_watch> self);
  static boost::asio::awaitable<void> listen(std::shared_ptr<topology_watch> self);
  static boost::asio::awaitable<void> follow(std::shared_ptr<topology_watch> self, http_peer peer);
  /// The next look is due at once.
  void poke();
  void tell(const read_result& found);
  void check_stream(bool missed);

  boost::asio::any_io_executor executor_;
  std::shared_ptr<etcd_client> client_;
  std::shared_ptr<topology_key> key_;
  std::chrono::milliseconds poll_;
  std::function<void(const read_result&)> told_;
  boost::asio::steady_timer next_look_;
  boost::asio::steady_timer pause_;
  std::shared_ptr<http_lines> stream_;  ///< while there is one
  http_peer streaming_;                 ///< its member
  bool poked_ = false;                  ///< since the last look began
  bool stopped_ = false;
  std::optional<read_end> last_end_;
  revision last_at_{};
};

}  // namespace understudy::coord::etcd
