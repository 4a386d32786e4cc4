// For functions that mostly have to wait, where they need not.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <utility>

namespace understudy::app {

/// An awaitable that has its value.
template <typename Value>
[[nodiscard]] boost::asio::awaitable<Value> already(Value value) {
  co_return std::move(value);
}

}  // namespace understudy::app
