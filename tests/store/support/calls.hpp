// Calls to keep, and a store on a virtual clock to keep them in.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "core/dice.hpp"
#include "store/sqlite/reader.hpp"
#include "store/sqlite/sqlite_calls.hpp"

namespace understudy::store {

using namespace std::chrono_literals;
using core::dead_reason;

inline constexpr wall_time start_time{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};

/// As good as a SHA-256 for what the store does with it.
inline print print_of(std::string_view text) {
  core::dice dice(std::hash<std::string_view>()(text));
  print out{};
  for (std::size_t i = 0; i < out.size(); i += 8) {
    const std::uint64_t next = dice.next();
    std::memcpy(out.data() + i, &next, 8);
  }
  return out;
}

inline new_call call_of(std::string service, std::string params = "[1]") {
  new_call call;
  call.service = std::move(service);
  call.method = call.service + "@place";
  call.params = std::move(params);
  call.context = "{}";
  call.terms.deadline = start_time + 24h;
  return call;
}

inline new_call with_key(new_call call, const std::string& key) {
  call.key = key;
  call.key_print = print_of(key);
  call.content_print = print_of(call.method + call.params);
  return call;
}

inline attempt_report report_of(const claimed_call& claim, call_state state,
                                std::string payload = "\"ok\"") {
  attempt_report report;
  report.id = claim.id;
  report.token = claim.token;
  report.next.state = state;
  report.payload = std::move(payload);
  report.server = "a:1";
  return report;
}

/// A folder that is gone at the end.
class temporary_folder {
 public:
  temporary_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "store_XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~temporary_folder() { std::filesystem::remove_all(path_); }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  [[nodiscard]] std::string file(const char* name = "calls.db") const {
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

/// A store, its clock, and what it has told. Each function that does something is a transaction.
class store_fixture : public ::testing::Test {
 protected:
  store_fixture() {
    options.file = folder.file();
    options.fresh_tag = "tag";
    options.cache_bytes = 4UL << 20U;
  }
  ~store_fixture() override {
    if (!calls) return;
    calls->close(now);
    EXPECT_EQ(verified(), std::vector<std::string>());
  }

  sqlite::sqlite_calls& open() {
    calls.reset();
    calls = std::make_unique<sqlite::sqlite_calls>(options, now);
    heard = calls->take_told();
    return *calls;
  }
  sqlite::sqlite_calls& store() { return calls ? *calls : open(); }

  /// In a transaction; what is told comes to `heard`.
  template <typename Do>
  auto in_one(Do what) {
    store().begin(now);
    auto result = what(*calls);
    heard = calls->commit();
    return result;
  }
  void settle() {
    in_one([](auto&) { return true; });
  }
  call_id accept(const new_call& call) {
    const acceptance answer = in_one([&](auto& s) { return s.accept(call); });
    EXPECT_EQ(answer.what, acceptance::kind::accepted) << answer.reason;
    return answer.id;
  }
  /// So many places more; what is claimed with them.
  std::vector<claimed_call> claim(std::size_t places = 1) {
    in_one([&](auto& s) { return s.grant(places), true; });
    return heard.claimed;
  }
  claimed_call claim_one() {
    auto all = claim();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? claimed_call{} : all.front();
  }
  bool report(const attempt_report& attempt) {
    return in_one([&](auto& s) { return s.report(attempt); });
  }
  bool finish(const claimed_call& claim, call_state state = call_state::done) {
    return report(report_of(claim, state));
  }
  /// It waits again.
  bool again(const claimed_call& claim, std::chrono::milliseconds in, bool ran = false) {
    attempt_report report = report_of(claim, call_state::waiting, "\"again\"");
    report.next.due = now + in;
    report.may_have_run = ran;
    return this->report(report);
  }
  call_view look(call_id id) {
    const auto view = store().look(id);
    EXPECT_TRUE(view.has_value());
    return view.value_or(call_view{});
  }
  call_state state(call_id id) { return look(id).state; }
  service_counts counts(const std::string& service) {
    const store_counts all = in_one([](auto& s) { return s.counts(); });
    for (const auto& each : all.services) {
      if (each.service == service) return each;
    }
    return {};
  }
  std::vector<std::string> verified() {
    sqlite::connection db(options.file, sqlite::access::read, options.vfs);
    return sqlite::verify(db);
  }

  temporary_folder folder;
  sqlite::calls_options options;
  wall_time now = start_time;
  std::unique_ptr<sqlite::sqlite_calls> calls;
  sqlite::told heard;
};

}  // namespace understudy::store
