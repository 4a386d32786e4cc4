// A real etcd of one or three members on loopback, for tests.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace understudy::test {

/// Data and logs are in a temporary folder. What it starts it stops, and nothing else; the kernel
/// stops it should the thread that made this end. What does not come about within `patience` fails
/// the test by a std::runtime_error. One thread.
class etcd_cluster {
 public:
  /// All members answer when it is made.
  explicit etcd_cluster(std::size_t members = 1);
  ~etcd_cluster();
  etcd_cluster(const etcd_cluster&) = delete;
  etcd_cluster& operator=(const etcd_cluster&) = delete;

  [[nodiscard]] std::size_t size() const { return members_.size(); }
  [[nodiscard]] const std::string& endpoint(std::size_t member) const;  ///< 127.0.0.1:port
  [[nodiscard]] std::vector<std::string> endpoints() const;
  /// The member that leads the others now.
  [[nodiscard]] std::size_t leader() const;

  void kill(std::size_t member);    ///< SIGKILL, and waits for its end
  void start(std::size_t member);   ///< again, with what it has stored; does not wait
  void pause(std::size_t member);   ///< SIGSTOP
  void resume(std::size_t member);  ///< SIGCONT
  void await_health() const;        ///< until each answers that it has a leader

  // Of members that do not run.
  void empty(std::size_t member);    ///< all it has stored is lost
  void save(std::size_t member);     ///< keeps a copy of that aside
  void restore(std::size_t member);  ///< puts the copy in its place

  /// Posts to the JSON gateway of a member; what it answers.
  [[nodiscard]] std::string post(std::size_t member, const std::string& path,
                                 const std::string& body) const;
  /// How many keys a member watches for clients.
  [[nodiscard]] int watchers(std::size_t member) const;

 private:
  struct one {
    std::string name;
    std::string client;  ///< HOST:PORT
    std::string peer;
    pid_t pid = -1;
  };
  [[nodiscard]] std::string data_of(std::size_t member) const;
  [[nodiscard]] std::string log_end() const;

  std::string folder_;
  std::vector<one> members_;
};

}  // namespace understudy::test
