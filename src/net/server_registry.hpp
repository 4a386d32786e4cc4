// What a server offers: found by name for each call, told to callers by `@action_interface`.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "understudy/server.hpp"

namespace understudy::net {

/// PHP does not tell upper from lower case in method names (ASCII only).
[[nodiscard]] bool same_method(std::string_view a, std::string_view b);

/// Filled before the server starts, read by all threads afterwards.
class server_registry {
 public:
  struct entry {
    const detail::method_definition* method = nullptr;
    std::size_t service = 0;
  };

  void add(service_definition service);
  void use(middleware around) { middleware_.push_back(std::move(around)); }
  /// No more changes: what find() and description() need is built.
  void freeze();

  /// `Interface@method`; nullptr if it is not offered.
  [[nodiscard]] const entry* find(std::string_view method) const;
  [[nodiscard]] bool has_service(std::string_view name) const;
  [[nodiscard]] const std::vector<service_definition>& services() const { return services_; }
  [[nodiscard]] const std::vector<middleware>& middlewares() const { return middleware_; }
  /// The result member of the answer to `@action_interface`.
  [[nodiscard]] const std::string& description() const { return description_; }

 private:
  // A key is `Interface@method`: case counts before the "@", not behind it.
  struct key_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const noexcept;
  };
  struct key_equal {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const noexcept;
  };

  std::vector<service_definition> services_;
  std::vector<middleware> middleware_;
  std::unordered_map<std::string, entry, key_hash, key_equal> methods_;
  std::string description_;
};

/// The services as `@action_interface` tells them, in think-swoole's shape (JSON text).
[[nodiscard]] std::string describe_services(const std::vector<service_definition>& services);

}  // namespace understudy::net
