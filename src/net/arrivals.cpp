#include "net/arrivals.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>

namespace understudy::net {

namespace asio = boost::asio;

namespace {

/// That one look can tell of; with more, each connection is looked at by itself.
constexpr std::size_t found_max = 128;

}  // namespace

arrivals::arrivals(asio::execution_context& owner)
    : service(owner),
      sends_(asio::use_service<outbox>(owner)),
      set_(::epoll_create1(EPOLL_CLOEXEC)) {}

arrivals::~arrivals() {
  if (set_ >= 0) ::close(set_);
}

arrivals& arrivals::of(const asio::any_io_executor& executor) {
  return asio::use_service<arrivals>(asio::query(executor, asio::execution::context));
}

// Where the kernel has no room for it, each look is its own.
arrivals::place::place(arrivals& all, int descriptor) : all_(all), descriptor_(descriptor) {
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  wanted.data.ptr = this;
  known_ = ::epoll_ctl(all_.set_, EPOLL_CTL_ADD, descriptor_, &wanted) == 0;
}

arrivals::place::~place() {
  if (known_) ::epoll_ctl(all_.set_, EPOLL_CTL_DEL, descriptor_, nullptr);
}

bool arrivals::place::quiet() const {
  const auto burst = all_.sends_.leaving();
  if (burst == 0 || burst != all_.burst_) all_.look();
  return known_ && all_.complete_ && stirred_last_ != all_.looks_;
}

// Level-triggered: what is still unread is found again. Answers that calls wait for are, too.
void arrivals::look() {
  std::array<epoll_event, found_max> found;
  const int count = ::epoll_wait(set_, found.data(), static_cast<int>(found.size()), 0);
  ++looks_;
  burst_ = sends_.leaving();
  complete_ = count >= 0 && static_cast<std::size_t>(count) < found.size();
  for (int i = 0; i < count; ++i) static_cast<place*>(found[i].data.ptr)->stirred_last_ = looks_;
}

}  // namespace understudy::net
