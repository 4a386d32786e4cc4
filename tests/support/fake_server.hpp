// A server on loopback that does to each call what a test wants: answers, hangs, cuts, resets.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace understudy::test {

/// What is done with one call. The default reads it and answers it.
struct fake_step {
  std::string answer = R"({"jsonrpc":"2.0","id":"","result":"ok"})";
  std::vector<std::string> files;         ///< file frames before the answer
  std::optional<std::string> raw;         ///< these bytes instead of files and answer
  std::optional<std::size_t> read_only;   ///< end the connection after so many bytes of the call
  std::optional<std::size_t> write_only;  ///< ... after so many bytes of the answer
  bool hold = false;   ///< read the call, then wait for release() before answering
  bool close = false;  ///< end the connection after the answer
  bool reset = false;  ///< however it ends, with RST and not with FIN
};

[[nodiscard]] fake_step fake_answer(std::string body);
[[nodiscard]] fake_step fake_result(std::string_view json);
[[nodiscard]] fake_step fake_error(std::int64_t code, std::string_view message = "on purpose");
[[nodiscard]] fake_step fake_raw(std::string bytes);

struct fake_call {
  std::string head;  ///< over HTTP
  std::string body;
  std::vector<std::string> files;
};

enum class fake_speaks : std::uint8_t {
  frames,
  http,  ///< JSON-RPC at /rpc: no files, and `read_only` has no meaning
};
/// An HTTP response with this body; `fields` end with CR LF each.
[[nodiscard]] std::string fake_http(int status, std::string_view body,
                                    std::string_view fields = "");

/// Speaks frames, or HTTP, on 127.0.0.1 with a thread for each connection, one call at a time.
/// Everything may be called from any thread. The destructor ends it all.
class fake_server {
 public:
  /// Does `always` to each call that nothing else was asked for. Listens at once, on a free port.
  explicit fake_server(fake_step always = {}, fake_speaks what = fake_speaks::frames);
  ~fake_server();
  fake_server(const fake_server&) = delete;
  fake_server& operator=(const fake_server&) = delete;

  [[nodiscard]] std::string address() const;  ///< as a pool's server is written

  void always(fake_step step);
  /// For the next calls, one each; then `always` again.
  void next(std::vector<fake_step> steps);
  /// For `@action_interface`, which neither counts as a call nor uses up a step.
  void on_probe(fake_step step);
  /// Connections are accepted and reset at once, before anything is read.
  void reject_connections(bool on);
  /// Calls that are held now go on.
  void release();

  /// Dies: connections end, new ones are refused. start() listens on the same port again.
  void stop();
  void start();
  /// Ends the connections that are open now; goes on listening.
  void drop_connections();
  /// Sends bytes on each open connection, asked or not.
  void send_to_all(std::string_view bytes);
  /// On each that has answered before. One that is new may have been asked already: to it the
  /// bytes could be the answer.
  void send_unasked(std::string_view bytes);

  /// Calls that were read in full: executed, as far as a caller can know.
  [[nodiscard]] std::vector<fake_call> calls() const;
  [[nodiscard]] std::size_t call_count() const;
  [[nodiscard]] std::size_t probe_count() const;
  [[nodiscard]] std::size_t accepted() const;
  [[nodiscard]] std::size_t open_connections() const;

 private:
  struct connection {
    int fd = -1;
    bool open = true;
    bool answered = false;  ///< something
    std::thread thread;
  };

  void accept_loop(int listener);
  void serve(connection& c);
  /// False where the connection is to end; `how` then says with what.
  bool serve_call(int fd, fake_step& how);
  bool refuse_question(int fd);
  bool serve_http_call(int fd, fake_step& how);
  /// The number of releases so far: one that comes once a test sees the call is meant for it.
  std::uint64_t count(fake_call call, bool is_probe);
  bool answer(int fd, fake_step& how, std::uint64_t releases);
  [[nodiscard]] fake_step take_step(bool is_probe);
  /// Waits for a release after the first `before`. False where the server died first.
  bool released(std::uint64_t before);

  const fake_speaks speaks_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  bool stopping_ = false;
  bool rejecting_ = false;
  std::uint64_t releases_ = 0;
  fake_step always_;
  fake_step probe_;
  std::deque<fake_step> next_;
  std::vector<fake_call> calls_;
  std::size_t probes_ = 0;
  std::size_t accepted_ = 0;
  std::list<connection> connections_;
  std::thread acceptor_;
};

}  // namespace understudy::test
