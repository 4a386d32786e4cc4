#include "app/calls/call_json.hpp"

#include <optional>

#include "app/common/json_out.hpp"

namespace understudy::app {
namespace {

void time(json_object& object, std::string_view name, core::wall_time at, bool applies = true) {
  if (applies && at != core::wall_time{}) {
    object.number(name, at.time_since_epoch().count());
  } else {
    object.raw(name, "null");
  }
}

void text_or_null(json_object& object, std::string_view name, std::string_view text) {
  if (text.empty()) {
    object.raw(name, "null");
  } else {
    object.text(name, text);
  }
}

void append_service(std::string& out, const store::service_counts& service) {
  json_object object(out);
  object.text("service", service.service);
  object.raw("paused", service.paused ? "true" : "false");
  object.number("accepted", service.accepted);
  object.number("waiting", service.waiting);
  object.number("running", service.running);
  object.number("done", service.done);
  object.number("dead", service.dead);
  object.number("purged", service.purged);
  object.number("cancelled", service.cancelled);
  object.number("expired", service.expired);
  object.number("attempts", service.attempts);
  time(object, "oldest_waiting_ms", service.oldest_waiting.value_or(core::wall_time{}));
}

}  // namespace

void append_call(std::string& out, const store::call_view& call, std::string_view tag) {
  const bool waits = call.state == store::call_state::waiting;
  const bool done = call.state == store::call_state::done;
  json_object object(out);
  object.text("ticket", store::format_ticket(tag, call.id));
  object.text("method", call.method);
  object.text("mode", core::to_string(call.mode));
  object.text("state", core::to_string(call.state));
  text_or_null(object, "outcome", !done ? "" : call.error ? "error" : "result");
  object.number("attempts", call.attempts);
  object.number("attempts_max", call.attempts_max);
  time(object, "created_ms", call.created);
  time(object, "due_ms", call.due, waits);
  time(object, "deadline_ms", call.deadline);
  time(object, "finished_ms", call.finished);
  text_or_null(object, "key", call.key);
  text_or_null(object, "order_by", call.order);
  object.number("priority", call.priority);
  text_or_null(object, "server", call.server);
  text_or_null(object, "reason", core::to_string(call.reason));
  object.raw(done && !call.error ? "result" : "error",
             call.payload.empty() ? std::string_view("null") : std::string_view(call.payload));
}

void append_counts(std::string& out, const store::store_counts& counts) {
  json_object object(out);
  object.number("commits", counts.commits);
  object.number("operations", counts.operations);
  object.number("fenced", counts.fenced);
  object.number("bytes", counts.bytes);
  json_array services(object.key("services"));
  for (const auto& service : counts.services) append_service(services.element(), service);
}

}  // namespace understudy::app
