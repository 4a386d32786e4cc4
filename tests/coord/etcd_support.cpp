#include "etcd_support.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace understudy::coord {

namespace asio = boost::asio;
using asio::ip::tcp;
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

supervisor::supervisor(const std::vector<std::string>& endpoints, std::uint64_t id,
                       std::chrono::milliseconds poll)
    : id_(id) {
  etcd_options options;
  options.endpoints = endpoints;
  options.cluster = "orders";
  options.self = core::supervisor_id{id};
  options.poll = poll;
  coordinator_ = make_etcd_coordinator(loop_.executor(), options);
}

read_result supervisor::read(core::duration time) {
  return loop_.run(coordinator_->read(in(time)));
}

write_result supervisor::write(revision expected, const core::topology& t, core::duration time) {
  return loop_.run(coordinator_->write(expected, t, in(time)));
}

std::vector<write_end> supervisor::write_next() {
  std::vector<write_end> out;
  const auto deadline = in(test::patience);
  while (in(0s) < deadline) {
    const auto found = read(2s);
    if (found.end != read_end::answered) continue;
    const auto gen = found.value ? core::number_of(found.value->gen) + 1 : 1;
    out.push_back(write(found.at, topology_of(gen, 1, id_), 2s).end);
    if (out.back() == write_end::written) {
      out.pop_back();
      return out;
    }
  }
  throw std::runtime_error("it was never written");
}

swallower::swallower(loop& events, const std::string& etcd)
    : acceptor_(events.executor(), tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
      etcd_(asio::ip::address_v4::loopback(),
            static_cast<std::uint16_t>(std::stoi(etcd.substr(etcd.find(':') + 1)))) {
  asio::co_spawn(events.executor(), accept(this), asio::detached);
}

std::string swallower::endpoint() const {
  return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
}

asio::awaitable<void> swallower::accept(swallower* self) {
  while (true) {
    auto [error, socket] = co_await self->acceptor_.async_accept(as_result);
    if (error) co_return;
    ++self->connections_;
    const auto executor = socket.get_executor();
    asio::co_spawn(executor, hand_on(std::move(socket), self->etcd_), asio::detached);
  }
}

asio::awaitable<void> swallower::hand_on(tcp::socket from, tcp::endpoint to) {
  tcp::socket out(from.get_executor());
  const auto [failure] = co_await out.async_connect(to, as_result);
  std::array<char, 4096> bytes;
  while (!failure) {
    const auto [error, count] = co_await from.async_read_some(asio::buffer(bytes), as_result);
    if (error) co_return;
    co_await asio::async_write(out, asio::buffer(bytes.data(), count), as_result);
  }
}

std::string dead_endpoint() {
  asio::io_context io;
  const tcp::acceptor once(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  return "127.0.0.1:" + std::to_string(once.local_endpoint().port());
}

}  // namespace understudy::coord
