// One caller's connection of the load generator: answers are matched to calls by their order.
#pragma once

#include <boost/circular_buffer.hpp>
#include <chrono>
#include <cstdint>
#include <string>

#include "app/bench/load_reader.hpp"
#include "app/bench/load_socket.hpp"

namespace understudy::app {

/// A call that has no answer yet.
struct load_pending {
  std::uint64_t number = 0;
  std::chrono::steady_clock::time_point start;  ///< intended, in an open loop
  std::chrono::steady_clock::time_point sent;
};

/// Owned and used by the one thread of a load. Registered with the load's epoll under `index`.
class load_connection {
 public:
  enum class state : std::uint8_t { closed, connecting, open };
  enum class io : std::uint8_t { done, broken };

  load_connection(int epoll, std::uint32_t index, load_protocol protocol, unsigned depth);

  /// From closed to connecting. Broken: errno says why.
  io start(const socket_address& to);
  /// From connecting to open, once writable. Broken: errno says why.
  io established();
  void close();

  [[nodiscard]] state now() const { return state_; }
  [[nodiscard]] bool has_room() const { return state_ == state::open && !pending_.full(); }

  /// Where the next request is appended; flush() sends it.
  [[nodiscard]] std::string& out() { return out_; }
  void add(const load_pending& call) { pending_.push_back(call); }
  [[nodiscard]] boost::circular_buffer<load_pending>& pending() { return pending_; }
  /// Sends as much as the socket takes; the rest when it is writable again.
  io flush();

  /// One read. Broken: the peer closed or reset the connection.
  io receive();
  [[nodiscard]] load_answer next_answer() { return reader_.next(); }

 private:
  void watch(bool writable);

  int epoll_;
  std::uint32_t index_;
  load_protocol protocol_;
  state state_ = state::closed;
  bool watches_writable_ = false;
  owned_fd fd_;
  load_reader reader_;
  std::string out_;
  std::size_t out_sent_ = 0;
  boost::circular_buffer<load_pending> pending_;
};

}  // namespace understudy::app
