#include "coord/etcd/etcd_client.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "coord/etcd/etcd_json.hpp"

namespace understudy::coord::etcd {

namespace asio = boost::asio;

etcd_client::etcd_client(const std::vector<std::string>& endpoints) {
  for (const auto& each : endpoints) {
    auto peer = parse_peer(each);
    if (!peer) throw std::runtime_error("etcd's address \"" + each + "\" is not HOST:PORT.");
    peers_.push_back(std::move(*peer));
  }
  if (peers_.empty()) throw std::runtime_error("etcd has no address.");
}

void etcd_client::turn_from(const http_peer& failed) {
  if (failed.host != peer().host || failed.port != peer().port) return;
  next_ = (next_ + 1) % peers_.size();
}

asio::awaitable<http_answer> etcd_client::send(std::shared_ptr<etcd_client> self, manner how,
                                               std::string path, std::string body,
                                               core::time_point deadline) {
  http_answer last;
  for (std::size_t tried = 0; tried < self->peers_.size(); ++tried) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= deadline) break;
    const http_peer peer = self->peer();
    // Each that is left gets its share of the time.
    const auto share = (deadline - now) / static_cast<int>(self->peers_.size() - tried);
    const bool is_last = tried + 1 == self->peers_.size();
    http_patience patience;
    patience.answered = deadline;
    patience.connected = deadline;
    if (!is_last) {
      patience.connected = now + std::min<core::duration>(connect_timeout, share);
      if (how == manner::ask) {
        patience.answered = now + std::min<core::duration>(attempt_timeout, share);
      }
    }
    last = co_await http_post(peer, path, body, patience);
    if (last.status == 200) co_return last;
    self->turn_from(peer);
    if (how == manner::tell && last.sent) co_return last;
  }
  if (last.error.empty() && last.status == 0) last.error = "there was no time";
  co_return last;
}

asio::awaitable<http_answer> etcd_client::ask(std::shared_ptr<etcd_client> self, std::string path,
                                              std::string body, core::time_point deadline) {
  return send(std::move(self), manner::ask, std::move(path), std::move(body), deadline);
}

asio::awaitable<http_answer> etcd_client::tell(std::shared_ptr<etcd_client> self, std::string path,
                                               std::string body, core::time_point deadline) {
  return send(std::move(self), manner::tell, std::move(path), std::move(body), deadline);
}

std::string fault_of(const http_answer& answer) {
  if (answer.status == 0) return "etcd did not answer: " + answer.error + ".";
  const std::string said = parse_error(answer.body);
  if (!said.empty()) return "etcd says: " + said + ".";
  return "etcd answered " + std::to_string(answer.status) + " with what is no answer.";
}

}  // namespace understudy::coord::etcd
