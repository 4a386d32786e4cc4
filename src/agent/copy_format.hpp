// How a copy travels from one agent to another.
//
// The receiver says the magic, the ticket, and an HMAC under the secret of "copy", node and ticket.
// The giver answers with blocks: a letter, the length of what follows (4 bytes, high ones first),
// and that. 'd' is a part of the copy; 't' says that more will come, where none did for a while;
// 'f' that it has failed, and why; 'e' that it is whole, with an HMAC of all parts. A stream that
// ends before 'e' was cut, whatever it held.
#pragma once

#include <openssl/evp.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/proof.hpp"

namespace understudy::agent {

inline constexpr std::string_view copy_magic = "UNDCOPY1";
inline constexpr std::size_t ticket_bytes = 32;  ///< hexadecimal digits
inline constexpr std::size_t proof_bytes = 32;
inline constexpr std::size_t copy_request_bytes = copy_magic.size() + ticket_bytes + proof_bytes;
inline constexpr std::size_t copy_head_bytes = 5;
inline constexpr std::size_t copy_block_max = 65536;
inline constexpr std::chrono::seconds copy_tick{5};
/// Of the giver: then it is gone.
inline constexpr std::chrono::seconds copy_silence_max{30};

[[nodiscard]] std::string copy_request(std::string_view secret, core::node_id giver,
                                       std::string_view ticket);
[[nodiscard]] std::string copy_head(char kind, std::size_t bytes);
[[nodiscard]] std::uint32_t copy_length(std::string_view head);

/// The HMAC of all parts, as they come.
class copy_proof {
 public:
  copy_proof(std::string_view secret, core::node_id giver, std::string_view ticket);
  void add(std::string_view part);
  [[nodiscard]] std::string end();

 private:
  std::unique_ptr<EVP_MAC_CTX, void (*)(EVP_MAC_CTX*)> context_;
};

}  // namespace understudy::agent
