#include "net/outbox.hpp"

#include <boost/asio/post.hpp>

namespace understudy::net {

namespace asio = boost::asio;

outbox::outbox(asio::execution_context& owner) : service(owner) {}

outbox& outbox::of(const asio::any_io_executor& executor) {
  auto& mine = asio::use_service<outbox>(asio::query(executor, asio::execution::context));
  if (!mine.executor_) mine.executor_ = executor;
  return mine;
}

void outbox::begin() {
  seen_ = 0;
  look();
}

// A posted function runs behind all that is ready now, and behind one more question to the kernel.
void outbox::look() {
  asio::post(executor_, [this] {
    const bool more = waiting_.size() > seen_;
    seen_ = waiting_.size();
    if (more && seen_ > 1 && seen_ < together) return look();
    flush();
  });
}

// What is sent may add more: that waits for the next time.
void outbox::flush() {
  ++bursts_;
  leaving_.swap(waiting_);
  for (auto& each : leaving_) each();
  leaving_.clear();
}

void outbox::post_later() {
  asio::post(executor_, [this] {
    now_.swap(later_);
    for (auto& each : now_) each();
    now_.clear();
  });
}

// Who waits is destroyed with the loop, like all that wait for one of its events.
void outbox::shutdown() {
  waiting_.clear();
  leaving_.clear();
  later_.clear();
  now_.clear();
}

}  // namespace understudy::net
