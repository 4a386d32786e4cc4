#include "core/refusals.hpp"

namespace understudy::core {
namespace {

constexpr duration quiet = std::chrono::seconds{1};

struct wording {
  const char* kind;
  const char* rule;
  const char* effect;
};

constexpr const char* never_sent = "the caller got an error; nothing was sent";
constexpr const char* may_have_run = "the caller was told that it may have run";

wording wording_of(refusal why) {
  switch (why) {
    case refusal::no_server:
      return {"call_refused", "no server could take it", never_sent};
    case refusal::parked_full:
      return {"call_refused", "parked_max calls wait already", never_sent};
    case refusal::deadline:
      return {"call_refused", "its deadline passed before it was sent", never_sent};
    case refusal::not_idempotent:
      return {"call_not_repeated", "the method is not declared idempotent", may_have_run};
    case refusal::killer:
      return {"killer_call", "it has cost lost_max connections: the call is to blame",
              may_have_run};
    case refusal::attempts:
      return {"call_not_repeated", "attempts_max was reached", may_have_run};
    case refusal::budget:
      return {"call_not_repeated", "the retry budget of the pool is spent", may_have_run};
    case refusal::alone:
      return {"call_not_repeated", "no other server could take it", may_have_run};
    case refusal::crowded:
      return {"call_refused", "no connection to a server could be spared",
              "the caller got an error; it was not sent where this happened"};
    case refusal::overloaded:
      return {"call_refused", "its servers have as many calls as they can take",
              "the caller got an error; it was not sent where this happened"};
  }
  return {"", "", ""};
}

}  // namespace

void refusals::note(refusal why, std::string_view method) {
  count& c = counts_[static_cast<std::size_t>(why)];
  if (c.calls++ == 0) ++untold_;
  c.method = method;
}

void refusals::collect(time_point now, std::vector<record>& out) {
  if (untold_ == 0) return;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    count& c = counts_[i];
    if (c.calls == 0 || now < c.quiet_until) continue;
    const wording words = wording_of(static_cast<refusal>(i));
    out.push_back({words.kind,
                   subject_,
                   {{"calls", std::to_string(c.calls)}, {"method", c.method}},
                   words.rule,
                   words.effect});
    c.calls = 0;
    --untold_;
    c.quiet_until = now + quiet;
  }
}

std::optional<time_point> refusals::next_deadline() const {
  std::optional<time_point> earliest;
  if (untold_ == 0) return earliest;
  for (const count& c : counts_) {
    if (c.calls > 0 && (!earliest || c.quiet_until < *earliest)) earliest = c.quiet_until;
  }
  return earliest;
}

}  // namespace understudy::core
