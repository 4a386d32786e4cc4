#include "agent/keeper.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include "wire/utf8.hpp"

namespace understudy::agent {
namespace {

/// What programs wrote may be anything.
constexpr std::size_t sentence_bytes_max = 8000;
std::string said_well(const std::string& text) {
  return wire::utf8_excerpt(text, sentence_bytes_max);
}

constexpr std::size_t jobs_max = 32;
/// Each keeps one of the service's threads.
constexpr unsigned waiting_max = 24;

db::agent_options with_progress(db::agent_options options,
                                std::function<void(const db::agent_progress&)> told) {
  const auto before = std::move(options.progress);
  options.progress = [before, told = std::move(told)](const db::agent_progress& now) {
    if (before) before(now);
    told(now);
  };
  return options;
}

}  // namespace

struct keeper::job {
  std::string id;
  core::step what;
  core::generation gen{};
  /// Gone once it has ended.
  std::unique_ptr<db::interrupt> stop = std::make_unique<db::interrupt>();
  bool ended = false;
  db::agent_report report{};
  progress_words progress{};
};

keeper::keeper(db::agent_options options, const std::string& server_version,
               const std::string& backup_version)
    : poked_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      work_(
          with_progress(std::move(options), [this](const db::agent_progress& now) { tell(now); })) {
  if (poked_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  seen_.server_version = said_well(server_version);
  seen_.backup_version = said_well(backup_version);
  refresh();
  eyes_ = std::jthread([this] { watch_process(); });
  hands_ = std::jthread([this] { do_steps(); });
}

keeper::~keeper() {
  stop();
  if (watched_ >= 0) ::close(watched_);
  ::close(poked_);
}

void keeper::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (now_) now_->stop->stop();
    changed_.notify_all();
    poke();
  }
  if (hands_.joinable()) hands_.join();
  if (eyes_.joinable()) eyes_.join();
}

void keeper::poke() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto done = ::write(poked_, &one, sizeof one);
}

void keeper::refresh() {
  auto& server = work_.server();
  seen_.process = to_string(server.state());
  seen_.told = core::number_of(work_.told());
  seen_.damaged = said_well(work_.damaged());
  if (seen_.pid != server.id() || (server.id() != 0 && watched_ < 0)) {
    if (watched_ >= 0) ::close(watched_);
    // Its own: the other is closed where the process is found to have ended.
    watched_ = server.id() == 0 ? -1 : ::fcntl(server.descriptor(), F_DUPFD_CLOEXEC, 0);
    seen_.pid = server.id();
    poke();
  }
  changed_.notify_all();
}

/// On the step's thread, within it.
void keeper::tell(const db::agent_progress& now) {
  const std::lock_guard lock(mutex_);
  if (now_) now_->progress = {std::string(now.phase), now.bytes, now.of};
  refresh();
}

void keeper::watch_process() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    std::array<pollfd, 2> fds{{{poked_, POLLIN, 0}, {watched_, POLLIN, 0}}};
    lock.unlock();
    ::poll(fds.data(), fds.size(), -1);
    lock.lock();
    std::uint64_t count = 0;
    if (fds[0].revents != 0) static_cast<void>(::read(poked_, &count, sizeof count));
    // It may have been closed meanwhile, and be another one.
    if ((fds[1].revents & POLLIN) == 0 || watched_ != fds[1].fd) continue;
    pollfd again{watched_, POLLIN, 0};
    if (::poll(&again, 1, 0) <= 0) continue;
    if (now_) {
      // The step's thread has the server. It says more when it comes to it.
      ::close(std::exchange(watched_, -1));
      seen_.process = to_string(core::process::down);
      seen_.pid = 0;
      changed_.notify_all();
    } else {
      refresh();
    }
  }
}

void keeper::do_steps() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || next_; });
    if (stopping_) break;
    now_ = std::exchange(next_, nullptr);
    const job_ptr mine = now_;
    lock.unlock();
    db::agent_report report;
    try {
      report = work_.carry_out(mine->what, mine->gen, mine->stop.get());
    } catch (const std::exception& e) {
      report = {core::step_end::failed, e.what(), {}};
    }
    lock.lock();
    end(*mine, std::move(report));
    now_ = nullptr;
    refresh();
  }
  if (next_) end(*next_, {core::step_end::failed, "the agent ends", {}});
  changed_.notify_all();
}

void keeper::end(job& what, db::agent_report report) {
  what.report = {report.end, said_well(report.why), said_well(report.kept)};
  what.ended = true;
  what.stop.reset();
}

template <typename Condition>
void keeper::wait(std::unique_lock<std::mutex>& lock, std::uint32_t wait_ms, Condition so) {
  if (wait_ms == 0 || waiting_ >= waiting_max) return;
  ++waiting_;
  changed_.wait_for(lock, std::chrono::milliseconds(std::min(wait_ms, wait_ms_max)),
                    [&] { return stopping_ || so(); });
  --waiting_;
}

look_said keeper::look(const look_words& said) {
  std::unique_lock lock(mutex_);
  wait(lock, said.wait_ms,
       [&] { return seen_.process != said.known || seen_.pid != said.known_pid; });
  look_said out = seen_;
  if (now_) {
    out.step = core::name_of(now_->what);
    out.work = now_->id;
    out.progress = now_->progress;
  }
  return out;
}

keeper::job_ptr keeper::find(const std::string& id) const {
  const auto found =
      std::find_if(jobs_.begin(), jobs_.end(), [&](const job_ptr& each) { return each->id == id; });
  return found == jobs_.end() ? nullptr : *found;
}

/// Why it can not begin now, nor interrupt what runs.
std::string keeper::objection(const job& to) const {
  if (stopping_) return "the agent ends";
  if (!now_ && !next_) return {};
  const bool kills = std::holds_alternative<core::kill_server>(to.what);
  const auto& other = next_ ? *next_ : *now_;
  if (kills && !next_ && !std::holds_alternative<core::kill_server>(now_->what)) return {};
  return "the agent is at another step (" + std::string(core::name_of(other.what)) +
         "): one runs at a time";
}

work_said keeper::begin(const begin_words& said) {
  std::unique_lock lock(mutex_);
  if (const auto known = find(said.id)) return wait_for(known, said.wait_ms, lock);
  const auto what = step_of(said);
  const auto made = std::make_shared<job>();
  made->id = said.id;
  made->gen = core::generation{said.gen};
  std::string why;
  core::step_end how = core::step_end::failed;
  if (!what) {
    why = "that is no step of an agent's: " + said.step;
  } else {
    made->what = *what;
    // What runs is not for one to interrupt whose word does not count any more.
    const bool old = said.gen < seen_.told || (now_ && made->gen < now_->gen) ||
                     (next_ && made->gen < next_->gen);
    if (old) how = core::step_end::refused;
    why = old ? "the agent was told a higher generation" : objection(*made);
  }
  jobs_.push_back(made);
  const auto over = [](const job_ptr& each) { return each->ended; };
  const auto first = std::find_if(jobs_.begin(), jobs_.end(), over);
  if (jobs_.size() > jobs_max && first != jobs_.end()) jobs_.erase(first);
  if (!why.empty()) {
    end(*made, {how, why, {}});
  } else {
    next_ = made;
    if (now_) now_->stop->stop();
    changed_.notify_all();
  }
  return wait_for(made, said.wait_ms, lock);
}

work_said keeper::wait_for(const job_ptr& what, std::uint32_t wait_ms,
                           std::unique_lock<std::mutex>& lock) {
  wait(lock, wait_ms, [&] { return what->ended; });
  work_said out;
  out.known = true;
  out.ended = what->ended;
  out.progress = what->progress;
  if (!what->ended) return out;
  out.end = to_string(what->report.end);
  out.why = what->report.why;
  out.kept = what->report.kept;
  return out;
}

work_said keeper::work(const work_words& said) {
  std::unique_lock lock(mutex_);
  const auto known = find(said.id);
  return known ? wait_for(known, said.wait_ms, lock) : work_said();
}

}  // namespace understudy::agent
