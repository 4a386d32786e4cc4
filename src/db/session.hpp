// One connection to a MariaDB server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/types.hpp"
#include "db/reply.hpp"

struct st_mysql;

namespace understudy::db {

/// An address is a number, or a name that is found without a network: looking one up has no
/// deadline. One that begins with "/" is a local server's socket; then there is no port.
struct endpoint {
  std::string host;
  std::uint16_t port = 0;
  friend bool operator==(const endpoint&, const endpoint&) = default;
};

struct login {
  std::string user;
  std::string password;
};

/// Something that a thread can wait for together with a connection.
class bell {
 public:
  bell();
  ~bell();
  bell(const bell&) = delete;
  bell& operator=(const bell&) = delete;
  void ring();     ///< from any thread; the descriptor can be read from then on
  void silence();  ///< until it rings again
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

/// Lets another thread end what sessions wait for. Once stopped, all of theirs fails with
/// trouble::stopped at once.
class interrupt {
 public:
  void stop() { bell_.ring(); }  ///< from any thread
  [[nodiscard]] int descriptor() const { return bell_.descriptor(); }

 private:
  bell bell_;
};

/// For one thread at a time. Calls block, and are over at their deadline (monotonic), whatever the
/// server does: one that is frozen still accepts connections, and says nothing.
///
/// After a trouble other than `answered` the connection is closed. What was sent before may have
/// been done, or be done later: closing the connection does not stop it. There is no reconnecting
/// but by connect().
class session {
 public:
  /// `stop` outlives the session; nullptr: nobody interrupts it.
  explicit session(const interrupt* stop = nullptr) : stop_(stop) {}
  ~session() { close(); }
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  /// Closes what is open before. The account's sql_mode and all else is as the server has it.
  [[nodiscard]] fault connect(const endpoint& where, const login& who, core::time_point deadline);
  /// One statement, or several with ";" between them: those after a failed one are not done.
  [[nodiscard]] reply run(std::string_view sql, core::time_point deadline);

  /// False also where the server has ended the connection while nobody asked it anything.
  [[nodiscard]] bool usable();
  [[nodiscard]] bool open() const { return handle_ != nullptr; }
  /// Waits until `until` rings, or the server ends the connection while nobody asks it anything.
  /// True: it has, and the connection is closed.
  [[nodiscard]] bool rest(const bell& until);
  /// The server's number of this connection (CONNECTION_ID()); 0 if there is none.
  [[nodiscard]] std::uint64_t id() const { return id_; }
  void close();

 private:
  [[nodiscard]] fault wait(int& events, core::time_point deadline);
  [[nodiscard]] fault last_fault() const;
  [[nodiscard]] fault read_tables(reply& into, core::time_point deadline);
  void drop();

  const interrupt* stop_;
  st_mysql* handle_ = nullptr;
  std::uint64_t id_ = 0;
};

}  // namespace understudy::db
