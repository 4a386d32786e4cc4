// What commands ask of a gateway's administration over HTTP.
#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace understudy::app {

/// A gateway's answer, or why there is none: then the command prints `sentence` and ends with
/// `exit`.
struct admin_answer {
  int exit = 0;  ///< 0: it did what was asked
  std::string sentence;
  std::string body;
};

/// One request to `at` (HOST:PORT), with a JSON body where there is one; parameters without a value
/// are left out. Everything but a 2xx answer is a sentence.
[[nodiscard]] admin_answer ask_admin(
    const std::string& at, const std::string& method, const std::string& path,
    const std::vector<std::pair<std::string, std::string>>& query = {},
    std::chrono::milliseconds patience = std::chrono::seconds(5), const std::string& body = {});

/// The document behind /status.json; null, with the answer's sentence and exit set, where it can
/// not be had.
[[nodiscard]] boost::json::value ask_status(const std::string& at, admin_answer& answer);

/// Member `name` of an object as text or number; empty or 0 where there is none.
[[nodiscard]] std::string text_of(const boost::json::value& object, std::string_view name);
[[nodiscard]] double number_of(const boost::json::value& object, std::string_view name);
/// Member `name` as an array; an empty one where there is none.
[[nodiscard]] const boost::json::array& array_of(const boost::json::value& object,
                                                 std::string_view name);

}  // namespace understudy::app
