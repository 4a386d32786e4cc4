// The trunks to one server, once it is known to take them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "net/trunk.hpp"

namespace understudy::net {

/// One owner thread. What a server is, is asked once, and again after it was away: another kind of
/// server may have come to its address.
class trunk_set {
 public:
  /// A place for a call, or null: it needs a connection of its own.
  [[nodiscard]] std::shared_ptr<carrier> take(std::string_view method, std::size_t body_bytes);
  /// Answers of this method are large: they would keep others waiting.
  void keep_off(std::string_view method);

  /// What the server is, nobody knows, nor asks. Then asking(), until answered().
  [[nodiscard]] bool should_ask() const { return !kind_ && !asking_; }
  void asking() { asking_ = true; }
  void answered(trunk::opening how);
  /// The server is away.
  void forget();

  /// Calls find no place where one more may be had. Then opening(), until opened().
  [[nodiscard]] bool should_open() const;
  void opening(std::shared_ptr<trunk> next) { opening_ = std::move(next); }
  void opened(trunk::opening how);
  /// True once for what was learned of the server.
  [[nodiscard]] bool is_news() { return !std::exchange(told_, true); }

  /// Closes those unused since `before` or longer. When the next one is that old.
  [[nodiscard]] std::optional<core::time_point> close_older(core::time_point before);
  /// No new calls; those that run end.
  void retire();

 private:
  enum class kind : std::uint8_t { single, multiplexed };

  void drop_ended();

  bool asking_ = false;
  bool told_ = false;
  std::optional<kind> kind_;
  std::shared_ptr<trunk> opening_;
  std::vector<std::shared_ptr<trunk>> trunks_;
  std::unordered_set<std::string> kept_off_;
};

}  // namespace understudy::net
