// What the supervisors of a cluster agree on: one topology, changed by compare and write.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "core/cluster/topology.hpp"
#include "core/types.hpp"

namespace understudy::coord {

/// Names one write of the topology. 0: there is none yet. It says nothing across a restored store:
/// that is what `generation` is for.
enum class revision : std::int64_t {};

enum class read_end : std::uint8_t {
  answered,  ///< `value` is the topology, or nothing was ever written
  /// What is there is older than what was seen before, or another of the same generation, or gone:
  /// the store was restored from a copy, or emptied. Act on nothing: an operator decides.
  gone_back,
  broken,       ///< what is there is no topology: `why` says what is wrong. An operator decides
  unreachable,  ///< no answer in time: nothing is known
};

struct read_result {
  read_end end = read_end::unreachable;
  std::optional<core::topology> value;  ///< with answered, and gone_back
  revision at{};                        ///< what a write that follows this read expects
  std::string why;                      ///< a sentence, where `end` is not answered
};

enum class write_end : std::uint8_t {
  written,      ///< durable; `at` is its revision
  conflict,     ///< not written: what is there is not what was expected
  refused,      ///< never sent: a faulty topology, or its generation is not above all seen
  unreachable,  ///< never sent, or certainly not done
  /// Sent, and not answered. It may have happened, or happen yet until another write of the
  /// topology succeeds. Never repeated here: who wrote reads again.
  unknown,
};

struct write_result {
  write_end end = write_end::unreachable;
  revision at{};    ///< with written
  std::string why;  ///< a sentence, where `end` is not written
};

/// Who was said to lead, and when that was asked.
struct leader_sight {
  std::optional<core::supervisor_id> who;  ///< nothing: nobody does
  core::time_point asked{};
};

/// One supervisor's view of its cluster's topology.
///
/// Threads: all is called, and calls back, on the executor that it was made with, which must not
/// run concurrently; it is destroyed there, or after that has stopped running. What is awaited may
/// outlive it, and ends by its deadline. After the destructor nobody is called back.
///
/// Durable: what `written` or a read says is on the disk of the store (of most members of etcd).
///
/// Errors are values. A deadline that passes leaves a read without effect and a write `unknown`
/// (`unreachable` if no byte of it had left). To cancel what is awaited is not supported.
class coordinator {
 public:
  virtual ~coordinator() = default;

  [[nodiscard]] virtual boost::asio::awaitable<read_result> read(core::time_point deadline) = 0;

  /// Writes `value` if the topology is still that of `expected`, which must be what the last read
  /// or write here gave: another is a conflict. Of all who expect the same revision exactly one
  /// writes. With an epoch other than the one before, `value` becomes the journal's entry of that
  /// epoch in the same step.
  [[nodiscard]] virtual boost::asio::awaitable<write_result> write(revision expected,
                                                                   core::topology value,
                                                                   core::time_point deadline) = 0;

  /// From now on `told` hears what a read finds, first soon after this and then whenever that has
  /// changed (also by a write of one's own, also that the store became unreachable). Changes in
  /// quick succession may be told as one. Only a hint in time: each may be stale when it arrives.
  /// Once per coordinator.
  virtual void watch(std::function<void(const read_result&)> told) = 0;

  /// A node was told this generation: a topology below it is `gone_back` from now on.
  virtual void saw(core::generation told) = 0;

  /// Begin to compete for being first to act, until resign(). A hint among equals: who leads may
  /// still lose each write to another, and who has lost it is demoted by nobody.
  virtual void campaign() = 0;
  /// Stop competing, and let another lead at once where that can be done by `deadline`.
  [[nodiscard]] virtual boost::asio::awaitable<void> resign(core::time_point deadline) = 0;
  /// Nobody else leads before this time, counted from when the lease was last asked for, less a
  /// margin. In the past: we do not lead.
  [[nodiscard]] virtual core::time_point leading_until() const = 0;
  /// As last heard while competing.
  [[nodiscard]] virtual leader_sight leader() const = 0;
};

}  // namespace understudy::coord
