#include "agent/copy_taker.hpp"

#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "agent/copy_format.hpp"
#include "db/tool.hpp"
#include "net/address.hpp"

namespace understudy::agent {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto awaited = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds answer_max{10};

core::time_point soon() {
  return std::chrono::steady_clock::now() + answer_max;
}

/// One event loop for one piece of work, which ends with it.
struct taking {
  explicit taking(const line_options& with)
      : to(with),
        call(std::make_shared<line>(io.get_executor(), with)),
        peer(io),
        out(io),
        stopped(io),
        timer(io) {}
  ~taking() { call->close(); }
  taking(const taking&) = delete;
  taking& operator=(const taking&) = delete;

  void run(asio::awaitable<void> what) {
    asio::co_spawn(io, std::move(what), [this](const std::exception_ptr& thrown) {
      io.stop();
      if (thrown) std::rethrow_exception(thrown);
    });
    io.run();
  }
  void end(const std::string& because) {
    why = because;
    io.stop();
  }
  /// The next thing takes no longer, or it is over.
  void limit(core::duration time) {
    timer.expires_after(time);
    timer.async_wait([this](error_code ec) {
      if (!ec) end("nothing came from the donor's agent for too long");
    });
  }

  asio::io_context io{1};
  const line_options& to;
  std::shared_ptr<line> call;
  tcp::socket peer;
  asio::local::stream_protocol::socket out;
  asio::posix::stream_descriptor stopped;
  asio::steady_timer timer;
  std::string why = "the copy was cut off";
  std::uintmax_t bytes = 0;
};

asio::awaitable<void> measure_at(taking* self) {
  const line::answer said = co_await self->call->ask("measure", "{}", soon());
  if (!said.came) {
    self->why = said.why;
    co_return;
  }
  const auto read = from_json_text<measure_said>(said.body);
  self->why = read.why;
  self->bytes = read.bytes;
}

asio::awaitable<bool> open(taking* self, copy_said* granted) {
  const line::answer said = co_await self->call->ask("copy", "{}", soon());
  if (!said.came) {
    self->why = said.why;
    co_return false;
  }
  *granted = from_json_text<copy_said>(said.body);
  self->why = granted->why;
  if (!self->why.empty()) co_return false;
  tcp::endpoint at = self->call->found();
  at.port(granted->port);
  const auto host = net::split_address(self->to.address);
  error_code failed;
  if (self->to.tls) {
    auto came = co_await self->to.tls->connect(at, host->host, soon(), self->peer);
    failed = came.error;
    if (failed && !came.why.empty()) self->why = came.why;
  } else {
    std::tie(failed) = co_await self->peer.async_connect(at, awaited);
  }
  if (failed && self->why.empty()) self->why = "can not connect: " + failed.message();
  co_return !failed;
}

asio::awaitable<void> take(taking* self) {
  self->limit(copy_silence_max);
  copy_said granted;
  if (!co_await open(self, &granted)) co_return;
  self->why = "the copy was cut off";
  const core::node_id giver = self->to.node;
  const std::string request = copy_request(self->to.secret, giver, granted.ticket);
  auto [failed, size] = co_await asio::async_write(self->peer, asio::buffer(request), awaited);
  copy_proof proof(self->to.secret, giver, granted.ticket);
  std::string part;
  while (!failed) {
    self->limit(copy_silence_max);
    std::string head(copy_head_bytes, '\0');
    std::tie(failed, size) = co_await asio::async_read(self->peer, asio::buffer(head), awaited);
    if (failed) break;
    const auto length = copy_length(head);
    if (length > copy_block_max) break;
    part.resize(length);
    std::tie(failed, size) = co_await asio::async_read(self->peer, asio::buffer(part), awaited);
    if (failed) break;
    if (head[0] == 'f') {
      self->why = part;
      break;
    }
    if (head[0] == 'e') {
      self->why = same(part, proof.end()) ? "" : "the copy was altered on its way";
      break;
    }
    if (head[0] != 'd') continue;
    proof.add(part);
    self->timer.cancel();  // as long as the disk needs: whoever reads the copy ends with this step
    std::tie(failed, size) = co_await asio::async_write(self->out, asio::buffer(part), awaited);
    if (failed) self->why = "nobody takes the copy";
  }
}

}  // namespace

std::string copy_taker::measure(std::uintmax_t& bytes) {
  try {
    taking now(to_);
    now.run(measure_at(&now));
    bytes = now.bytes;
    return now.why;
  } catch (const std::exception& e) {
    return e.what();
  }
}

std::string copy_taker::send(int fd, const db::interrupt* stop) {
  try {
    taking now(to_);
    now.out.assign(asio::local::stream_protocol(), ::dup(fd));
    if (stop != nullptr) {
      now.stopped.assign(::dup(stop->descriptor()));
      now.stopped.async_wait(asio::posix::stream_descriptor::wait_read, [&now](error_code ec) {
        if (!ec) now.end(db::cancelled);
      });
    }
    now.run(take(&now));
    return now.why;
  } catch (const std::exception& e) {
    return e.what();
  }
}

}  // namespace understudy::agent
