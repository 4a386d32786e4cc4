#include "app/drill/drill_stored.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <set>
#include <stdexcept>
#include <utility>

#include "app/commands/cli_admin.hpp"

namespace understudy::app {

namespace {

constexpr std::chrono::milliseconds call_timeout{5000};  // as long as PHP's client waits

}  // namespace

void refusal_counts::note(const rpc_error& error) {
  if (error.code() != code::overloaded) return;
  ++all;
  if (error.data().find("retry_after_ms") == std::string::npos) ++hintless;
}

std::string order_ref(std::uint64_t number) {
  return fmt::format("drill-{}", number);
}

std::string order_of(std::uint64_t number) {
  return fmt::format(R"({{"ref":"{}","item":"understudy","quantity":1,"cents":1250}})",
                     order_ref(number));
}

client_options stored_client_options(const std::string& gateway) {
  client_options options;
  options.servers = {gateway};
  options.timeout = call_timeout;
  return options;
}

stored_load::stored_load(stored_load_options options)
    : options_(std::move(options)),
      client_(stored_client_options(options_.address)),
      next_(options_.first) {
  if (options_.same_key > 1) {
    threads_.emplace_back([this](std::stop_token stop) { call_together(std::move(stop)); });
    return;
  }
  for (unsigned i = 0; i < options_.callers; ++i) {
    threads_.emplace_back([this](std::stop_token stop) { call_on(std::move(stop)); });
  }
}

stored_load::~stored_load() {
  finish();
}

void stored_load::finish() {
  for (auto& thread : threads_) thread.request_stop();
  threads_.clear();
}

void stored_load::call_on(std::stop_token stop) {
  while (!stop.stop_requested()) {
    drill_call call;
    call.call.number = next_++;
    (void)place(call);
    keep(call);
  }
}

// Each call is made by many callers at once: one effect, and one answer for all.
void stored_load::call_together(std::stop_token stop) {
  while (!stop.stop_requested()) {
    const std::uint64_t number = next_++;
    std::vector<drill_call> calls(options_.same_key);
    std::vector<std::string> answers(options_.same_key);
    {
      std::vector<std::jthread> callers;
      for (unsigned i = 0; i < options_.same_key; ++i) {
        calls[i].call.number = number;
        callers.emplace_back([this, &calls, &answers, i] { answers[i] = place(calls[i]); });
      }
    }
    if (std::set<std::string>(answers.begin(), answers.end()).size() != 1) ++contradictions_;
    for (const drill_call& call : calls) keep(call);
  }
}

void stored_load::keep(const drill_call& call) {
  ++answered_;
  const std::lock_guard lock(mutex_);
  calls_.push_back(call);
}

// The answer; the same call again while there is none.
std::string stored_load::place(drill_call& call) {
  call.write = true;
  call.call.start = load_clock::now();
  const std::string params = "[" + order_of(call.call.number) + "]";
  call_options options;
  options.stored.emplace().key = order_ref(call.call.number);
  options.stored->priority = options_.priority;
  const auto give_up_at = call.call.start + options_.patience;
  for (;;) {
    try {
      std::string answer = client_.call_json("OrderInterface@place", params, {}, options).result;
      call.call.end = load_clock::now();
      return answer;
    } catch (const rpc_error& error) {
      refused_.note(error);
      ++errors_;
      call.call.end = load_clock::now();
      call.call.error = true;
      call.call.code = error.code();
      // An error that the service gave, or that the call ended with, is an answer.
      const bool over = error.code() == code::call_ended || error.code() == code::key_conflict ||
                        error.code() == code::invalid_params;
      if (over || call.call.end >= give_up_at) return fmt::format("error {}", error.code());
    }
    call.call.error = false;
    call.call.code = 0;
    std::this_thread::sleep_for(pause_between_repeats);
  }
}

std::string store_killer(const std::string& gateway) {
  client caller(stored_client_options(gateway));
  call_options options;
  options.context = R"({"killer":true})";
  options.stored.emplace().as = stored_call::mode::queued;
  options.stored->key = "killer";
  try {
    (void)caller.call_json("OrderInterface@get", "[1]", {}, options);
  } catch (const rpc_error& error) {
    const auto data = boost::json::parse(error.data());
    if (error.code() == code::accepted) return text_of(data, "ticket");
    throw std::runtime_error(std::string("The killer could not be stored: ") + error.what());
  }
  throw std::runtime_error("The killer was answered at once.");
}

}  // namespace understudy::app
