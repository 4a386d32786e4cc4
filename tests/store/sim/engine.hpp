// The engine under simulation: the only file of the simulation that knows which one it is.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/dice.hpp"
#include "store/sqlite/sqlite_calls.hpp"
#include "store/support/memory_disk.hpp"

namespace understudy::store::sim {

using told = sqlite::told;
using transaction = sqlite::sqlite_calls;

struct engine_plan {
  std::chrono::milliseconds lease{};
  std::chrono::milliseconds result_kept{};
  std::chrono::milliseconds age_max{};
  std::uint64_t rows_max = 0;
};

/// The synchronous engine on a disk in memory, and what sqlite_store's thread does with it. It may
/// die in any call of the disk: then the function says so, and kill() has to come next.
class engine {
 public:
  explicit engine(const engine_plan& plan);

  /// A start of its owner: what it tells. Nothing: it died.
  [[nodiscard]] std::optional<told> start(wall_time now);
  /// One commit. Where the disk is full all is repeated, and nothing more is accepted. Nothing: it
  /// died, and whether the commit is durable is unknown.
  using step = std::function<void(transaction&)>;
  [[nodiscard]] std::optional<told> commit(wall_time now, std::span<const step> steps);
  /// An orderly end: what was told is all there is. False: it died, or the disk is full.
  [[nodiscard]] bool stop(wall_time now);
  void kill(bool power_cut, core::dice& dice);

  /// It will die in the n-th call of the disk from now on.
  void die_after(std::uint64_t calls);
  void live_on();
  /// Writes fail, until a commit has been tried twice; then no call is accepted until make_room().
  void fill_disk();
  void make_room() { calls_->refuse(""); }
  void clock_jumped() { calls_->clock_jumped(); }

  [[nodiscard]] bool running() const { return calls_ != nullptr; }
  /// When commit() has to be called at the latest.
  [[nodiscard]] wall_time next() const { return calls_->next(); }
  [[nodiscard]] std::string tag() const { return calls_->tag(); }
  [[nodiscard]] std::optional<call_view> look(call_id id) { return calls_->look(id); }
  /// Read from the file, as an operator would.
  [[nodiscard]] std::vector<call_view> list();
  [[nodiscard]] std::vector<std::string> verify();
  [[nodiscard]] store_counts counts();

 private:
  [[nodiscard]] sqlite::calls_options options() const;
  /// The death that it is in for does not come in it.
  template <typename Do>
  auto spared(Do what);

  engine_plan plan_;
  memory_disk disk_;
  static constexpr auto never = ~std::uint64_t{0};
  std::uint64_t dies_at_ = never;
  std::unique_ptr<sqlite::sqlite_calls> calls_;
};

}  // namespace understudy::store::sim
