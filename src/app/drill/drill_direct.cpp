#include "app/drill/drill_direct.hpp"

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>
#include <utility>

namespace understudy::app {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kill_interval{20};

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
  for (auto& each : threads_) each.request_stop();
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
  threads_.emplace_back([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const auto waiting = killer_->run(
          "SELECT id FROM information_schema.processlist "
          "WHERE user = SUBSTRING_INDEX(USER(), '@', 1) AND id <> CONNECTION_ID() AND info <> ''",
          soon(300s));
      if (!waiting.ok()) return;
      for (const auto& row : waiting.tables.at(0).rows) {
        (void)killer_->run("KILL QUERY " + row.at(0).value(), soon(300s));
      }
      std::this_thread::sleep_for(kill_interval);
    }
  });
}

}  // namespace understudy::app
