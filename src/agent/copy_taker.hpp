// Another node's agent as the source of a copy.
#pragma once

#include <memory>
#include <string>

#include "agent/line.hpp"
#include "db/local_node.hpp"

namespace understudy::agent {

/// For one thread at a time; blocks.
class copy_taker final : public db::copy_source {
 public:
  explicit copy_taker(line_options to) : to_(std::move(to)) {}

  [[nodiscard]] std::string measure(std::uintmax_t& bytes) override;
  /// The whole copy has been written to `fd`, or it says why not: one that was cut is not whole.
  [[nodiscard]] std::string send(int fd, const db::interrupt* stop) override;

 private:
  line_options to_;
};

}  // namespace understudy::agent
