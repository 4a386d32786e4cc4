// Calls to one agent.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/words.hpp"
#include "core/types.hpp"
#include "net/tls_connector.hpp"
#include "net/upstream.hpp"

namespace understudy::agent {

struct line_options {
  std::string address;  ///< HOST:PORT
  core::node_id node{};
  std::string secret;
  std::shared_ptr<const net::tls_connector> tls{};  ///< null: without TLS
};

/// One owner thread: that of the executor, which must not run concurrently. Lives as long as its
/// calls. A few connections rest for the next calls; a call that has not left is made on another
/// one, and no call is made twice.
class line : public std::enable_shared_from_this<line> {
 public:
  struct answer {
    bool came = false;     ///< else `why` says what is known
    bool sent = false;     ///< it may have been done, where no answer came
    bool refused = false;  ///< an error came, which nobody has proven
    std::string body;      ///< proven to be the agent's
    std::string why;
  };
  line(boost::asio::any_io_executor executor, line_options options);

  [[nodiscard]] boost::asio::awaitable<answer> ask(std::string method, std::string body,
                                                   core::time_point deadline);
  /// For calls that are made from now on.
  void use_secret(std::string secret) { options_.secret = std::move(secret); }
  /// No call any more; those under way end as unanswered.
  void close();
  /// Where the agent was found last.
  [[nodiscard]] const boost::asio::ip::tcp::endpoint& found() const { return found_; }

 private:
  struct raw_answer {
    answer what;  ///< `came`: there is one, in `body` the result's JSON text
    std::int64_t code = 0;
    std::string data;
  };
  [[nodiscard]] boost::asio::awaitable<raw_answer> exchange(std::string method, std::string params,
                                                            core::time_point deadline);
  [[nodiscard]] boost::asio::awaitable<std::shared_ptr<net::upstream>> connect(
      core::time_point deadline, std::string& why);
  [[nodiscard]] boost::asio::awaitable<answer> introduce(core::time_point deadline);

  boost::asio::any_io_executor executor_;
  line_options options_;
  const std::string caller_ = random_text();
  std::string nonce_;
  std::uint64_t number_ = 0;
  net::tls_way way_;
  std::string tls_failure_;
  boost::asio::ip::tcp::endpoint found_;
  std::vector<std::shared_ptr<net::upstream>> resting_;
  std::vector<std::weak_ptr<net::upstream>> busy_;
  bool closed_ = false;
};

}  // namespace understudy::agent
