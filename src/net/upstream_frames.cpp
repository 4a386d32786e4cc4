// Calls to a server in think-swoole frames.
#include <array>
#include <utility>

#include "net/upstream_codec.hpp"
#include "wire/answer.hpp"

namespace understudy::net {
namespace {

/// Up to here all frames of a call leave in one write: less than an empty socket buffer takes, and
/// less than a real server reads at a time, so that no header can be cut.
constexpr std::size_t one_write_max = 16384;
/// To copy a small call costs less than to have the kernel gather its parts.
constexpr std::size_t joined_bytes_max = 4096;
constexpr std::size_t read_bytes = 16384;
constexpr std::size_t read_bytes_bulk = 262144;

std::array<char, wire::frame_header_bytes> frame_header(wire::frame_type type, std::size_t bytes) {
  std::array<char, wire::frame_header_bytes> header{};
  const auto kind = static_cast<std::uint32_t>(type);
  const auto length = static_cast<std::uint32_t>(bytes);
  for (int i = 0; i < 4; ++i) {
    header[i] = static_cast<char>(length >> (24 - 8 * i));
    header[4 + i] = static_cast<char>(kind >> (24 - 8 * i));
  }
  return header;
}

class frame_codec final : public upstream_codec {
 public:
  explicit frame_codec(wire::frame_limits limits) : reader_(limits) {}

  bool begin(const outgoing& what, exchange&) override {
    body_ = what.body;
    files_ = what.files;
    given_ = 0;
    std::size_t total = wire::frame_header_bytes + body_.size();
    for (const auto file : files_) total += wire::frame_header_bytes + file.size();
    at_once_ = total <= one_write_max;
    headers_.clear();
    headers_.reserve((files_.size() + 1) * wire::frame_header_bytes);  // buffers point into it
    return true;
  }

  bool next_burst(std::vector<boost::asio::const_buffer>& out) override {
    if (given_ > files_.size()) return false;
    if (files_.empty() && body_.size() <= joined_bytes_max) {
      joined_.clear();
      wire::append_frame(joined_, wire::frame_type::message, body_);
      out.emplace_back(joined_.data(), joined_.size());
      ++given_;
      return true;
    }
    do {
      const bool is_file = given_ < files_.size();
      append(out, is_file ? wire::frame_type::file : wire::frame_type::message,
             is_file ? files_[given_] : body_);
    } while (++given_ <= files_.size() && at_once_);
    return true;
  }

  std::span<char> prepare() override {
    return reader_.prepare(reader_.buffered() > read_bytes ? read_bytes_bulk : read_bytes);
  }

  std::optional<core::outcome> commit(std::size_t bytes, exchange& into) override {
    reader_.commit(bytes);
    for (;;) {
      const auto next = reader_.next();
      if (std::holds_alternative<wire::need_more>(next)) return std::nullopt;
      if (const auto* error = std::get_if<wire::frame_error>(&next)) {
        into.too_large = error->what != wire::frame_error::kind::unknown_type;
        return into.too_large ? core::outcome::answered : core::outcome::unreadable;
      }
      const auto& frame = std::get<wire::frame>(next);
      if (frame.type == wire::frame_type::message) return take_answer(frame.body, into);
      into.files.emplace_back(frame.body);
    }
  }

  core::outcome end(exchange&) override { return core::outcome::lost; }

  bool clean() const override { return reader_.buffered() == 0; }

 private:
  static core::outcome take_answer(std::string_view body, exchange& into) {
    const auto answer = wire::is_poison(body) ? std::nullopt : wire::parse_answer(body);
    if (!answer) return core::outcome::unreadable;
    if (answer->is_error()) into.error_code = answer->code;
    into.body.assign(body);
    into.payload = wire::place_in(body, *answer);
    return core::outcome::answered;
  }

  void append(std::vector<boost::asio::const_buffer>& out, wire::frame_type type,
              std::string_view body) {
    const auto header = frame_header(type, body.size());
    const auto at = headers_.size();
    headers_.insert(headers_.end(), header.begin(), header.end());
    out.emplace_back(headers_.data() + at, header.size());
    if (!body.empty()) out.emplace_back(body.data(), body.size());
  }

  wire::frame_reader reader_;
  std::string_view body_;
  std::span<const std::string_view> files_;
  std::size_t given_ = 0;  ///< frames of the call
  bool at_once_ = false;
  std::vector<char> headers_;
  std::string joined_;  ///< all of a small call
};

}  // namespace

std::unique_ptr<upstream_codec> make_frame_codec(wire::frame_limits limits) {
  return std::make_unique<frame_codec>(limits);
}

}  // namespace understudy::net
