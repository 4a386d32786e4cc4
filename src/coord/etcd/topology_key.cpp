#include "coord/etcd/topology_key.hpp"

#include <utility>
#include <vector>

#include "coord/etcd/etcd_json.hpp"
#include "coord/topology_text.hpp"

namespace understudy::coord::etcd {

namespace asio = boost::asio;

cluster_keys::cluster_keys(const std::string& cluster)
    : topology("/understudy/" + cluster + "/topology"),
      journal("/understudy/" + cluster + "/journal/"),
      leader("/understudy/" + cluster + "/leader") {}

std::string cluster_keys::journal_of(core::epoch epoch) const {
  return journal + std::to_string(core::number_of(epoch));
}

topology_key::topology_key(std::shared_ptr<etcd_client> client, cluster_keys keys)
    : client_(std::move(client)), keys_(std::move(keys)) {}

asio::awaitable<read_result> topology_key::read(std::shared_ptr<topology_key> self,
                                                core::time_point deadline) {
  bool gone_back_once = false;
  while (true) {
    const auto floor = self->seen_.highest();
    const http_peer peer = self->client_->peer();
    const auto answer = co_await etcd_client::ask(self->client_, "/v3/kv/range",
                                                  range_text(self->name()), deadline);
    const auto range = answer.status == 200 ? parse_range(answer.body) : std::nullopt;
    if (!range) {
      read_result out;
      out.why = fault_of(answer);
      co_return out;
    }
    std::optional<std::string> text;
    if (range->found) text = range->found->value;
    const revision at{range->found ? range->found->changed_at : 0};
    auto result = self->seen_.judge(text, at, floor);
    if (!result) continue;
    if (result->end != read_end::gone_back || gone_back_once) co_return std::move(*result);
    // A member that was paused may answer with what was before: another is asked.
    gone_back_once = true;
    self->client_->turn_from(peer);
  }
}

std::string topology_key::txn_of(revision expected, const core::topology& value,
                                 const std::string& text) const {
  condition when;
  when.key = keys_.topology;
  when.changed_at = static_cast<std::int64_t>(expected);
  // A store that was restored counts the same revisions again: what is there must be the same, too.
  if (expected != revision{}) when.value = seen_.text();
  std::vector<put> then(1);
  then[0].key = keys_.topology;
  then[0].value = text;
  if (seen_.begins_epoch(value)) {
    put entry;
    entry.key = keys_.journal_of(value.epoch);
    entry.value = text;
    then.push_back(std::move(entry));
  }
  return txn_text(when, then, keys_.topology);
}

asio::awaitable<write_result> topology_key::write(std::shared_ptr<topology_key> self,
                                                  revision expected, core::topology value,
                                                  core::time_point deadline) {
  if (auto objection = self->seen_.objection(expected, value)) co_return std::move(*objection);
  std::string text = to_text(value);
  const std::string txn = self->txn_of(expected, value, text);
  const auto answer = co_await etcd_client::tell(self->client_, "/v3/kv/txn", txn, deadline);
  const auto done = answer.status == 200 ? parse_txn(answer.body) : std::nullopt;
  write_result out;
  if (!done) {
    out.end = answer.sent ? write_end::unknown : write_end::unreachable;
    out.why = fault_of(answer);
    if (answer.sent) out.why += " The topology may be written.";
  } else if (done->succeeded) {
    out.end = write_end::written;
    out.at = revision{done->revision};
    self->seen_.wrote(value, std::move(text), out.at);
  } else {
    out.end = write_end::conflict;
    out.why = "The topology was changed by another.";
  }
  co_return out;
}

}  // namespace understudy::coord::etcd
