// What tests of coordinators share: topologies, an event loop that is run on demand.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "coord/coordinator.hpp"
#include "support/test_server.hpp"

namespace understudy::coord {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

/// As written by `by`: three nodes, stable.
[[nodiscard]] core::topology topology_of(std::uint64_t gen, std::uint32_t epoch = 1,
                                         std::uint64_t by = 0xa1);

[[nodiscard]] inline core::time_point in(core::duration time) {
  return std::chrono::steady_clock::now() + time;
}

/// A folder that goes with it.
class temp_folder {
 public:
  temp_folder();
  ~temp_folder();
  temp_folder(const temp_folder&) = delete;
  temp_folder& operator=(const temp_folder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// One supervisor's thread: it stands still, as if paused, but in run() and until().
class loop {
 public:
  [[nodiscard]] boost::asio::any_io_executor executor() { return io_.get_executor(); }

  template <class T>
  T run(boost::asio::awaitable<T> what) {
    std::optional<T> result;
    boost::asio::co_spawn(io_, std::move(what),
                          [&result](const std::exception_ptr& failure, T value) {
                            if (failure) std::rethrow_exception(failure);
                            result.emplace(std::move(value));
                          });
    until([&result] { return result.has_value(); });
    return std::move(*result);
  }
  void run(boost::asio::awaitable<void> what);
  /// Fails the test by an exception where it does not come about.
  void until(const std::function<bool()>& done);
  void for_a_while(core::duration time);

 private:
  boost::asio::io_context io_{1};
};

}  // namespace understudy::coord
