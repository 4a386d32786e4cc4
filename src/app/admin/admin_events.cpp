#include "app/admin/admin_events.hpp"

#include <charconv>
#include <optional>

#include "app/common/json_out.hpp"
#include "net/http_event_stream.hpp"

namespace understudy::app {
namespace {

using net::http_response;

std::optional<std::uint64_t> event_number(std::string_view text) {
  std::uint64_t out = 0;
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, out);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return out;
}

http_response list(const event_log& log, std::uint64_t after) {
  http_response response;
  {
    json_array events(response.body);
    for (const auto& e : log.since(after)) events.element() += to_json(e);
  }
  response.body += '\n';
  return response;
}

}  // namespace

http_response event_subscribers::answer(const net::http_request& request,
                                        boost::asio::any_io_executor executor) {
  auto given = request.header("last-event-id");
  if (given.empty()) given = request.parameter("after");
  const auto after = event_number(given);
  if (!given.empty() && !after) {
    return net::http_error(400, "after (and Last-Event-ID) is the number of an event.");
  }
  if (request.header("accept").find("application/json") != std::string_view::npos) {
    return list(log_, after.value_or(0));
  }
  if (++*streams_ > subscribers_max) {
    --*streams_;
    auto response = net::http_error(503, "Too many subscribers read the events: retry later.");
    response.headers.emplace_back("Retry-After", "5");
    return response;
  }
  auto handle = std::make_shared<std::uint64_t>(0);
  http_response response;
  response.events =
      net::http_event_stream::make(std::move(executor), [&log = log_, streams = streams_, handle] {
        log.unwatch(*handle);
        --*streams;
      });
  *handle = log_.watch(
      [stream = std::weak_ptr(response.events)](const event& e) {
        if (const auto open = stream.lock()) open->send(e.number, to_json(e));
      },
      after);
  return response;
}

}  // namespace understudy::app
