#include "net/trunk_call.hpp"

#include <utility>

#include "understudy/detail/check.hpp"
#include "wire/answer.hpp"

namespace understudy::net {
namespace {

using clock = std::chrono::steady_clock;

}  // namespace

trunk_call::trunk_call(std::shared_ptr<trunk> on, wire::call_number number)
    : carrier(on->socket_.get_executor()), trunk_(std::move(on)), number_(number) {}

trunk_call::~trunk_call() {
  give_up(core::outcome::abandoned);
}

void trunk_call::start(const outgoing& what, core::time_point deadline) {
  UNDERSTUDY_CHECK(what.files.empty());
  deadline_ = deadline;
  started_ = clock::now();
  if (!ended_) trunk_->send(*this, what.body);
}

bool trunk_call::ended(core::time_point now) {
  if (!ended_ && now >= deadline_) {
    // Nothing came for all that time: this connection may be dead without a word, though a fresh
    // one works. No further call is to wait on it in vain.
    if (trunk_->heard_at_ < started_) trunk_->retire();
    give_up(core::outcome::timed_out);
  }
  return ended_;
}

exchange trunk_call::take() {
  return std::move(result_);
}

void trunk_call::close() {
  give_up(core::outcome::lost);
}

void trunk_call::give_up(core::outcome how) {
  if (ended_) return;
  end(trunk_->leave(*this) ? how : core::outcome::stale);
}

void trunk_call::answered(std::string_view body, std::vector<std::string> files) {
  const auto answer = wire::is_poison(body) ? std::nullopt : wire::parse_answer(body);
  if (!answer) return end(core::outcome::unreadable);
  if (answer->is_error()) result_.error_code = answer->code;
  result_.body.assign(body);
  result_.payload = wire::place_in(body, *answer);
  result_.files = std::move(files);
  end(core::outcome::answered);
}

void trunk_call::end(core::outcome how) {
  ended_ = true;
  result_.how = how;
  ring();
}

}  // namespace understudy::net
