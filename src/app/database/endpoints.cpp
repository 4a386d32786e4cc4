#include "app/database/endpoints.hpp"

#include <utility>

namespace understudy::app {

endpoints::endpoints(const boost::asio::any_io_executor& executor, const database_config& config)
    : executor_(executor), connections_max_(config.connections_max) {
  add("write", config.write, true);
  add("read", config.read, false);
}

void endpoints::add(std::string name, const std::string& listen, bool to_primary) {
  if (listen.empty()) return;
  net::sql_proxy_options options;
  options.name = name;
  options.cut_removed = to_primary;
  options.connections_max = connections_max_;
  auto proxy = net::sql_proxy::make(executor_, std::move(options));
  (to_primary ? write_ : read_) = proxy;
  all_.push_back({std::move(name), listen, std::move(proxy)});
}

void endpoints::listen() {
  for (one& each : all_) {
    each.proxy->listen(each.address);
    each.address = each.proxy->addresses().front();
  }
}

void endpoints::write_to(const std::string& primary, std::uint32_t epoch) {
  if (write_) write_->lead_to({{primary, 1}}, epoch);
}

void endpoints::write_nowhere() {
  if (write_) write_->stop_all();
}

void endpoints::read_from(const std::vector<std::string>& nodes, std::uint32_t epoch) {
  if (!read_) return;
  std::vector<net::sql_target> to;
  for (const std::string& each : nodes) to.push_back({each, 1});
  read_->lead_to(std::move(to), epoch);
}

void endpoints::hold(std::function<void()> done) {
  if (!write_) return done();
  write_->hold([done = std::move(done)](const net::sql_held& how) {
    if (how.closed) done();
  });
}

std::vector<endpoint_status> endpoints::status() const {
  std::vector<endpoint_status> out;
  for (const one& each : all_) out.push_back({each.name, each.address, each.proxy->status()});
  return out;
}

std::string endpoints::address(const std::string& name) const {
  for (const one& each : all_) {
    if (each.name == name) return each.address;
  }
  return {};
}

void endpoints::stop() {
  for (const one& each : all_) each.proxy->stop();
}

}  // namespace understudy::app
