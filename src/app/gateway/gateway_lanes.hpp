// The lanes of a gateway: threads that each carry calls by themselves, and what goes between them.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "app/admin/administration.hpp"
#include "app/calls/call_gate.hpp"
#include "app/common/event_log.hpp"
#include "app/gateway/call_counts.hpp"
#include "app/gateway/lane_records.hpp"
#include "app/gateway/pool_router.hpp"

namespace understudy::app {

/// A thread with all that serves the calls of the connections it was given: event loop, pools with
/// connections and decisions of their own, counts. No other thread touches it but by messages.
struct gateway_lane {
  boost::asio::io_context context{1};
  call_counts counts;
  std::shared_ptr<pool_router> router;
  std::shared_ptr<call_gate> gate;  ///< where calls can be stored; else null
  /// Where the lane's callers go.
  [[nodiscard]] std::shared_ptr<app::router> front() const;
  std::thread thread;
};

/// Nothing on the path of a call is shared. What is said once and meant for all (a change of
/// servers or of the configuration) goes out from the first lane, home, as a message to each:
/// messages arrive in the order they were sent, so all lanes see the same history. What one lane
/// finds out about a server the others are told, and see for themselves. Records of all lanes are
/// written at home.
///
/// The functions of administration, and configure(), run at home; running() anywhere; the rest on
/// the owner's thread while no lane runs.
class gateway_lanes final : public administration {
 public:
  gateway_lanes(unsigned count, event_log& events);
  /// Stops. What refers to a lane's context is gone before.
  ~gateway_lanes() override;
  gateway_lanes(const gateway_lanes&) = delete;
  gateway_lanes& operator=(const gateway_lanes&) = delete;

  /// Makes the routers, which begin to probe with run().
  void make_routers(const gateway_config& config);
  /// Puts `desk` in front of them.
  void make_gates(const std::shared_ptr<call_desk>& desk, std::shared_ptr<const call_rules> rules);
  void run();
  /// Ends the threads; what they were at remains.
  void stop();
  /// After stop(), when listeners are closed: lets what they ended come to its end, while
  /// everything that it refers to is here.
  void settle();

  [[nodiscard]] const std::vector<std::unique_ptr<gateway_lane>>& all() const { return lanes_; }
  [[nodiscard]] boost::asio::any_io_executor home() const;
  /// Calls that are being carried now.
  [[nodiscard]] std::size_t running() const;

  boost::asio::awaitable<void> configure(std::shared_ptr<const gateway_config> config);

  boost::asio::awaitable<std::vector<pool_status>> status() override;
  boost::asio::awaitable<call_counts> counts() override;
  boost::asio::awaitable<router::refusal> drain(std::string pool, std::string address) override;
  boost::asio::awaitable<router::refusal> resume(std::string pool, std::string address) override;
  boost::asio::awaitable<router::refusal> put_server(std::string pool, core::server_options server,
                                                     std::chrono::milliseconds ttl) override;
  boost::asio::awaitable<router::refusal> remove_server(std::string pool,
                                                        std::string address) override;

 private:
  // Each lane's answer, given on its own thread.
  template <typename Ask>
  boost::asio::awaitable<std::vector<std::invoke_result_t<Ask&, gateway_lane&>>> ask_all(Ask ask);
  template <typename Change>
  boost::asio::awaitable<router::refusal> change_all(Change change);
  // Says it to all lanes but `from`.
  template <typename Say>
  void tell_others(std::size_t from, const Say& say);
  [[nodiscard]] pool_router_parts parts_of(unsigned number);
  void write(unsigned lane, core::record record);

  event_log& events_;
  lane_records told_;  ///< home's
  std::vector<std::unique_ptr<gateway_lane>> lanes_;
};

}  // namespace understudy::app
