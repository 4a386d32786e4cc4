// The requests of `understudy bench`, as the bytes that are sent.
#pragma once

#include <cstdint>
#include <string>

#include "app/commands/command_bench.hpp"

namespace understudy::app {

/// Makes one request after the other. Where they need not differ they are the same bytes.
class bench_requests {
 public:
  /// `run` tells the keys of one run from those of another, which the store may still have.
  bench_requests(const bench_options& options, std::uint64_t run);

  /// Appends the next one as the protocol has it: a frame, or an HTTP request.
  void append(std::string& out);

 private:
  [[nodiscard]] std::string make();
  [[nodiscard]] std::string body();
  void append_one_of_batch(std::string& list);
  [[nodiscard]] std::string next_key();

  const bench_options& options_;  ///< outlives this
  std::string run_;
  std::uint64_t keys_ = 0;
  std::string same_;  ///< the request, unless each has a key of its own
};

}  // namespace understudy::app
