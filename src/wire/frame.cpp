#include "wire/frame.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "understudy/detail/check.hpp"

namespace understudy::wire {
namespace {

// A connection keeps a buffer up to this size; a larger one goes once what was large is read.
constexpr std::size_t kept_bytes = 65536;

std::uint32_t load_u32(const char* at) {
  const auto byte = [at](int i) { return std::uint32_t{static_cast<unsigned char>(at[i])}; };
  return byte(0) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
}

void store_u32(char* at, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<char>(value >> (24 - 8 * i) & 0xFF);
}

void store_header(char* at, std::size_t length, frame_type type) {
  UNDERSTUDY_CHECK(length <= std::numeric_limits<std::uint32_t>::max());
  store_u32(at, static_cast<std::uint32_t>(length));
  store_u32(at + 4, static_cast<std::uint32_t>(type));
}

}  // namespace

frame_reader::frame_reader(frame_limits limits) : limits_(limits) {}

std::span<char> frame_reader::prepare(std::size_t bytes_min) {
  const std::size_t needed = buffered() + bytes_min;
  if (begin_ == end_) begin_ = end_ = 0;
  if (needed > size_ || (size_ > kept_bytes && needed <= kept_bytes)) {
    move_to(size_for(needed));
  } else if (size_ - end_ < bytes_min) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, buffered());
    end_ -= begin_;
    begin_ = 0;
  }
  return {buffer_.get() + end_, size_ - end_};
}

// Doubles while a frame comes in, so that its bytes are moved a bounded number of times, but not
// beyond what the frame can need. A small buffer doubles, too: the rest of a frame that a read
// cut must not cost a new buffer each time.
std::size_t frame_reader::size_for(std::size_t needed) const {
  if (needed <= size_) return needed;
  if (needed <= kept_bytes) return std::max(needed, std::min(2 * size_, kept_bytes));
  if (buffered() < frame_header_bytes) return needed;
  const std::size_t frame_bytes = frame_header_bytes + load_u32(buffer_.get() + begin_);
  const std::size_t read_bytes = needed - buffered();
  return std::max(needed, std::min(2 * size_, frame_bytes + read_bytes));
}

void frame_reader::move_to(std::size_t size) {
  auto larger = std::make_unique_for_overwrite<char[]>(size);
  if (begin_ != end_) std::memcpy(larger.get(), buffer_.get() + begin_, buffered());
  buffer_ = std::move(larger);
  size_ = size;
  end_ -= begin_;
  begin_ = 0;
}

void frame_reader::commit(std::size_t bytes) {
  UNDERSTUDY_CHECK(bytes <= size_ - end_);
  end_ += bytes;
}

frame_result frame_reader::next() {
  if (error_) return *error_;
  if (buffered() < frame_header_bytes) return need_more{};
  const char* const header = buffer_.get() + begin_;
  const std::uint32_t length = load_u32(header);
  const std::uint32_t type = load_u32(header + 4);
  error_ = judge(length, type);
  if (error_) return *error_;
  if (buffered() - frame_header_bytes < length) return need_more{};
  begin_ += frame_header_bytes + length;
  const bool file = type == static_cast<std::uint32_t>(frame_type::file);
  file_bytes_ = file ? file_bytes_ + length : 0;
  files_ = file ? files_ + 1 : 0;
  return frame{static_cast<frame_type>(type), {header + frame_header_bytes, length}};
}

std::optional<frame_error> frame_reader::judge(std::uint32_t length, std::uint32_t type) const {
  using kind = frame_error::kind;
  switch (static_cast<frame_type>(type)) {
    case frame_type::message:
      if (length <= limits_.message_bytes_max) return std::nullopt;
      return frame_error{kind::too_long, "message of " + std::to_string(length) +
                                             " bytes is longer than the limit of " +
                                             std::to_string(limits_.message_bytes_max) + " bytes"};
    case frame_type::file:
      if (files_ >= limits_.files_max) {
        return frame_error{kind::too_many_files, "more files in one call than the limit of " +
                                                     std::to_string(limits_.files_max)};
      }
      if (length <= limits_.file_bytes_max - file_bytes_) return std::nullopt;
      return frame_error{kind::too_long, "files of " + std::to_string(file_bytes_ + length) +
                                             " bytes in one call are longer than the limit of " +
                                             std::to_string(limits_.file_bytes_max) + " bytes"};
  }
  // The bracket that is missing is missing in think-swoole, too.
  return frame_error{kind::unknown_type, "unsupported data type: [" + std::to_string(type)};
}

void append_frame(std::string& out, frame_type type, std::string_view body) {
  const std::size_t header_at = begin_frame(out);
  out += body;
  end_frame(out, header_at, type);
}

std::size_t begin_frame(std::string& out) {
  const std::size_t header_at = out.size();
  out.append(frame_header_bytes, '\0');
  return header_at;
}

void end_frame(std::string& out, std::size_t header_at, frame_type type) {
  UNDERSTUDY_CHECK(header_at + frame_header_bytes <= out.size());
  store_header(out.data() + header_at, out.size() - header_at - frame_header_bytes, type);
}

bool is_poison(std::string_view message_body) {
  return message_body.empty() || message_body == "0";
}

bool header_cut(std::uint64_t offset, std::uint64_t read_bytes) {
  return offset % read_bytes + frame_header_bytes > read_bytes;
}

}  // namespace understudy::wire
