#include "net/outbox.hpp"

#include <boost/asio/post.hpp>

namespace understudy::net {

namespace asio = boost::asio;

outbox::outbox(asio::execution_context& owner) : service(owner) {}

outbox& outbox::of(const asio::any_io_executor& executor) {
  return asio::use_service<outbox>(asio::query(executor, asio::execution::context));
}

void outbox::begin(const asio::any_io_executor& executor) {
  seen_ = 0;
  look(executor);
}

// A posted function runs behind all that is ready now, and behind one more question to the kernel.
void outbox::look(const asio::any_io_executor& executor) {
  asio::post(executor, [this, executor] {
    const bool more = waiting_.size() > seen_;
    seen_ = waiting_.size();
    if (more && seen_ > 1 && seen_ < together) return look(executor);
    flush();
  });
}

// What is sent may add more: that waits for the next time.
void outbox::flush() {
  leaving_.swap(waiting_);
  for (auto& each : leaving_) each();
  leaving_.clear();
}

// Who waits is destroyed with the loop, like all that wait for one of its events.
void outbox::shutdown() {
  waiting_.clear();
  leaving_.clear();
}

}  // namespace understudy::net
