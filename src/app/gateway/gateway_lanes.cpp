#include "app/gateway/gateway_lanes.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>
#include <variant>

#include "app/admin/lane_status.hpp"

namespace understudy::app {

namespace asio = boost::asio;

namespace {

// Ends what was cut short may begin something that ends at once, on another lane.
constexpr int settle_rounds_max = 100;

// The answers of all lanes. Home's, as is the coroutine that waits for them.
template <typename Answer>
struct gathered {
  gathered(const asio::any_io_executor& home, std::size_t lanes)
      : answers(lanes), missing(lanes), complete(home, asio::steady_timer::time_point::max()) {}
  std::vector<Answer> answers;
  std::size_t missing;
  asio::steady_timer complete;
};

}  // namespace

gateway_lanes::gateway_lanes(unsigned count, event_log& events) : events_(events) {
  for (unsigned i = 0; i < count; ++i) lanes_.push_back(std::make_unique<gateway_lane>());
}

// Home first: what waits there, such as an accept, holds things of other lanes.
gateway_lanes::~gateway_lanes() {
  stop();
  for (auto& lane : lanes_) lane.reset();
}

void gateway_lanes::make_routers(const gateway_config& config) {
  for (unsigned i = 0; i < lanes_.size(); ++i) {
    lanes_[i]->router = pool_router::make(parts_of(i), config);
  }
}

std::shared_ptr<router> gateway_lane::front() const {
  if (gate) return gate;
  return router;
}

void gateway_lanes::make_gates(const std::shared_ptr<call_desk>& desk,
                               std::shared_ptr<const call_rules> rules) {
  for (const auto& lane : lanes_) {
    const bool on_home = lane == lanes_.front();
    lane->gate = std::make_shared<call_gate>(lane->router, desk, home(), on_home, rules);
  }
}

pool_router_parts gateway_lanes::parts_of(unsigned number) {
  gateway_lane& lane = *lanes_[number];
  pool_router_parts parts;
  parts.executor = lane.context.get_executor();
  parts.lanes = static_cast<unsigned>(lanes_.size());
  parts.reports = [&lane](const call_report& report) { lane.counts.add(report); };
  if (number == 0) {
    parts.records = [this](const core::record& record) { write(0, record); };
    parts.expired = [this](core::time_point now) {
      tell_others(0, [now](gateway_lane& other) { other.router->expire(now); });
      lanes_.front()->router->expire(now);
    };
  } else {
    parts.records = [this, number](const core::record& record) {
      asio::post(home(), [this, number, record] { write(number, record); });
    };
  }
  if (lanes_.size() > 1) {
    parts.verdicts = [this, number](const std::string& pool, const std::string& server,
                                    const std::string& method) {
      tell_others(number, [pool, server, method](gateway_lane& other) {
        other.router->hear(pool, server, method);
      });
    };
  }
  return parts;
}

void gateway_lanes::write(unsigned lane, core::record record) {
  if (lanes_.size() > 1) {
    if (told_.repeated(std::chrono::steady_clock::now(), lane, record)) return;
    record.evidence.emplace_back("lane", std::to_string(lane));
  }
  events_.write(record);
}

void gateway_lanes::run() {
  for (const auto& lane : lanes_) {
    lane->thread = std::thread([&context = lane->context] { context.run(); });
  }
}

void gateway_lanes::stop() {
  for (const auto& lane : lanes_) lane->context.stop();
  for (const auto& lane : lanes_) {
    if (lane->thread.joinable()) lane->thread.join();
  }
}

void gateway_lanes::settle() {
  for (const auto& lane : lanes_) {
    if (lane->router) lane->router->stop();
  }
  for (int round = 0; round < settle_rounds_max; ++round) {
    std::size_t ran = 0;
    for (const auto& lane : lanes_) {
      lane->context.restart();
      ran += lane->context.poll();
    }
    if (ran == 0) return;
  }
}

asio::any_io_executor gateway_lanes::home() const {
  return lanes_.front()->context.get_executor();
}

std::size_t gateway_lanes::running() const {
  std::size_t all = 0;
  for (const auto& lane : lanes_) all += lane->router->running();
  return all;
}

template <typename Say>
void gateway_lanes::tell_others(std::size_t from, const Say& say) {
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (i == from) continue;
    asio::post(lanes_[i]->context, [&lane = *lanes_[i], say] { say(lane); });
  }
}

template <typename Ask>
asio::awaitable<std::vector<std::invoke_result_t<Ask&, gateway_lane&>>> gateway_lanes::ask_all(
    Ask ask) {
  using answer_type = std::invoke_result_t<Ask&, gateway_lane&>;
  const auto all = std::make_shared<gathered<answer_type>>(home(), lanes_.size());
  const auto put = [all](std::size_t place, answer_type answer) {
    all->answers[place] = std::move(answer);
    if (--all->missing == 0) all->complete.cancel();
  };
  for (std::size_t i = 1; i < lanes_.size(); ++i) {
    asio::post(lanes_[i]->context, [ask, put, i, &lane = *lanes_[i], back = home()] {
      asio::post(back, [put, i, answer = ask(lane)]() mutable { put(i, std::move(answer)); });
    });
  }
  put(0, ask(*lanes_.front()));
  while (all->missing > 0) {
    co_await all->complete.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  co_return std::move(all->answers);
}

template <typename Change>
asio::awaitable<router::refusal> gateway_lanes::change_all(Change change) {
  const std::vector<router::refusal> answers = co_await ask_all(std::move(change));
  const auto refused =
      std::ranges::find_if(answers, [](const router::refusal& one) { return one.has_value(); });
  co_return refused == answers.end() ? std::nullopt : *refused;
}

asio::awaitable<void> gateway_lanes::configure(std::shared_ptr<const gateway_config> config) {
  const auto rules = std::make_shared<const call_rules>(*config);
  auto change = [config = std::move(config), rules](gateway_lane& lane) {
    lane.router->configure(*config);
    if (lane.gate) lane.gate->configure(rules);
    return std::monostate();
  };
  co_await ask_all(std::move(change));
}

asio::awaitable<std::vector<pool_status>> gateway_lanes::status() {
  auto ask = [](gateway_lane& lane) { return lane.router->status(); };
  auto all = co_await ask_all(std::move(ask));
  co_return add_up(std::move(all));
}

asio::awaitable<call_counts> gateway_lanes::counts() {
  auto ask = [](gateway_lane& lane) { return lane.counts; };
  const std::vector<call_counts> all = co_await ask_all(std::move(ask));
  call_counts sum;
  for (const call_counts& one : all) sum.add(one);
  co_return sum;
}

asio::awaitable<router::refusal> gateway_lanes::drain(std::string pool, std::string address) {
  auto change = [pool = std::move(pool), address = std::move(address)](gateway_lane& lane) {
    return lane.router->drain(pool, address);
  };
  co_return co_await change_all(std::move(change));
}

asio::awaitable<router::refusal> gateway_lanes::resume(std::string pool, std::string address) {
  auto change = [pool = std::move(pool), address = std::move(address)](gateway_lane& lane) {
    return lane.router->resume(pool, address);
  };
  co_return co_await change_all(std::move(change));
}

asio::awaitable<router::refusal> gateway_lanes::put_server(std::string pool,
                                                           core::server_options server,
                                                           std::chrono::milliseconds ttl) {
  // One time for all: a registration ends when home says so.
  auto change = [now = std::chrono::steady_clock::now(), pool = std::move(pool),
                 server = std::move(server), ttl](gateway_lane& lane) {
    return lane.router->put_server(now, pool, server, ttl);
  };
  co_return co_await change_all(std::move(change));
}

asio::awaitable<router::refusal> gateway_lanes::remove_server(std::string pool,
                                                              std::string address) {
  auto change = [pool = std::move(pool), address = std::move(address)](gateway_lane& lane) {
    return lane.router->remove_server(pool, address);
  };
  co_return co_await change_all(std::move(change));
}

}  // namespace understudy::app
