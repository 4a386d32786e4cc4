// What came with a call beside its parameters.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "understudy/json.hpp"

namespace understudy {

/// A call's context and origin. One call's own: not shared between threads.
class context {
 public:
  /// `text` is the context member as JSON text; `method` as the caller wrote it.
  context(std::string text, std::string method, std::shared_ptr<const std::string> peer)
      : text_(std::move(text)), method_(std::move(method)), peer_(std::move(peer)) {}

  /// The caller's context as JSON text: an object, or `[]` where the caller gave none.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  /// The same as a tree, made when first asked for.
  [[nodiscard]] const json& value() const;
  /// Replaces it for those further in: for middleware.
  void set_text(std::string text);
  /// Makes it that of the peer's next call, in the memory it has: for servers.
  void renew(std::string_view text, std::string_view method);

  /// `Interface@method`, as the caller wrote it.
  [[nodiscard]] const std::string& method() const noexcept { return method_; }
  /// The other end of the connection, ip:port.
  [[nodiscard]] const std::string& peer() const noexcept { return *peer_; }

  /// A stored call's id, the same in all its attempts; empty for a direct call.
  [[nodiscard]] std::string call() const { return own_member("call"); }
  /// Which attempt of a stored call this is, from 1; 0 for a direct call.
  [[nodiscard]] std::int64_t attempt() const;
  /// The caller's idempotency key; empty where there is none.
  [[nodiscard]] std::string key() const { return own_member("key"); }

 private:
  [[nodiscard]] std::string own_member(std::string_view name) const;

  std::string text_;
  std::string method_;
  std::shared_ptr<const std::string> peer_;
  mutable std::optional<json> value_;
};

}  // namespace understudy
