#include "app/bench/bench_requests.hpp"

#include <fmt/format.h>

#include "app/common/json_out.hpp"
#include "wire/frame.hpp"
#include "wire/request.hpp"

namespace understudy::app {

bench_requests::bench_requests(const bench_options& options, std::uint64_t run)
    : options_(options), run_(fmt::format("{:016x}", run)) {
  if (!options_.keyed) same_ = make();
}

void bench_requests::append(std::string& out) {
  out += options_.keyed ? make() : same_;
}

// The same body in either protocol.
std::string bench_requests::make() {
  const std::string content = body();
  if (options_.http) {
    return fmt::format(
        "POST /rpc HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n"
        "Content-Length: {}\r\n\r\n{}",
        options_.at, content.size(), content);
  }
  std::string frame;
  wire::append_frame(frame, wire::frame_type::message, content);
  return frame;
}

std::string bench_requests::body() {
  std::string body;
  if (options_.batch > 0) {
    std::string params;
    {
      json_array only(params);
      json_array calls(only.element());
      for (unsigned i = 0; i < options_.batch; ++i) append_one_of_batch(calls.element());
    }
    wire::append_request(body, "CallsInterface@enqueueMany", params);
    return body;
  }
  if (options_.mode.empty() && !options_.keyed) {
    wire::append_request(body, options_.method, options_.params);
    return body;
  }
  std::string context;
  {
    json_object all(context);
    json_object wishes(all.key("understudy"));
    if (!options_.mode.empty()) wishes.text("mode", options_.mode);
    if (options_.keyed) wishes.text("key", next_key());
  }
  wire::append_request(body, options_.method, options_.params, context);
  return body;
}

// [method, params], or [method, params, {"key": ..}].
void bench_requests::append_one_of_batch(std::string& list) {
  json_array call(list);
  call.text(options_.method);
  call.element() += options_.params;
  if (!options_.keyed) return;
  json_object wishes(call.element());
  wishes.text("key", next_key());
}

std::string bench_requests::next_key() {
  return fmt::format("bench-{}-{}", run_, keys_++);
}

}  // namespace understudy::app
