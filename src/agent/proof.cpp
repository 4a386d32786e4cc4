#include "agent/proof.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>
#include <stdexcept>
#include <utility>

namespace understudy::agent {
namespace {

/// With more, all have to begin anew with another nonce: nothing that was said before counts then.
constexpr std::size_t callers_max = 256;

void add_number(std::string& to, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) to += static_cast<char>(number >> shift & 0xff);
}

std::string text_of(std::uint64_t number) {
  std::string out;
  add_number(out, number);
  return out;
}

}  // namespace

std::string hmac(std::string_view secret, std::initializer_list<std::string_view> of) {
  std::string all;
  for (const std::string_view each : of) {
    add_number(all, each.size());
    all += each;
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> made{};
  unsigned size = 0;
  const auto* const done =
      HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
           reinterpret_cast<const unsigned char*>(all.data()), all.size(), made.data(), &size);
  if (done == nullptr) throw std::runtime_error("HMAC-SHA256 is not to be had");
  return {reinterpret_cast<const char*>(made.data()), size};
}

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

std::string random_text(std::size_t bytes) {
  std::string drawn(bytes, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(drawn.data()), static_cast<int>(bytes)) != 1) {
    throw std::runtime_error("the system has no random numbers");
  }
  return to_hex(drawn);
}

std::string prove_call(std::string_view secret, core::node_id node, std::string_view method,
                       const sealed& of) {
  return to_hex(hmac(secret, {"call", text_of(core::number_of(node)), of.nonce, of.caller,
                              text_of(of.number), method, of.body}));
}

std::string prove_answer(std::string_view secret, const sealed& of, std::string_view body) {
  // With the call's own proof it is bound to all that the call said.
  return to_hex(hmac(secret, {"answer", of.proof, body}));
}

door::door(std::string secret, core::node_id node, std::string before)
    : secret_(std::move(secret)), before_(std::move(before)), node_(node) {
  if (secret_.size() < secret_bytes_min) {
    throw std::runtime_error("The agents' secret is too short: give them one of " +
                             std::to_string(secret_bytes_min) + " characters or more.");
  }
}

std::string door::nonce() const {
  const std::lock_guard lock(mutex_);
  return nonce_;
}

bool door::take(window& of, std::uint64_t number) {
  constexpr std::uint64_t width = 64;
  if (number > of.highest) {
    const std::uint64_t by = number - of.highest;
    // Bit n stands for the number that is n + 1 below the highest.
    of.taken = by >= width ? 0 : of.taken << by;
    if (by <= width) of.taken |= std::uint64_t{1} << (by - 1);
    of.highest = number;
    return true;
  }
  const std::uint64_t below = of.highest - number;
  if (below == 0 || below > width) return false;
  const std::uint64_t bit = std::uint64_t{1} << (below - 1);
  if ((of.taken & bit) != 0) return false;
  of.taken |= bit;
  return true;
}

door::verdict door::check(std::string_view method, const sealed& call) {
  const std::lock_guard lock(mutex_);
  if (call.nonce != nonce_) return verdict::stale;
  const bool now = same(call.proof, prove_call(secret_, node_, method, call));
  if (!now && (before_.empty() || !same(call.proof, prove_call(before_, node_, method, call)))) {
    return verdict::wrong;
  }
  if (call.number == 0) return verdict::repeated;
  // Only who knows the secret gets here.
  auto found = callers_.find(call.caller);
  if (found == callers_.end()) {
    if (callers_.size() >= callers_max) {
      callers_.clear();
      nonce_ = random_text();
      return verdict::stale;
    }
    found = callers_.emplace(call.caller, window()).first;
  }
  found->second.before = !now;
  return take(found->second, call.number) ? verdict::good : verdict::repeated;
}

std::string door::answer(const sealed& call, std::string_view body) const {
  const std::lock_guard lock(mutex_);
  const auto found = callers_.find(call.caller);
  const bool before = found != callers_.end() && found->second.before;
  return prove_answer(before ? before_ : secret_, call, body);
}

}  // namespace understudy::agent
