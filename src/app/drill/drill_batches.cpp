#include "app/drill/drill_batches.hpp"

#include <algorithm>
#include <utility>

#include "app/drill/drill_ground.hpp"
#include "app/drill/drill_stored.hpp"

namespace understudy::app {

batch_load::batch_load(batch_load_options options)
    : options_(std::move(options)),
      client_(stored_client_options(options_.address)),
      next_(options_.first) {
  for (unsigned i = 0; i < options_.callers; ++i) {
    threads_.emplace_back([this](std::stop_token stop) { store_on(std::move(stop)); });
  }
}

batch_load::~batch_load() {
  finish();
}

void batch_load::finish() {
  for (auto& thread : threads_) thread.request_stop();
  threads_.clear();
}

void batch_load::wait() {
  const std::uint64_t all = options_.calls;
  while (stored_ < all && failed_ == 0) drill_pause(std::chrono::milliseconds(10));
  finish();
}

void batch_load::store_on(std::stop_token stop) {
  const std::uint64_t end = options_.first + options_.calls;
  while (!stop.stop_requested()) {
    const std::uint64_t first = next_.fetch_add(options_.batch);
    if (first >= end) return;
    store(first, std::min<std::uint64_t>(options_.batch, end - first));
  }
}

void batch_load::store(std::uint64_t first, std::uint64_t count) {
  std::string params = "[[";
  for (std::uint64_t number = first; number < first + count; ++number) {
    if (number > first) params += ',';
    params.append("[\"OrderInterface@place\",[").append(order_of(number));
    params.append("],{\"key\":\"").append(order_ref(number)).append("\"}]");
  }
  params += "]]";
  drill_call call;
  call.write = true;
  call.call.start = load_clock::now();
  const auto give_up_at = call.call.start + options_.patience;
  for (;;) {
    try {
      (void)client_.call_json("CallsInterface@enqueueMany", params);
      stored_ += count;
      break;
    } catch (const rpc_error& error) {
      refused_.note(error);
      call.call.error = true;
      call.call.code = error.code();
    }
    if (load_clock::now() >= give_up_at) {
      ++failed_;
      break;
    }
    call.call.error = false;
    call.call.code = 0;
    std::this_thread::sleep_for(pause_between_repeats);
  }
  call.call.end = load_clock::now();
  const std::lock_guard lock(mutex_);
  for (std::uint64_t number = first; number < first + count; ++number) {
    call.call.number = number;
    calls_.push_back(call);
  }
}

}  // namespace understudy::app
