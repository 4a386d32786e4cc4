#include "app/calls/open_store.hpp"

#include <fmt/format.h>

#include <random>

#include "store/sqlite/sqlite_store.hpp"

namespace understudy::app {

namespace {

// 40 random bits: tickets of two stores are never alike.
std::string random_tag() {
  std::random_device random;
  const std::uint64_t bits = (std::uint64_t{random()} << 32U) | random();
  return fmt::format("{:010x}", bits & 0xff'ffff'ffffU);
}

core::record check_record(const std::string& file, const std::vector<std::string>& problems) {
  core::record record;
  record.kind = problems.empty() ? "store_checked" : "store_damaged";
  record.subject = file;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    record.evidence.emplace_back(fmt::format("problem_{}", i + 1), problems[i]);
  }
  record.rule = "the process before this one did not close the file";
  record.effect = problems.empty() ? "nothing is wrong with it"
                                   : "calls may be missing or unreadable: restore a copy";
  return record;
}

}  // namespace

std::shared_ptr<store::call_store> open_store(const gateway_config& config, store::call_sink& sink,
                                              event_log& events) {
  store::sqlite_options options;
  options.calls.file = config.calls.store;
  options.calls.fresh_tag = random_tag();
  options.calls.rows_max = config.calls.quota_rows;
  options.calls.bytes_max = config.calls.quota_bytes;
  options.calls.result_kept = config.calls.result_kept;
  options.calls.lease = core::claim_lease(config.deadline);
  options.checked = [&events, file = config.calls.store](const std::vector<std::string>& problems) {
    events.write(check_record(file, problems));
  };
  return std::make_shared<store::sqlite_store>(std::move(options), sink);
}

}  // namespace understudy::app
