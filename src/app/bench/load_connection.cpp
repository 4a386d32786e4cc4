#include "app/bench/load_connection.hpp"

#include <sys/epoll.h>

#include <cerrno>

namespace understudy::app {

load_connection::load_connection(int epoll, std::uint32_t index, load_protocol protocol,
                                 unsigned depth)
    : epoll_(epoll), index_(index), protocol_(protocol), reader_(protocol), pending_(depth) {}

load_connection::io load_connection::start(const socket_address& to) {
  fd_ = begin_connect(to);
  if (!fd_) return io::broken;
  epoll_event event{};
  event.events = EPOLLOUT;
  event.data.u32 = index_;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd_.get(), &event);
  state_ = state::connecting;
  watches_writable_ = true;
  return io::done;
}

load_connection::io load_connection::established() {
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) {
    close();
    errno = error;
    return io::broken;
  }
  state_ = state::open;
  watch(false);
  return io::done;
}

void load_connection::close() {
  fd_.reset();  // leaves the epoll set with it
  state_ = state::closed;
  reader_ = load_reader(protocol_);
  out_.clear();
  out_sent_ = 0;
}

load_connection::io load_connection::flush() {
  while (out_sent_ < out_.size()) {
    const ssize_t sent = ::send(fd_.get(), out_.data() + out_sent_, out_.size() - out_sent_,
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      out_sent_ += static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      watch(true);
      return io::done;
    } else if (errno != EINTR) {
      return io::broken;
    }
  }
  out_.clear();
  out_sent_ = 0;
  watch(false);
  return io::done;
}

load_connection::io load_connection::receive() {
  const auto room = reader_.prepare();
  const ssize_t received = ::recv(fd_.get(), room.data(), room.size(), MSG_DONTWAIT);
  if (received > 0) {
    reader_.commit(static_cast<std::size_t>(received));
    return io::done;
  }
  const bool nothing_yet =
      received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  return nothing_yet ? io::done : io::broken;
}

void load_connection::watch(bool writable) {
  if (watches_writable_ == writable) return;
  watches_writable_ = writable;
  epoll_event event{};
  event.events = writable ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.u32 = index_;
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd_.get(), &event);
}

}  // namespace understudy::app
