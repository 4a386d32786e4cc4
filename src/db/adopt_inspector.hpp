// How a server is looked at before it is adopted.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "db/adopt.hpp"

namespace understudy::db {

/// One look at one server. For adopt.cpp and adopt_data.cpp.
class inspector {
 public:
  explicit inspector(const adopt_task& task) : task_(task), on_(task.stop) {}

  adopt_report look() {
    if (!begin()) return std::move(out_);
    check_settings();
    check_network();
    check_place();
    check_history();
    check_beginning();
    check_replication();
    check_tables();
    check_transactions();
    check_names();
    check_accounts();
    return std::move(out_);
  }

 private:
  [[nodiscard]] core::time_point until() const {
    return std::min(task_.deadline, std::chrono::steady_clock::now() + enough);
  }
  void find(adopt_weight weight, std::string about, std::string text) {
    out_.findings.push_back({weight, std::move(about), std::move(text)});
  }
  /// Rows of one statement; none where it failed, and that is why the report is none.
  [[nodiscard]] table ask(std::string_view sql);
  /// Names in the first column, for a sentence.
  [[nodiscard]] static std::string names_of(const table& rows);
  [[nodiscard]] std::string setting(const std::string& name) const {
    const auto at = variables_.find(name);
    return at == variables_.end() ? std::string() : at->second;
  }

  [[nodiscard]] bool begin();
  void check_settings();
  void check_network();
  void check_place();
  void check_history();
  void check_beginning();
  void check_domains(std::string_view what, const std::string& positions, std::string_view remedy);
  void check_replication();
  void check_tables();
  void check_transactions();
  void check_names();
  void check_accounts();
  void check_supervisor();

  /// Looking at all tables takes a server with many a while.
  static constexpr std::chrono::seconds enough{60};

  const adopt_task& task_;
  session on_;
  adopt_report out_;
  std::map<std::string, std::string> variables_;
};

/// The number that a value begins with; 0: none.
[[nodiscard]] std::uint64_t number_in(std::string_view text);

}  // namespace understudy::db
