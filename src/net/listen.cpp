#include "net/listen.hpp"

#include <stdexcept>

#include "net/address.hpp"

namespace understudy::net {
namespace {

using boost::asio::ip::tcp;
using reuse_port = boost::asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

constexpr int backlog = 4096;

[[noreturn]] void fail(const std::string& address, const std::string& why) {
  throw std::runtime_error("Cannot listen on " + address + ": " + why + ".");
}

}  // namespace

tcp::acceptor listen_on(const boost::asio::any_io_executor& executor, const std::string& address,
                        bool share_port) {
  const auto split = split_address(address, port_rule::any_for_zero);
  if (!split) fail(address, "an address is HOST:PORT");
  try {
    const auto found =
        tcp::resolver(executor).resolve(split->host, split->port, tcp::resolver::passive);
    const tcp::endpoint endpoint = *found.begin();
    tcp::acceptor acceptor(executor);
    acceptor.open(endpoint.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    if (share_port) acceptor.set_option(reuse_port(true));
    acceptor.bind(endpoint);
    acceptor.listen(backlog);
    return acceptor;
  } catch (const boost::system::system_error& error) {
    fail(address, error.code().message());
  }
}

}  // namespace understudy::net
