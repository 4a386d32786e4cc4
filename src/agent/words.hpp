// What is said between an agent and those who call it.
#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/proof.hpp"
#include "core/cluster/step.hpp"
#include "understudy/json.hpp"

namespace understudy::agent {

BOOST_DESCRIBE_STRUCT(sealed, (), (nonce, caller, number, body, proof))

struct sealed_answer {
  std::string body;
  std::string proof;
};
BOOST_DESCRIBE_STRUCT(sealed_answer, (), (body, proof))

/// A wait is never longer.
inline constexpr std::uint32_t wait_ms_max = 5000;

/// Answered at once where the process is not in the known state; else when that changes, or after
/// the wait. Empty: nothing is known.
struct look_words {
  std::string known;
  std::int64_t known_pid = 0;
  std::uint32_t wait_ms = 0;
};
BOOST_DESCRIBE_STRUCT(look_words, (), (known, known_pid, wait_ms))

struct progress_words {
  std::string phase;
  std::uint64_t bytes = 0;
  std::uint64_t of = 0;  ///< 0: not known
};
BOOST_DESCRIBE_STRUCT(progress_words, (), (phase, bytes, of))

struct look_said {
  std::string process;  ///< "down", "running", "stuck"
  std::int64_t pid = 0;
  std::uint64_t told = 0;
  std::string damaged;  ///< why the agent can do nothing; empty: it can
  std::string step;     ///< that runs; empty: none
  std::string work;     ///< its id
  progress_words progress;
  std::string server_version;
  std::string backup_version;
};
BOOST_DESCRIBE_STRUCT(look_said, (),
                      (process, pid, told, damaged, step, work, progress, server_version,
                       backup_version))

/// A step. The id is the caller's, by chance: said again it begins nothing more.
struct begin_words {
  std::string id;
  std::uint64_t gen = 0;
  std::string step;
  std::string role;           ///< of start_server
  std::uint32_t node = 0;     ///< of clone and repair
  std::uint32_t wait_ms = 0;  ///< for its end
};
BOOST_DESCRIBE_STRUCT(begin_words, (), (id, gen, step, role, node, wait_ms))

struct work_words {
  std::string id;
  std::uint32_t wait_ms = 0;
};
BOOST_DESCRIBE_STRUCT(work_words, (), (id, wait_ms))

struct work_said {
  bool known = false;  ///< else the agent has forgotten it, or was never told
  bool ended = false;
  std::string end;  ///< "done", "refused", "failed"
  std::string why;
  std::string kept;
  progress_words progress;
};
BOOST_DESCRIBE_STRUCT(work_said, (), (known, ended, end, why, kept, progress))

struct measure_said {
  std::string why;  ///< empty: it is measured
  std::uint64_t bytes = 0;
};
BOOST_DESCRIBE_STRUCT(measure_said, (), (why, bytes))

/// A copy is to be had at `port` of the agent's host, for whoever shows the ticket soon.
struct copy_said {
  std::string why;  ///< there is none
  std::string ticket;
  std::uint16_t port = 0;
};
BOOST_DESCRIBE_STRUCT(copy_said, (), (why, ticket, port))

inline constexpr std::string_view service_name = "NodeInterface";
/// Of the error (-32004) that asks for another nonce.
inline constexpr std::string_view stale_data = R"({"nonce":"stale"})";

[[nodiscard]] std::string_view to_string(core::process what);
[[nodiscard]] core::process process_named(std::string_view name);  ///< others: unknown
[[nodiscard]] std::string_view to_string(core::step_end what);
[[nodiscard]] core::step_end end_named(std::string_view name);  ///< others: unknown

/// Of a step that an agent does. `id` and `wait_ms` are left as they are.
[[nodiscard]] begin_words words_of(const core::step& what, core::generation gen);
/// Nothing where it is none that an agent does.
[[nodiscard]] std::optional<core::step> step_of(const begin_words& said);

}  // namespace understudy::agent
