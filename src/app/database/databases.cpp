#include "app/database/databases.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <random>
#include <stdexcept>
#include <utility>

namespace understudy::app {

namespace asio = boost::asio;

namespace {

core::supervisor_id new_supervisor() {
  std::random_device random;
  return core::supervisor_id{(std::uint64_t{random()} << 32 | random()) | 1};
}

// Runs on an executor and comes back with its value. The function outlives it.
template <typename Do>
asio::awaitable<std::invoke_result_t<Do&>> there(Do does) {
  co_return does();
}

template <typename Do>
asio::awaitable<std::invoke_result_t<Do&>> on(asio::any_io_executor executor, Do does) {
  auto work = there(std::move(does));
  co_return co_await asio::co_spawn(executor, std::move(work), asio::use_awaitable);
}

// The same for a thread that is none of an executor's.
template <typename Do>
std::invoke_result_t<Do&> on_and_wait(const asio::any_io_executor& executor, Do does) {
  return asio::co_spawn(executor, there(std::move(does)), asio::use_future).get();
}

}  // namespace

void databases::lane::stop() {
  work.reset();
  context.stop();
  if (thread.joinable()) thread.join();
}

databases::databases(std::vector<database_config> configs, coordination_config coordination,
                     event_log& events)
    : events_(events), coordination_(std::move(coordination)), me_(new_supervisor()) {
  for (const database_config& each : configs) all_.push_back(make(each));
}

databases::~databases() {
  stop();
}

std::unique_ptr<database> databases::make(const database_config& config) {
  database::parts parts{supervising_.context.get_executor(), carrying_.context.get_executor(),
                        events_, coordination_, me_};
  return std::make_unique<database>(std::move(parts), config);
}

void databases::start() {
  for (const auto& each : all_) each->start();
  carrying_.run();
  supervising_.run();
}

void databases::stop() {
  if (!supervising_.thread.joinable()) {
    all_.clear();
    return;
  }
  on_and_wait(supervising_.context.get_executor(), [this] {
    all_.clear();
    return 0;
  });
  // After what the databases have posted there.
  on_and_wait(carrying_.context.get_executor(), [] { return 0; });
  supervising_.stop();
  carrying_.stop();
}

std::vector<std::string> databases::configure(const std::vector<database_config>& configs) {
  return on_and_wait(supervising_.context.get_executor(),
                     [this, &configs] { return take_over(configs); });
}

std::vector<std::string> databases::take_over(const std::vector<database_config>& configs) {
  std::vector<std::string> problems;
  std::vector<std::unique_ptr<database>> next;
  for (const database_config& each : configs) {
    const auto before = std::ranges::find_if(
        all_, [&](const auto& one) { return one && one->config().name == each.name; });
    database_config config = each;
    if (before != all_.end()) {
      config.line = (*before)->config().line;  // it may stand elsewhere
      if ((*before)->config() == config) {
        if (std::string why = (*before)->read_secret(); !why.empty()) {
          problems.push_back(std::move(why));
        }
        next.push_back(std::move(*before));
        continue;
      }
      before->reset();  // its addresses are needed
      on_and_wait(carrying_.context.get_executor(), [] { return 0; });
    }
    try {
      next.push_back(make(each));
      next.back()->start();
    } catch (const std::runtime_error& error) {
      problems.emplace_back(error.what());
    }
  }
  all_ = std::move(next);
  return problems;
}

database* databases::find(const std::string& name) {
  const auto found =
      std::ranges::find_if(all_, [&](const auto& one) { return one->config().name == name; });
  return found == all_.end() ? nullptr : found->get();
}

asio::awaitable<std::vector<database_status>> databases::status() {
  using doors_type = std::vector<std::shared_ptr<endpoints>>;
  const auto doors = std::make_shared<doors_type>();
  auto look = [this, doors] {
    std::vector<database_status> all;
    for (const auto& each : all_) {
      all.push_back(each->status());
      doors->push_back(each->doors());
    }
    return all;
  };
  auto all = co_await on(supervising_.context.get_executor(), std::move(look));
  auto count = [doors] {
    std::vector<std::vector<endpoint_status>> each;
    for (const auto& one : *doors) each.push_back(one->status());
    return each;
  };
  auto ends = co_await on(carrying_.context.get_executor(), std::move(count));
  for (std::size_t i = 0; i < all.size(); ++i) all[i].endpoints = std::move(ends[i]);
  co_return all;
}

asio::awaitable<std::optional<std::string>> databases::with(std::string name, question what) {
  auto tell = [this, name = std::move(name),
               what = std::move(what)]() -> std::optional<std::string> {
    database* const one = find(name);
    if (one == nullptr) return std::nullopt;
    return what(*one);
  };
  co_return co_await on(supervising_.context.get_executor(), std::move(tell));
}

asio::awaitable<std::optional<std::string>> databases::ask(std::string name, order_maker order) {
  question what = [order = std::move(order)](database& one) { return one.ask(order(one)); };
  co_return co_await with(std::move(name), std::move(what));
}

std::string databases::address(const std::string& name, const std::string& endpoint) {
  const auto look = [&] {
    const database* const one = find(name);
    return one == nullptr ? std::string() : one->doors()->address(endpoint);
  };
  if (!supervising_.thread.joinable()) return look();
  return on_and_wait(supervising_.context.get_executor(), look);
}

}  // namespace understudy::app
