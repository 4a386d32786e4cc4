// think-swoole frames: an 8-byte header (big-endian u32 body length, u32 type), then the body.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace understudy::wire {

inline constexpr std::size_t frame_header_bytes = 8;

enum class frame_type : std::uint32_t {
  message = 0,  ///< JSON-RPC text, or `@action_interface`
  file = 1,     ///< the content of one file
};

struct frame_limits {
  std::size_t message_bytes_max = std::size_t{8} << 20;
  std::size_t file_bytes_max = std::size_t{64} << 20;  ///< all files of one call together
  std::size_t files_max = 256;  ///< of one call: an empty file costs its reader memory, too
};

struct frame {
  frame_type type = frame_type::message;
  std::string_view body;  ///< points into the reader's buffer: valid until its next prepare()
};
struct need_more {};  ///< the buffered bytes end inside a frame
/// The stream cannot be read on: answer -32600 with `message`, then close.
struct frame_error {
  enum class kind : std::uint8_t { unknown_type, too_long, too_many_files };
  kind what = kind::unknown_type;
  std::string message;
};
using frame_result = std::variant<frame, need_more, frame_error>;

/// Cuts a byte stream into frames, whatever the sizes of the reads were. Not thread-safe.
/// Memory: at most one frame within the limits plus one read, as long as next() is asked until
/// it needs more before the next read; it grows with bytes received, never with a length that
/// was only announced, and shrinks again after large frames.
class frame_reader {
 public:
  explicit frame_reader(frame_limits limits = {});

  /// Room for the next read, at least `bytes_min`. Invalidates frames returned before.
  [[nodiscard]] std::span<char> prepare(std::size_t bytes_min = 16384);
  /// `bytes` of the room of the last prepare() were filled.
  void commit(std::size_t bytes);
  /// The next frame, or what stands in its way. A header is judged as soon as it is complete.
  /// A frame_error is final: it is returned again.
  [[nodiscard]] frame_result next();
  /// Bytes received that belong to no frame returned yet. 0 = the stream rests between frames.
  [[nodiscard]] std::size_t buffered() const { return end_ - begin_; }

 private:
  [[nodiscard]] std::size_t size_for(std::size_t needed) const;
  void move_to(std::size_t size);
  [[nodiscard]] std::optional<frame_error> judge(std::uint32_t length, std::uint32_t type) const;

  frame_limits limits_;
  std::unique_ptr<char[]> buffer_;  // without a string's zeroing of room that a read overwrites
  std::size_t size_ = 0;
  std::size_t begin_ = 0;       // of what was not returned yet
  std::size_t end_ = 0;         // of what was received
  std::size_t file_bytes_ = 0;  // files returned since the last message
  std::size_t files_ = 0;
  std::optional<frame_error> error_;
};

/// Appends header and body, so that both leave in one write. A body is shorter than 4 GiB.
void append_frame(std::string& out, frame_type type, std::string_view body);

/// Reserves a header at the end of `out`; end_frame() fills it in once the body is appended.
[[nodiscard]] std::size_t begin_frame(std::string& out);
void end_frame(std::string& out, std::size_t header_at, frame_type type);

/// True where this body would send a real think-swoole worker into an endless loop
/// (empty, or the single byte `0`): never forward it.
[[nodiscard]] bool is_poison(std::string_view message_body);

/// A real peer reads `read_bytes` at a time and cannot take a header that a read cuts.
/// True where the header at stream offset `offset` (from the start of a burst) would be cut.
[[nodiscard]] bool header_cut(std::uint64_t offset, std::uint64_t read_bytes);
inline constexpr std::uint64_t server_read_bytes = 65536;
inline constexpr std::uint64_t client_read_bytes = 65504;

}  // namespace understudy::wire
