#include "net/http_event_stream.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace understudy::net {

namespace asio = boost::asio;

std::shared_ptr<http_event_stream> http_event_stream::make(asio::any_io_executor executor,
                                                           std::function<void()> ended,
                                                           std::size_t queued_bytes_max) {
  return std::shared_ptr<http_event_stream>(
      new http_event_stream(std::move(executor), std::move(ended), queued_bytes_max));
}

http_event_stream::http_event_stream(asio::any_io_executor executor, std::function<void()> ended,
                                     std::size_t queued_bytes_max)
    : executor_(executor),
      wake_(std::move(executor)),
      ended_(std::move(ended)),
      queued_bytes_max_(queued_bytes_max) {}

bool http_event_stream::send(std::uint64_t id, std::string_view data) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  if (queued_.size() + data.size() > queued_bytes_max_) {
    closed_ = true;
    queued_.clear();  // cut at an event's border: what is missing is asked for by its number
  } else {
    queued_ += "id: " + std::to_string(id) + "\ndata: ";
    queued_ += data;
    queued_ += "\n\n";
  }
  wake();
  return !closed_;
}

void http_event_stream::close() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(closed_, true)) return;
  wake();
}

void http_event_stream::wake() {
  if (std::exchange(waking_, true)) return;
  asio::post(executor_, [self = shared_from_this()] {
    {
      const std::lock_guard lock(self->mutex_);
      self->waking_ = false;
    }
    if (self->wake_) self->wake_->cancel();
  });
}

asio::awaitable<bool> http_event_stream::next(std::string& out, std::chrono::milliseconds wait) {
  out.clear();
  const auto until = std::chrono::steady_clock::now() + wait;
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      out.swap(queued_);
      if (!out.empty()) co_return true;
      if (closed_) co_return false;
    }
    // A wake-up may come late, for what was taken before it.
    if (std::chrono::steady_clock::now() >= until) co_return true;
    // A send() between the check above and the wait below posts its wake-up to this same
    // executor: it runs after the wait has begun.
    wake_->expires_at(until);
    co_await wake_->async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

void http_event_stream::finished() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    queued_.clear();
  }
  wake_.reset();
  if (auto ended = std::exchange(ended_, nullptr)) ended();
}

}  // namespace understudy::net
