// The call store that the configuration asks for.
#pragma once

#include <memory>

#include "app/common/event_log.hpp"
#include "app/config/config.hpp"
#include "store/call_store.hpp"

namespace understudy::app {

/// What it finds out by itself goes to `sink` and `events`, which outlive it.
/// std::runtime_error with a sentence where it can not be opened.
[[nodiscard]] std::shared_ptr<store::call_store> open_store(const gateway_config& config,
                                                            store::call_sink& sink,
                                                            event_log& events);

}  // namespace understudy::app
