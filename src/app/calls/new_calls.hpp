// Calls that are handed in to be stored: from a request, or as an object that describes one.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <variant>

#include "app/calls/call_rules.hpp"
#include "store/call_store.hpp"

namespace understudy::app {

/// A call as it goes to the store, and how long its caller waits.
struct new_order {
  store::new_call call;
  std::chrono::milliseconds wait{};
  bool waits = false;  ///< its caller asked for it
};

/// `only`: the pool of the pool's own address that it came to; else empty.
[[nodiscard]] store::new_call stored_form(const wire::request& request, stored_wishes wished,
                                          std::string_view only);

/// {"method", "params", "context", and the members of context.understudy}: the form of POST /calls
/// and of CallsInterface. What it leaves out its rule says; `queued` where there is none.
/// -32602 with a sentence for anything else.
[[nodiscard]] std::variant<new_order, wish_refused> read_new_call(std::string_view object,
                                                                  const call_rules& rules,
                                                                  core::wall_time now);

}  // namespace understudy::app
