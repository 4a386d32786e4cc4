// Asks the members of one etcd, in turn, staying with the one that answers.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "coord/http_client.hpp"

namespace understudy::coord::etcd {

/// Shared with the coroutines that wait for it; on the executor that awaits.
class etcd_client {
 public:
  /// How long one member is given where another can be asked. A member in a cluster without a
  /// leader would hold a request for 7 s.
  static constexpr std::chrono::milliseconds attempt_timeout{700};
  static constexpr std::chrono::milliseconds connect_timeout{250};

  /// Throws std::runtime_error with a sentence where one is not HOST:PORT, or there is none.
  explicit etcd_client(const std::vector<std::string>& endpoints);

  /// For what may be repeated: each member is asked once, until one answers 200.
  [[nodiscard]] static boost::asio::awaitable<http_answer> ask(std::shared_ptr<etcd_client> self,
                                                               std::string path, std::string body,
                                                               core::time_point deadline);
  /// For what may not: the next member is tried only where no byte left, and the one that has it
  /// is waited for until the deadline.
  [[nodiscard]] static boost::asio::awaitable<http_answer> tell(std::shared_ptr<etcd_client> self,
                                                                std::string path, std::string body,
                                                                core::time_point deadline);

  /// The member to be asked next.
  [[nodiscard]] const http_peer& peer() const { return peers_[next_]; }
  /// It did not do: the next one, unless that was turned to already.
  void turn_from(const http_peer& failed);

 private:
  enum class manner : std::uint8_t { ask, tell };
  [[nodiscard]] static boost::asio::awaitable<http_answer> send(std::shared_ptr<etcd_client> self,
                                                                manner how, std::string path,
                                                                std::string body,
                                                                core::time_point deadline);
  std::vector<http_peer> peers_;
  std::size_t next_ = 0;
};

/// Why an answer is not what was asked for, as a sentence.
[[nodiscard]] std::string fault_of(const http_answer& answer);

}  // namespace understudy::coord::etcd
