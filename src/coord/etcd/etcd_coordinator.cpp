#include "coord/etcd/etcd_coordinator.hpp"

#include <stdexcept>
#include <utility>

#include "coord/etcd/candidacy.hpp"
#include "coord/etcd/topology_key.hpp"
#include "coord/etcd/topology_watch.hpp"

namespace understudy::coord {
namespace {

namespace asio = boost::asio;

class etcd_coordinator final : public coordinator {
 public:
  etcd_coordinator(const asio::any_io_executor& executor, const etcd_options& options)
      : executor_(executor),
        poll_(options.poll),
        client_(std::make_shared<etcd::etcd_client>(options.endpoints)) {
    const etcd::cluster_keys keys(options.cluster);
    key_ = std::make_shared<etcd::topology_key>(client_, keys);
    candidacy_ = std::make_shared<etcd::candidacy>(executor, client_, keys.leader, options.self,
                                                   options.lease);
  }
  ~etcd_coordinator() override {
    candidacy_->stop();
    if (watch_) watch_->stop();
  }

  asio::awaitable<read_result> read(core::time_point deadline) override {
    return etcd::topology_key::read(key_, deadline);
  }
  asio::awaitable<write_result> write(revision expected, core::topology value,
                                      core::time_point deadline) override {
    return etcd::topology_key::write(key_, expected, std::move(value), deadline);
  }
  void watch(std::function<void(const read_result&)> told) override {
    if (watch_) throw std::logic_error("watch() was called twice");
    watch_ =
        std::make_shared<etcd::topology_watch>(executor_, client_, key_, poll_, std::move(told));
    etcd::topology_watch::start(watch_);
  }
  void saw(core::generation told) override { key_->saw(told); }
  void campaign() override { etcd::candidacy::campaign(candidacy_); }
  asio::awaitable<void> resign(core::time_point deadline) override {
    return etcd::candidacy::resign(candidacy_, deadline);
  }
  [[nodiscard]] core::time_point leading_until() const override {
    return candidacy_->leading_until();
  }
  [[nodiscard]] leader_sight leader() const override { return candidacy_->leader(); }

 private:
  asio::any_io_executor executor_;
  std::chrono::milliseconds poll_;
  std::shared_ptr<etcd::etcd_client> client_;
  std::shared_ptr<etcd::topology_key> key_;
  std::shared_ptr<etcd::topology_watch> watch_;
  std::shared_ptr<etcd::candidacy> candidacy_;
};

}  // namespace

std::unique_ptr<coordinator> make_etcd_coordinator(const asio::any_io_executor& executor,
                                                   const etcd_options& options) {
  if (options.cluster.empty() || options.cluster.find('/') != std::string::npos) {
    throw std::runtime_error("A cluster's name is not empty and has no \"/\".");
  }
  if (options.lease < std::chrono::seconds{1}) {
    throw std::runtime_error("A lease takes at least a second.");
  }
  return std::make_unique<etcd_coordinator>(executor, options);
}

}  // namespace understudy::coord
