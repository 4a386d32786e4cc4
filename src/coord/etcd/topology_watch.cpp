#include "coord/etcd/topology_watch.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "coord/etcd/etcd_json.hpp"

namespace understudy::coord::etcd {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

topology_watch::topology_watch(const asio::any_io_executor& executor,
                               std::shared_ptr<etcd_client> client,
                               std::shared_ptr<topology_key> key, std::chrono::milliseconds poll,
                               std::function<void(const read_result&)> told)
    : executor_(executor),
      client_(std::move(client)),
      key_(std::move(key)),
      poll_(poll),
      told_(std::move(told)),
      next_look_(executor),
      pause_(executor) {}

void topology_watch::start(std::shared_ptr<topology_watch> self) {
  const auto executor = self->executor_;
  asio::co_spawn(executor, look(self), asio::detached);
  asio::co_spawn(executor, listen(std::move(self)), asio::detached);
}

void topology_watch::stop() {
  stopped_ = true;
  told_ = nullptr;
  next_look_.cancel();
  pause_.cancel();
  if (stream_) stream_->close();
}

void topology_watch::poke() {
  poked_ = true;
  next_look_.cancel();
}

void topology_watch::tell(const read_result& found) {
  if (last_end_ == found.end && last_at_ == found.at) return;
  last_end_ = found.end;
  last_at_ = found.at;
  const auto told = told_;  // it may stop us
  told(found);
}

void topology_watch::check_stream(bool missed) {
  if (!stream_) return;
  const bool moved =
      streaming_.host != client_->peer().host || streaming_.port != client_->peer().port;
  if (missed || moved) stream_->close();
}

asio::awaitable<void> topology_watch::look(std::shared_ptr<topology_watch> self) {
  while (!self->stopped_) {
    const bool was_poked = std::exchange(self->poked_, false);
    const revision before = self->last_at_;
    const auto found = co_await topology_key::read(self->key_, clock::now() + read_timeout);
    if (self->stopped_) co_return;
    const bool answered = found.end != read_end::unreachable;
    self->check_stream(answered && found.at != before && !was_poked && !self->poked_);
    self->tell(found);
    if (self->stopped_) co_return;
    if (self->poked_) continue;
    self->next_look_.expires_after(self->poll_);
    co_await self->next_look_.async_wait(as_result);
  }
}

asio::awaitable<void> topology_watch::listen(std::shared_ptr<topology_watch> self) {
  while (!self->stopped_) {
    const http_peer peer = self->client_->peer();
    co_await follow(self, peer);
    if (self->stopped_) co_return;
    self->pause_.expires_after(pause);
    co_await self->pause_.async_wait(as_result);
  }
}

asio::awaitable<void> topology_watch::follow(std::shared_ptr<topology_watch> self, http_peer peer) {
  const auto stream = http_lines::make(self->executor_);
  self->stream_ = stream;
  self->streaming_ = peer;
  const bool opened = co_await stream->open(peer, "/v3/watch", watch_text(self->key_->name()),
                                            clock::now() + read_timeout);
  while (opened) {
    const auto line = co_await stream->next();
    const auto message = line ? parse_watch(*line) : std::nullopt;
    if (!message || message->over) break;
    // The first says that it is made: what came before it is looked for, too.
    self->poke();
  }
  self->stream_ = nullptr;
  stream->close();
}

}  // namespace understudy::coord::etcd
