#include "net/client_stored.hpp"

#include "understudy/error.hpp"
#include "wire/json_text.hpp"

namespace understudy::net {

namespace {

constexpr std::string_view own_member = "understudy";

void append_time(std::string& out, std::string_view name,
                 const std::optional<std::chrono::milliseconds>& time) {
  if (time) out.append(",\"").append(name).append("\":").append(std::to_string(time->count()));
}

void append_text(std::string& out, std::string_view name, const std::string& text) {
  if (text.empty()) return;
  out.append(",\"").append(name).append("\":");
  wire::append_string(out, text);
}

}  // namespace

std::string stored_context(std::string_view context, const stored_call& wanted) {
  if (wire::find_member(context, own_member)) {
    throw rpc_error(code::invalid_params, "The context says already how the call is stored", "null",
                    delivery::not_sent);
  }
  std::string out = R"({"understudy":{"mode":)";
  out += wanted.as == stored_call::mode::durable ? "\"durable\"" : "\"queued\"";
  append_text(out, "key", wanted.key);
  append_time(out, "wait_ms", wanted.wait);
  append_time(out, "delay_ms", wanted.delay);
  append_time(out, "deadline_ms", wanted.deadline);
  if (wanted.priority) out += ",\"priority\":" + std::to_string(*wanted.priority);
  append_text(out, "order_by", wanted.order_by);
  out += '}';
  wire::for_each_member(context, [&out](const wire::json_member& member) {
    out.append(",\"").append(member.key).append("\":").append(member.value);
    return true;
  });
  return out + '}';
}

}  // namespace understudy::net
