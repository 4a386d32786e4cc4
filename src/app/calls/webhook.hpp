// Tells the end of stored calls to an HTTP server of the operator's.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <string>
#include <string_view>

namespace understudy::app {

/// How a delivery went. What is not delivered is delivered again, as any other stored call.
struct webhook_outcome {
  bool delivered = false;
  std::string why;  ///< not
};

/// `sha256=` and the HMAC-SHA256 (RFC 2104) of `body` under `secret`, in hexadecimal digits.
[[nodiscard]] std::string webhook_signature(std::string_view secret, std::string_view body);

/// Posts from threads of its own, since a receiver may be slow. The destructor waits for those
/// under way, at most `patience`.
class webhook_sender {
 public:
  static constexpr unsigned at_a_time = 4;
  static constexpr std::chrono::milliseconds patience{10000};

  /// An empty secret: nothing is signed.
  explicit webhook_sender(std::string secret) : secret_(std::move(secret)) {}
  ~webhook_sender() { threads_.join(); }

  /// POSTs JSON to `url` (http://HOST:PORT/PATH) with Understudy-Signature. Any answer of 2xx is an
  /// acknowledgement.
  boost::asio::awaitable<webhook_outcome> post(std::string url, std::string body);

 private:
  std::string secret_;
  boost::asio::thread_pool threads_{at_a_time};
};

}  // namespace understudy::app
