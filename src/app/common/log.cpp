#include "app/common/log.hpp"

#include <fmt/format.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>

namespace understudy::app {

struct json_log::state {
  std::shared_ptr<spdlog::details::thread_pool> writer =
      std::make_shared<spdlog::details::thread_pool>(lines_max, 1);
  // A shared one: it hands itself to the writer with each line.
  std::shared_ptr<spdlog::async_logger> logger = std::make_shared<spdlog::async_logger>(
      "events", std::make_shared<spdlog::sinks::stderr_sink_mt>(), writer,
      spdlog::async_overflow_policy::overrun_oldest);
  std::atomic<std::size_t> dropped{0};
};

json_log::json_log() : state_(std::make_unique<state>()) {
  state_->logger->set_pattern("%v");
}

json_log::~json_log() = default;

void json_log::write(const event& e) {
  const std::size_t dropped = state_->writer->overrun_counter();
  if (const std::size_t before = state_->dropped.exchange(dropped); before < dropped) {
    event overrun;
    overrun.time_ms = e.time_ms;
    overrun.record.kind = "log_overrun";
    overrun.record.subject = "log";
    overrun.record.evidence = {{"dropped", fmt::format("{}", dropped - before)}};
    overrun.record.rule = fmt::format("{} lines waited to be written", lines_max);
    overrun.record.effect = "the oldest lines were dropped";
    state_->logger->info(to_json(overrun));
  }
  state_->logger->info(to_json(e));
}

}  // namespace understudy::app
