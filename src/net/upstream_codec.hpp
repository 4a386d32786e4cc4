// How calls and their answers look in bytes on a connection to a server.
#pragma once

#include <boost/asio/buffer.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.hpp"
#include "net/address.hpp"
#include "net/carrier.hpp"
#include "net/exchange.hpp"
#include "wire/frame.hpp"

namespace understudy::net {

/// Of one connection: one call at a time. No I/O.
class upstream_codec {
 public:
  virtual ~upstream_codec() = default;

  /// A call, to be sent in bursts. What the views point to outlives its last burst. False: it
  /// cannot be said this way, nothing is to be sent, and `into` has the answer to give.
  [[nodiscard]] virtual bool begin(const outgoing& what, exchange& into) = 0;
  /// Appends what may leave in one write; false once all was given. The peer has to read one burst
  /// before the next one leaves.
  [[nodiscard]] virtual bool next_burst(std::vector<boost::asio::const_buffer>& out) = 0;

  /// Room for what the peer sends.
  [[nodiscard]] virtual std::span<char> prepare() = 0;
  /// So many bytes came. How the call has ended (answered, faulted, unreadable), with the rest of
  /// `into` filled in; nothing: more is to come.
  [[nodiscard]] virtual std::optional<core::outcome> commit(std::size_t bytes, exchange& into) = 0;
  /// The peer has ended the stream while a call waited.
  [[nodiscard]] virtual core::outcome end(exchange& into) = 0;

  /// No byte stands behind the last answer, and the peer would take another call.
  [[nodiscard]] virtual bool clean() const = 0;
};

/// think-swoole frames.
[[nodiscard]] std::unique_ptr<upstream_codec> make_frame_codec(wire::frame_limits limits);

/// JSON-RPC 2.0 over HTTP/1.1: `head` is the request's head up to the value of Content-Length.
///
/// A call is posted byte for byte, but for an `id` where it has none: an answer to it must come.
/// The bare `@action_interface` becomes a call of a method of that name. Calls with files are
/// answered with -32602.
///
/// An answer is a JSON-RPC result with a status of 2xx, or a JSON-RPC error with any status.
/// Without one, 429 and 503 are faults, with an error -32003 of ours; everything else is
/// unreadable. None of it proves that the call has not run: the status may come from a proxy that
/// had passed the call on.
[[nodiscard]] std::unique_ptr<upstream_codec> make_http_codec(
    std::shared_ptr<const std::string> head, wire::frame_limits limits);
/// Such a head for a server and a request target.
[[nodiscard]] std::string http_codec_head(const host_port& server, std::string_view target);

}  // namespace understudy::net
