#include "core/lab.hpp"

#include <iterator>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace understudy::core {
namespace {

outcome outcome_of(std::string_view word) {
  if (word == "good") return outcome::answered;
  for (const outcome how : {outcome::answered, outcome::faulted, outcome::pushed_back,
                            outcome::refused, outcome::unreached, outcome::stale, outcome::lost,
                            outcome::unreadable, outcome::timed_out, outcome::abandoned}) {
    if (to_string(how) == word) return how;
  }
  throw std::logic_error("no such word: " + std::string(word));
}

}  // namespace

lab::lab(std::string_view names, pool_options options, std::uint64_t seed)
    : servers(std::move(options), seed) {
  std::istringstream in{std::string(names)};
  for (std::string word; in >> word;) add(word[0], static_cast<unsigned>(word[1] - '0'));
}

void lab::add(char name, unsigned priority, double weight, std::string zone) {
  ids_[name] = servers.add(now, {.address = std::string(1, name),
                                 .priority = priority,
                                 .weight = weight,
                                 .zone = std::move(zone)});
  settle();
}

void lab::update(char name, unsigned priority, double weight, std::string zone) {
  servers.update(now, id(name),
                 {.address = std::string(1, name),
                  .priority = priority,
                  .weight = weight,
                  .zone = std::move(zone)});
  settle();
}

void lab::pass(duration d) {
  const time_point until = now + d;
  for (auto next = servers.next_deadline(); next && *next <= until;
       next = servers.next_deadline()) {
    now = std::max(now, *next);
    settle();
  }
  now = until;
  settle();
}

void lab::attempt(char name, outcome how, duration took, std::string_view with, bool badly) {
  const attempt_id one = servers.begin(now - took, id(name), servers.know(with), with != "T@once");
  servers.end(now, one, how, badly);
  settle();
}

attempt_id lab::begin(char name, std::string_view with) {
  const attempt_id one = servers.begin(now, id(name), servers.know(with), with != "T@once");
  settle();
  return one;
}

void lab::end(attempt_id which, outcome how) {
  servers.end(now, which, how);
  settle();
}

void lab::probe(char name, outcome how) {
  for (int i = 0; !probing(name); ++i) {
    if (i > 100) throw std::logic_error(std::string("no probe comes to ") + name);
    pass(std::chrono::milliseconds{100});
  }
  const time_point begun = probes_.at(id(name));
  probes_.erase(id(name));
  servers.probe_ended(now, id(name), how, now - begun);
  settle();
}

void lab::idle_lost(char name) {
  servers.idle_connection_lost(now, id(name));
  settle();
}

void lab::drain(char name) {
  servers.drain(now, id(name));
  settle();
}

void lab::resume(char name) {
  servers.resume(now, id(name));
  settle();
}

void lab::remove(char name) {
  servers.remove(now, id(name));
  settle();
}

void lab::heard(char name) {
  servers.heard(now, id(name));
  settle();
}

void lab::heard_away(char name, std::string_view method) {
  servers.heard_away(now, id(name), method);
  settle();
}

void lab::settle() {
  pool_actions actions = servers.take_actions(now);
  for (record& r : actions.records) records.push_back(std::move(r));
  for (const server_id s : actions.probe) {
    if (!probes_.emplace(s, now).second) throw std::logic_error("two probes at once");
  }
  woken_ = woken_ || actions.wake_parked;
  std::move(actions.verdicts.begin(), actions.verdicts.end(), std::back_inserter(verdicts_));
  turns_.insert(turns_.end(), actions.turns.begin(), actions.turns.end());
}

char lab::name(server_id wanted) const {
  for (const auto& [letter, known] : ids_) {
    if (known == wanted) return letter;
  }
  return '?';
}

char lab::pick(std::string_view tried, std::optional<std::uint64_t> key) {
  std::vector<server_id> ids;
  for (const char letter : tried) ids.push_back(id(letter));
  const pool::choice got = servers.pick(now, ids, servers.know("T@m"), key);
  return got.server ? name(*got.server) : got.full ? '+' : '-';
}

int lab::percent(char wanted, int picks) {
  int hits = 0;
  for (int i = 0; i < picks; ++i) hits += pick() == wanted;
  return (100 * hits + picks / 2) / picks;
}

std::string lab::states() const {
  std::string text;
  for (const server_status& s : servers.status(now)) {
    if (!text.empty()) text += ", ";
    text += s.options.address + " " + std::string(to_string(s.state));
  }
  return text;
}

std::string lab::told() {
  std::string text;
  for (; told_ < records.size(); ++told_) {
    if (!text.empty()) text += ", ";
    const record& r = records[told_];
    text += r.kind;
    if (const auto at = r.subject.find("server "); at != std::string::npos) {
      text += " " + r.subject.substr(at + 7);
    }
  }
  return text;
}

bool lab::woken() {
  return std::exchange(woken_, false);
}

std::string lab::verdicts() {
  std::string text;
  for (const verdict& v : std::exchange(verdicts_, {})) {
    if (!text.empty()) text += ", ";
    text += name(v.server);
    if (!v.method.empty()) text += " " + v.method;
  }
  return text;
}

std::vector<pending_id> lab::turns() {
  return std::exchange(turns_, {});
}

server_status lab::status(char wanted) const {
  for (const server_status& s : servers.status(now)) {
    if (s.id == id(wanted)) return s;
  }
  throw std::logic_error("no such server");
}

std::string lab::play(bool idempotent, std::string_view words, duration deadline) {
  deadline_ = now + deadline;
  call_ = std::make_unique<call>(
      servers, call_options{.method = "T@m", .idempotent = idempotent, .deadline = deadline_});
  std::string steps = say(call_->begin(now));
  settle();
  const std::string more = play_on(words);
  return more.empty() ? steps : steps + " " + more;
}

std::string lab::play_on(std::string_view words) {
  std::string steps;
  const auto add_step = [&steps](const std::string& step) {
    if (!steps.empty()) steps += " ";
    steps += step;
  };
  std::istringstream in{std::string(words)};
  for (std::string word; in >> word;) {
    if (word == "late") {
      now = std::max(now, deadline_);
    } else if (word == "wake") {
      add_step(say(call_->woken(now)));
    } else if (word == "look") {
      now = std::max(now, call_->look_at().value_or(now));
      add_step(say(call_->look(now)));
    } else if (word.starts_with("@")) {
      at_ = id(word[1]);
    } else if (word == "stop") {
      add_step(say(call_->stopped()));
    } else if (const auto colon = word.find(':'); colon != std::string::npos) {
      probe(word[colon + 1], outcome_of(word.substr(0, colon)));
    } else if (word == "crowded") {
      add_step(say(call_->crowded(now, at_)));
    } else if (word == "answered") {
      call_->finish(now, at_, outcome::answered);
      add_step("ok");
    } else {
      add_step(say(call_->failed(now, at_, outcome_of(word))));
    }
    settle();
  }
  return steps;
}

std::string lab::word_for(const call_step& step) const {
  if (const auto* next = std::get_if<core::attempt>(&step)) return {name(next->server)};
  if (std::holds_alternative<core::wait>(step)) return "wait";
  if (const auto* waits = std::get_if<park>(&step)) return waits->turn ? "queue" : "park";
  if (std::holds_alternative<deliver>(step)) return "deliver";
  const give_up& end = std::get<give_up>(step);
  return std::to_string(end.code) + (end.sent == delivery::unknown ? "?" : "!");
}

std::string lab::say(const call_step& step) {
  if (const auto* next = std::get_if<core::attempt>(&step)) at_ = next->server;
  if (const auto* end = std::get_if<give_up>(&step)) answer_ = *end;
  return word_for(step);
}

}  // namespace understudy::core
