#include "agent/copy_format.hpp"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <stdexcept>

namespace understudy::agent {
namespace {

EVP_MAC_CTX* make_context() {
  EVP_MAC* const kind = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  EVP_MAC_CTX* const out = kind == nullptr ? nullptr : EVP_MAC_CTX_new(kind);
  EVP_MAC_free(kind);
  return out;
}

void check(bool good) {
  if (!good) throw std::runtime_error("HMAC-SHA256 is not to be had");
}

}  // namespace

std::string copy_request(std::string_view secret, core::node_id giver, std::string_view ticket) {
  const std::string node = std::to_string(core::number_of(giver));
  return std::string(copy_magic) + std::string(ticket) + hmac(secret, {"copy", node, ticket});
}

std::string copy_head(char kind, std::size_t bytes) {
  std::string out(1, kind);
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(bytes >> shift & 0xff);
  return out;
}

std::uint32_t copy_length(std::string_view head) {
  std::uint32_t out = 0;
  for (const char c : head.substr(1, 4)) out = out << 8 | static_cast<unsigned char>(c);
  return out;
}

copy_proof::copy_proof(std::string_view secret, core::node_id giver, std::string_view ticket)
    : context_(make_context(), EVP_MAC_CTX_free) {
  check(context_ != nullptr);
  char digest[] = "SHA256";
  const OSSL_PARAM with[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                             OSSL_PARAM_construct_end()};
  // A key of its own for each copy: none of its parts can be of another one.
  const std::string node = std::to_string(core::number_of(giver));
  const std::string key = hmac(secret, {"stream", node, ticket});
  check(EVP_MAC_init(context_.get(), reinterpret_cast<const unsigned char*>(key.data()), key.size(),
                     with) == 1);
}

void copy_proof::add(std::string_view part) {
  check(EVP_MAC_update(context_.get(), reinterpret_cast<const unsigned char*>(part.data()),
                       part.size()) == 1);
}

std::string copy_proof::end() {
  std::string out(proof_bytes, '\0');
  std::size_t size = 0;
  check(EVP_MAC_final(context_.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                      out.size()) == 1 &&
        size == out.size());
  return out;
}

}  // namespace understudy::agent
