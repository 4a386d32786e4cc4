// Stands between a database and its clients, and cuts a connection at a chosen statement.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace understudy::test {

class relay {
 public:
  enum class cut : std::uint8_t {
    before,  ///< the statement does not reach the server
    after,   ///< it is done, and its answer lost
  };

  explicit relay(std::uint16_t server_port);
  ~relay();
  relay(const relay&) = delete;
  relay& operator=(const relay&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// The next one that contains this text. No client sends two at once.
  void cut_at(const std::string& text, cut how);
  /// How many were cut so far.
  [[nodiscard]] int cuts() const { return cuts_; }

 private:
  void accept_all();
  void carry(int client);
  [[nodiscard]] bool is_the_one(const std::string& bytes, cut& how);

  std::uint16_t server_port_;
  std::uint16_t port_ = 0;
  int listener_;
  int over_;  ///< readable once all is to end
  std::mutex lock_;
  std::string text_;
  cut how_ = cut::before;
  std::atomic<int> cuts_ = 0;
  std::list<std::thread> carriers_;
  std::thread acceptor_;
};

}  // namespace understudy::test
