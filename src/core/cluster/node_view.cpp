#include "core/cluster/node_view.hpp"

#include <algorithm>

namespace understudy::core {

using namespace std::chrono_literals;

namespace {

constexpr duration rest_least = 100ms;
constexpr duration rest_most = 10s;
constexpr duration heard_for = 1s;

}  // namespace

void node_view::saw(time_point now, const sight& what) {
  if (!present_) since_ = now;
  const bool moved = !seen_ || seen_->beats != what.beats || seen_->start != what.start;
  if (moved || !present_) moved_at_ = now;
  if (!seen_ || seen_->written != what.written) wrote_at_ = now;
  present_ = true;
  seen_at_ = now;
  seen_ = what;
}

void node_view::missed(time_point /*now*/, absence how) {
  // Nothing is known of it since the last look, but for the time in which nobody looked.
  if (present_) since_ = std::max(seen_at_, awake_at_);
  present_ = false;
  how_absent_ = how;
}

void node_view::heard(time_point now, process what) {
  process_ = what;
  heard_at_ = now;
}

process node_view::by_agent(time_point now) const {
  return now - heard_at_ <= heard_for ? process_ : process::unknown;
}

void node_view::told(time_point /*now*/, const step& what) {
  told_ = what;
}

void node_view::ended(time_point now, step_end how) {
  if (!told_) return;
  const std::size_t kind = told_->index();
  const bool killed = std::holds_alternative<kill_server>(*told_);
  told_.reset();
  if (killed && how == step_end::done) missed(now, absence::refused);
  if (how == step_end::done) {
    if (kind == last_kind_) failures_ = in_vain_ = 0;
    rests_until_ = now;
    return;
  }
  failures_ = kind == last_kind_ ? failures_ + 1 : 1;
  last_kind_ = kind;
  // A repair and a copy that fail in turn are tried ever more seldom, too.
  ++in_vain_;
  const auto doubled = rest_least * (1U << std::min(in_vain_ - 1, 7U));
  rests_until_ = now + std::min<duration>(doubled, rest_most);
  // What was sent without an answer may be done later, until the fence is taken again.
  if (how == step_end::unknown && seen_) seen_->mine = false;
}

void node_view::forgive() {
  failures_ = in_vain_ = 0;
  rests_until_ = time_point{};
}

void node_view::slept(time_point now) {
  if (!present_) since_ = now;
  moved_at_ = now;
  awake_at_ = now;
}

duration node_view::absent_for(time_point now) const {
  return present_ ? duration(0) : now - since_;
}

duration node_view::present_for(time_point now) const {
  return present_ ? now - since_ : duration(0);
}

}  // namespace understudy::core
