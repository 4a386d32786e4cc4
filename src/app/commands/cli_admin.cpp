#include "app/commands/cli_admin.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <stdexcept>
#include <utility>

#include "app/commands/cli_exit.hpp"
#include "net/address.hpp"
#include "net/http.hpp"

namespace understudy::app {

namespace json = boost::json;

namespace {

const json::value* member(const json::value& object, std::string_view name) {
  return object.is_object() ? object.get_object().if_contains(name) : nullptr;
}

}  // namespace

admin_answer ask_admin(const std::string& at, const std::string& method, const std::string& path,
                       const std::vector<std::pair<std::string, std::string>>& query,
                       std::chrono::milliseconds patience, const std::string& body) {
  admin_answer answer;
  if (!net::split_address(at)) {
    answer.exit = exit_usage;
    answer.sentence = fmt::format("--at \"{}\" is no address: write HOST:PORT.", at);
    return answer;
  }
  net::http_request request;
  request.method = method;
  request.path = path;
  request.body = body;
  request.headers.push_back({"Accept", "application/json"});
  for (const auto& [name, value] : query) {
    if (!value.empty()) request.query.emplace_back(name, value);
  }
  net::http_response response;
  try {
    response = net::http_fetch(at, request, patience);
  } catch (const std::runtime_error& error) {
    answer.exit = exit_unreached;
    answer.sentence =
        fmt::format("{} Is it the http or admin address of a gateway that runs?", error.what());
    return answer;
  }
  answer.body = std::move(response.body);
  if (response.status >= 200 && response.status < 300) return answer;
  answer.exit = exit_refused;
  boost::system::error_code broken;
  const json::value said = json::parse(answer.body, broken);
  answer.sentence = broken ? std::string() : text_of(said, "error");
  if (answer.sentence.empty()) {
    answer.sentence = fmt::format(
        "{} answered with HTTP status {}: is it the http or admin "
        "address of a gateway?",
        at, response.status);
  }
  return answer;
}

json::value ask_status(const std::string& at, admin_answer& answer) {
  answer = ask_admin(at, "GET", "/status.json");
  if (answer.exit != exit_done) return nullptr;
  boost::system::error_code broken;
  json::value status = json::parse(answer.body, broken);
  if (!broken && status.is_object()) return status;
  answer.exit = exit_unreached;
  answer.sentence = fmt::format("what {} answers is no status of a gateway.", at);
  return nullptr;
}

std::string text_of(const json::value& object, std::string_view name) {
  const json::value* value = member(object, name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

double number_of(const json::value& object, std::string_view name) {
  const json::value* value = member(object, name);
  if (value == nullptr || !value->is_number()) return 0;
  return value->to_number<double>();
}

const json::array& array_of(const json::value& object, std::string_view name) {
  static const json::array none;
  const json::value* value = member(object, name);
  return value != nullptr && value->is_array() ? value->get_array() : none;
}

}  // namespace understudy::app
