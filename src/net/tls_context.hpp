// Certificates, keys and rules of TLS, as they were read from files.
#pragma once

#include <memory>

#include "understudy/tls.hpp"

struct ssl_ctx_st;

namespace understudy::net {

/// Not changed any more; for any thread. Sessions keep it alive.
using tls_context = std::shared_ptr<ssl_ctx_st>;

/// Both throw std::runtime_error: a sentence that says which file, and what to do.
[[nodiscard]] tls_context make_listening_context(const tls_options& options);
[[nodiscard]] tls_context make_connecting_context(const tls_options& options);

}  // namespace understudy::net
