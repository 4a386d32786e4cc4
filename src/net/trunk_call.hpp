// One call's place on a trunk.
#pragma once

#include <cstdint>
#include <memory>

#include "net/carrier.hpp"
#include "net/trunk.hpp"

namespace understudy::net {

/// As any carrier, but for one call only. The body is copied by start().
class trunk_call final : public carrier {
 public:
  trunk_call(std::shared_ptr<trunk> on, wire::call_number number);
  /// Leaves, if it still waits.
  ~trunk_call() override;
  trunk_call(const trunk_call&) = delete;
  trunk_call& operator=(const trunk_call&) = delete;

  void start(const outgoing& what, core::time_point deadline) override;
  [[nodiscard]] bool ended(core::time_point now) override;
  [[nodiscard]] exchange take() override;
  [[nodiscard]] bool sent_all() const override { return true; }
  void close() override;

 private:
  friend class trunk;

  void give_up(core::outcome how);
  void answered(std::string_view body, std::vector<std::string> files);
  void end(core::outcome how);

  std::shared_ptr<trunk> trunk_;
  wire::call_number number_;
  core::time_point started_{};
  std::uint64_t begin_ = 0;  ///< of its frame, in all bytes that the trunk sends
  std::size_t bytes_ = 0;    ///< of its frame
  bool ended_ = false;
  exchange result_;
};

}  // namespace understudy::net
