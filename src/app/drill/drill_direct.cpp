#include "app/drill/drill_direct.hpp"

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>
#include <utility>

namespace understudy::app {

namespace {

using namespace std::chrono_literals;

core::time_point soon(std::chrono::seconds time) {
  return std::chrono::steady_clock::now() + time;
}

}  // namespace

direct_clients::direct_clients(const db::endpoint& to, const db::login& who, std::uint64_t first,
                               unsigned count)
    : first_(first) {
  for (unsigned i = 0; i <= count; ++i) {
    auto session = std::make_unique<db::session>(&interrupt_);
    if (const auto failed = session->connect(to, who, soon(20s))) {
      throw std::runtime_error("A client can not connect to the primary: " + failed.text);
    }
    sessions_.push_back(std::move(session));
  }
  killer_ = std::move(sessions_.back());
  sessions_.pop_back();
}

direct_clients::~direct_clients() {
  interrupt_.stop();
}

void direct_clients::insert() {
  for (std::size_t i = 0; i < sessions_.size(); ++i) {
    threads_.emplace_back([this, i] {
      const auto done =
          sessions_[i]->run(fmt::format("INSERT INTO app.t VALUES ({})", first_ + i), soon(300s));
      if (done.ok()) ++acknowledged_;
    });
  }
}

void direct_clients::kill_queries() {
  threads_.emplace_back([this] {
    for (const auto& each : sessions_) {
      if (!killer_->run(fmt::format("KILL QUERY {}", each->id()), soon(300s)).ok()) return;
    }
  });
}

}  // namespace understudy::app
