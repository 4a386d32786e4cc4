// How a call to an agent proves that its caller knows the secret, without sending it.
//
// An agent has a nonce, by chance and new with each start, that it tells to anyone. A call says the
// nonce, its caller (by chance, too), a number that grows with each call of that caller, and an
// HMAC-SHA256 under the secret of all that, the node it is for, the method and the body. So it is
// good for one agent, in one life of it, once. The answer's HMAC covers the call's number: it can
// be the answer to nothing else, and of nobody else.
//
// What that gives without TLS: who reads along learns what is said and done, and not the secret;
// who can change what is said can prevent calls, and neither forge, alter, repeat nor redirect one,
// nor an answer. With TLS nobody reads along either. It does not protect against who has the
// secret.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "core/cluster/gtid.hpp"

namespace understudy::agent {

inline constexpr std::size_t secret_bytes_min = 16;

/// 32 bytes. Each part is taken with its length: other parts give other text.
[[nodiscard]] std::string hmac(std::string_view secret, std::initializer_list<std::string_view> of);
/// In a time that does not tell where they differ.
[[nodiscard]] bool same(std::string_view a, std::string_view b);
/// So many bytes that nobody can guess, in hexadecimal digits.
[[nodiscard]] std::string random_text(std::size_t bytes = 16);
[[nodiscard]] std::string to_hex(std::string_view bytes);

/// A call, or an answer (which has a body and a proof only), as it travels.
struct sealed {
  std::string nonce;
  std::string caller;
  std::uint64_t number = 0;
  std::string body;
  std::string proof;
};

/// The proof of a call. `of.proof` does not matter.
[[nodiscard]] std::string prove_call(std::string_view secret, core::node_id node,
                                     std::string_view method, const sealed& of);
/// The proof of the answer `body` to the call `of`.
[[nodiscard]] std::string prove_answer(std::string_view secret, const sealed& of,
                                       std::string_view body);

/// What an agent knows of its callers. For any thread.
class door {
 public:
  /// `before`: calls under it are good, too, and answered under it; empty: there is none.
  door(std::string secret, core::node_id node, std::string before = {});

  enum class verdict : std::uint8_t {
    good,
    stale,     ///< another nonce is due: that says nothing against the caller
    wrong,     ///< not under this secret, or altered
    repeated,  ///< it was made before
  };
  [[nodiscard]] std::string nonce() const;
  /// Good once for each call.
  [[nodiscard]] verdict check(std::string_view method, const sealed& call);
  [[nodiscard]] std::string answer(const sealed& call, std::string_view body) const;
  [[nodiscard]] const std::string& secret() const { return secret_; }

 private:
  /// The highest number, and which of the 64 below it were taken: calls may overtake each other.
  struct window {
    std::uint64_t highest = 0;
    std::uint64_t taken = 0;
    bool before = false;  ///< the last call was under the secret of before
  };
  [[nodiscard]] static bool take(window& of, std::uint64_t number);

  const std::string secret_;
  const std::string before_;
  const core::node_id node_;
  mutable std::mutex mutex_;
  std::string nonce_ = random_text();
  std::map<std::string, window, std::less<>> callers_;
};

}  // namespace understudy::agent
