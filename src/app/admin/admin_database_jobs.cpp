#include "app/admin/admin_database_jobs.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "app/common/json_out.hpp"
#include "app/database/database_works.hpp"

namespace understudy::app {

namespace asio = boost::asio;

namespace {

using net::http_error;
using net::http_response;

constexpr std::chrono::milliseconds look_interval{20};

http_response unknown(const std::string& name) {
  return http_error(404, "There is no database \"" + name + "\".");
}

http_response asked() {
  http_response out;
  out.status = 202;
  out.body = "{\"asked\":true}\n";
  return out;
}

using state_ptr = std::shared_ptr<std::optional<job_state>>;

// False: there is no such database.
asio::awaitable<bool> look(std::shared_ptr<databases> all, std::string name, bool stops,
                           state_ptr into) {
  databases::question see = [stops, into](database& one) -> std::string {
    database_job* const job = one.job();
    if (job == nullptr) return {};
    if (stops) job->stop();
    *into = job->now();
    return {};
  };
  const auto said = co_await all->with(std::move(name), std::move(see));
  co_return said.has_value();
}

// The report of an inspection, with a sentence for people in front of it.
http_response not_ready(const job_state& state) {
  http_response out;
  out.status = 409;
  out.body = "{";
  out.body += R"("error":"The server can not be adopted as it is: nothing was changed.",)";
  out.body += state.report.empty() ? "}" : std::string_view(state.report).substr(1);
  out.body += '\n';
  return out;
}

asio::awaitable<http_response> start(std::shared_ptr<databases> all, std::string name,
                                     databases::question begin) {
  const auto refused = co_await all->with(name, std::move(begin));
  if (!refused) co_return unknown(name);
  if (!refused->empty()) co_return http_error(409, *refused);
  co_return asked();
}

}  // namespace

asio::awaitable<http_response> start_verify(std::shared_ptr<databases> all, std::string name) {
  databases::question begin = [](database& one) { return begin_verify(one); };
  return start(std::move(all), std::move(name), std::move(begin));
}

asio::awaitable<http_response> start_rotation(std::shared_ptr<databases> all, std::string name,
                                              std::string file) {
  databases::question begin = [file = std::move(file)](database& one) {
    return file.empty() ? end_rotation(one) : begin_rotation(one, file);
  };
  return start(std::move(all), std::move(name), std::move(begin));
}

asio::awaitable<http_response> serve_job(std::shared_ptr<databases> all, std::string name,
                                         bool stops) {
  const auto state = std::make_shared<std::optional<job_state>>();
  const bool there = co_await look(all, name, stops, state);
  if (!there) co_return unknown(name);
  if (!*state) co_return http_error(404, "Nothing was asked for yet.");
  if (stops) co_return asked();
  http_response out;
  append_json(out.body, **state);
  out.body += '\n';
  co_return out;
}

asio::awaitable<http_response> check_adoption(std::shared_ptr<databases> all, std::string name,
                                              core::node_id node) {
  const auto exists = std::make_shared<bool>(false);
  databases::question begin = [node, exists](database& one) -> std::string {
    *exists = one.known() != nullptr;
    return *exists ? std::string() : begin_inspection(one, node);
  };
  const auto refused = co_await all->with(name, std::move(begin));
  if (!refused) co_return unknown(name);
  if (!refused->empty()) co_return http_error(409, *refused);
  if (*exists) co_return http_response();
  asio::steady_timer rest(co_await asio::this_coro::executor);
  const auto state = std::make_shared<std::optional<job_state>>();
  for (;;) {  // it has a deadline of its own
    const bool there = co_await look(all, name, false, state);
    if (!there || !*state || (*state)->kind != "adopt") {
      co_return http_error(409, "The configuration was changed meanwhile.");
    }
    if ((*state)->ended) break;
    rest.expires_after(look_interval);
    boost::system::error_code ignored;
    co_await rest.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  if (!(*state)->ok) co_return not_ready(**state);
  co_return http_response();
}

}  // namespace understudy::app
