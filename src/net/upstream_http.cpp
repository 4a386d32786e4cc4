// Calls to a server in JSON-RPC 2.0 over HTTP/1.1.
#include <array>
#include <charconv>
#include <utility>

#include "net/http_response_reader.hpp"
#include "net/upstream_codec.hpp"
#include "understudy/error.hpp"
#include "wire/answer.hpp"
#include "wire/json_text.hpp"
#include "wire/request.hpp"

namespace understudy::net {
namespace {

using asio_buffer = boost::asio::const_buffer;

constexpr std::size_t head_bytes_max = 16384;
/// To copy a small call costs less than to have the kernel gather its parts.
constexpr std::size_t joined_bytes_max = 4096;
constexpr std::string_view describe_body =
    R"({"jsonrpc":"2.0","method":"@action_interface","params":[],"id":""})";
/// What stands in for the opening brace of a request without an id.
constexpr std::string_view brace_and_id = R"({"id":"",)";
constexpr std::int64_t retry_after_default_s = 1;
constexpr std::int64_t retry_after_max_s = 86400;

bool has_id(std::string_view request) {
  bool found = false;
  wire::for_each_member(request, [&found](const wire::json_member& member) {
    found = wire::key_is(member, "id");
    return !found;
  });
  return found;
}

/// Dates, and what is no number of seconds, count as not said.
std::int64_t retry_after_s(const http_message_head& head) {
  const auto text = http_field_value(head, "retry-after");
  std::int64_t seconds = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool read = error == std::errc() && stop == text.data() + text.size() && seconds >= 0;
  return read ? std::min(seconds, retry_after_max_s) : retry_after_default_s;
}

class http_codec final : public upstream_codec {
 public:
  http_codec(std::shared_ptr<const std::string> head, wire::frame_limits limits)
      : head_(std::move(head)), reader_(head_bytes_max, limits.message_bytes_max) {}

  bool begin(const outgoing& what, exchange& into) override {
    if (!what.files.empty()) {
      into.error_code = code::invalid_params;
      wire::append_error(into.body, code::invalid_params,
                         "The server speaks HTTP, which carries no files: nothing was sent.");
      return false;
    }
    body_ = what.body == wire::action_interface_body ? describe_body : what.body;
    opening_ = {};
    if (!what.has_id && !has_id(body_)) {
      // It must not be a notification: whether it has run is learned from its answer alone.
      const auto brace = body_.find('{');
      opening_ = brace_and_id;
      body_.remove_prefix(brace == std::string_view::npos ? 0 : brace + 1);
    }
    char* at = length_.data();
    at = std::to_chars(at, length_.data() + length_.size(), opening_.size() + body_.size()).ptr;
    for (const char c : std::string_view("\r\n\r\n")) *at++ = c;
    length_bytes_ = static_cast<std::size_t>(at - length_.data());
    given_ = false;
    reader_.begin();
    return true;
  }

  bool next_burst(std::vector<asio_buffer>& out) override {
    if (std::exchange(given_, true)) return false;
    const std::array<std::string_view, 4> parts{
        *head_, {length_.data(), length_bytes_}, opening_, body_};
    if (head_->size() + body_.size() <= joined_bytes_max) {
      joined_.clear();
      for (const auto part : parts) joined_ += part;
      out.emplace_back(joined_.data(), joined_.size());
      return true;
    }
    for (const auto part : parts)
      if (!part.empty()) out.emplace_back(part.data(), part.size());
    return true;
  }

  std::span<char> prepare() override { return reader_.prepare(); }

  std::optional<core::outcome> commit(std::size_t bytes, exchange& into) override {
    switch (reader_.commit(bytes)) {
      case http_response_reader::state::more:
        return std::nullopt;
      case http_response_reader::state::done:
        return take_answer(into);
      case http_response_reader::state::too_large:
        into.too_large = true;
        return core::outcome::answered;
      default:
        return core::outcome::unreadable;
    }
  }

  core::outcome end(exchange& into) override {
    const bool is_whole = reader_.end() == http_response_reader::state::done;
    return is_whole ? take_answer(into) : core::outcome::lost;
  }

  [[nodiscard]] bool clean() const override { return reader_.reusable(); }

 private:
  core::outcome take_answer(exchange& into) const {
    const int status = reader_.head().status;
    const auto answer = wire::parse_answer(reader_.body());
    const bool succeeded = status >= 200 && status < 300;
    if (answer && (answer->is_error() || succeeded)) {
      if (answer->is_error()) into.error_code = answer->code;
      into.body.assign(reader_.body());
      into.payload = wire::place_in(reader_.body(), *answer);
      return core::outcome::answered;
    }
    if (status != 429 && status != 503) return core::outcome::unreadable;
    const auto wait_ms = 1000 * retry_after_s(reader_.head());
    into.error_code = code::overloaded;
    wire::append_error(into.body, code::overloaded,
                       "The server answered HTTP " + std::to_string(status) +
                           " instead of the call: it may have run.",
                       R"({"retry":false,"retry_after_ms":)" + std::to_string(wait_ms) + '}');
    return core::outcome::faulted;
  }

  std::shared_ptr<const std::string> head_;
  http_response_reader reader_;
  std::string_view opening_;  ///< before body_: an id where there was none
  std::string_view body_;
  std::array<char, 32> length_{};  ///< Content-Length's digits and the end of the head
  std::size_t length_bytes_ = 0;
  std::string joined_;  ///< all of a small call
  bool given_ = false;
};

}  // namespace

std::unique_ptr<upstream_codec> make_http_codec(std::shared_ptr<const std::string> head,
                                                wire::frame_limits limits) {
  return std::make_unique<http_codec>(std::move(head), limits);
}

std::string http_codec_head(const host_port& server, std::string_view target) {
  const bool is_v6 = server.host.find(':') != std::string::npos;
  const std::string host = is_v6 ? '[' + server.host + ']' : server.host;
  std::string head = "POST ";
  head += target;
  head += " HTTP/1.1\r\nHost: " + host + ':' + server.port;
  head += "\r\nContent-Type: application/json\r\nAccept: application/json\r\nContent-Length: ";
  return head;
}

}  // namespace understudy::net
