// Real servers, each under an agent that is called over the network.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "agent/node_agent.hpp"
#include "agent/remote_agent.hpp"
#include "db/support/cluster.hpp"
#include "support/certificates.hpp"
#include "support/free_port.hpp"

namespace understudy::agent {

using namespace std::chrono_literals;
using core::step_end;
using db::eventually;
using db::soon;
using word = cluster::agent::word;

inline const std::string test_secret = "sixteen letters!";

class stand {
 public:
  explicit stand(unsigned count, std::optional<tls_options> tls = std::nullopt)
      : nodes(count), tls_(std::move(tls)) {
    for (unsigned n = 1; n <= count; ++n) {
      addresses_[db::id_of(n)] = "127.0.0.1:" + std::to_string(test::free_port());
    }
    for (unsigned n = 1; n <= count; ++n) start(n);
  }
  ~stand() {
    callers_.clear();
    for (auto& [n, each] : agents_) each.reset();
    // Whoever has started them.
    for (unsigned n = 1; n <= nodes.size(); ++n) db::server_process(nodes.options(n)).kill();
  }
  stand(const stand&) = delete;
  stand& operator=(const stand&) = delete;

  void start(unsigned n) {
    node_options options;
    options.id = db::id_of(n);
    options.listen = addresses_.at(options.id);
    options.work.server = nodes.options(n);
    options.work.server.dies_with_us = false;  // it outlives its agent, not the test
    options.work.all = nodes.all();
    options.work.patience = 60s;
    options.work.progress = [this, n](const db::agent_progress& now) {
      if (progress) progress(n, now);
    };
    options.secret = test_secret;
    options.tls = tls_;
    options.agents = addresses_;
    options.log = [this](const std::string& line) {
      const std::lock_guard lock(mutex_);
      log_ += line + "\n";
    };
    auto made = std::make_unique<node_agent>(options);
    made->start();
    agents_[n] = std::move(made);
  }
  void stop(unsigned n) { agents_.at(n)->stop(); }
  [[nodiscard]] node_agent& of(unsigned n) { return *agents_.at(n); }
  [[nodiscard]] std::string log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }

  [[nodiscard]] remote_options way_to(unsigned n) {
    remote_options out;
    out.to.address = addresses_.at(db::id_of(n));
    out.to.node = db::id_of(n);
    out.to.secret = test_secret;
    out.answer_within = 2s;
    if (tls_) out.to.tls = std::make_shared<net::tls_connector>(*tls_);
    return out;
  }
  [[nodiscard]] remote_agent& by(unsigned n) {
    auto& made = callers_[n];
    if (!made) made = std::make_unique<remote_agent>(io.get_executor(), way_to(n));
    return *made;
  }
  template <typename Condition>
  [[nodiscard]] bool run_until(Condition so, core::duration time = 60s) {
    const auto until = soon(time);
    while (!so()) {
      if (std::chrono::steady_clock::now() > until) return false;
      io.restart();
      io.run_for(1ms);
    }
    return true;
  }
  [[nodiscard]] std::shared_ptr<std::optional<word>> begin(unsigned n, const core::step& what,
                                                           core::duration within = 60s) {
    auto out = std::make_shared<std::optional<word>>();
    by(n).carry_out(what, nodes.gen, soon(within), [out](word said) { *out = std::move(said); });
    return out;
  }
  [[nodiscard]] word carry_out(unsigned n, const core::step& what) {
    const auto said = begin(n, what);
    EXPECT_TRUE(run_until([&] { return said->has_value(); }));
    return said->value_or(word());
  }
  [[nodiscard]] look_said look(unsigned n) {
    std::optional<look_said> out;
    std::string why;
    bool over = false;
    by(n).describe(soon(), [&](std::optional<look_said> said, const std::string& because) {
      out = std::move(said);
      why = because;
      over = true;
    });
    EXPECT_TRUE(run_until([&] { return over; }));
    EXPECT_TRUE(out) << why;
    return out.value_or(look_said());
  }

  db::cluster nodes;
  boost::asio::io_context io{1};
  /// On an agent's thread. Set before anything is told.
  std::function<void(unsigned node, const db::agent_progress&)> progress;

 private:
  std::optional<tls_options> tls_;
  std::map<core::node_id, std::string> addresses_;
  std::mutex mutex_;
  std::string log_;
  std::map<unsigned, std::unique_ptr<node_agent>> agents_;
  std::map<unsigned, std::unique_ptr<remote_agent>> callers_;
};

}  // namespace understudy::agent
