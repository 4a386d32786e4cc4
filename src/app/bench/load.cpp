#include "app/bench/load.hpp"

#include <sys/epoll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "app/bench/load_connection.hpp"
#include "app/bench/load_socket.hpp"
#include "wire/answer.hpp"

namespace understudy::app {

namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// How often timeouts and lost connections are looked at.
constexpr milliseconds tick{10};
constexpr milliseconds reconnect_pause{20};

std::runtime_error cannot_connect(const std::string& address, int error) {
  std::string message =
      "Cannot connect to " + address + ": " + std::generic_category().message(error) + ".";
  if (error == EMFILE) message += " Raise the limit on open files (ulimit -n).";
  return std::runtime_error(message);
}

/// What an answer says. Most answers repeat the one before: those are not parsed again.
class answer_reader {
 public:
  void read(std::string_view body, load_call& call) {
    if (body != known_body_ || body.empty()) {
      const auto answer = wire::parse_answer(body);
      known_body_.assign(body);
      known_.how = answer ? load_end::answered : load_end::unreadable;
      known_.error = answer && answer->is_error();
      known_.code = known_.error ? answer->code : 0;
    }
    call.how = known_.how;
    call.error = known_.error;
    call.code = known_.code;
  }

 private:
  std::string known_body_;
  load_call known_;
};

class load_run {
 public:
  load_run(const load_options& options, load_script& script, std::stop_token stop);
  load_report run();

 private:
  void connect_all();
  void make_calls(nanoseconds duration, std::uint64_t calls_max);
  void loop();
  int wait(std::array<epoll_event, 64>& events, load_clock::time_point now) const;
  void handle(load_connection& connection, std::uint32_t events);
  void read_answers(load_connection& connection);
  void take_due(load_clock::time_point now);
  void fill(load_connection& connection, load_clock::time_point now);
  void offer(load_clock::time_point now);
  void look_after(load_clock::time_point now);
  void drop(load_connection& connection, load_end first, load_clock::time_point now);
  void end_first(load_connection& connection, load_call& call, load_clock::time_point now);
  void tell(const load_call& call);
  [[nodiscard]] load_clock::time_point start_of(std::uint64_t number) const;
  [[nodiscard]] bool open_loop() const { return options_.calls_per_second > 0; }

  const load_options& options_;
  load_script& script_;
  std::stop_token stop_;
  socket_address address_;
  owned_fd epoll_;
  std::vector<load_connection> connections_;
  std::vector<load_clock::time_point> retry_at_;  // by connection, while it is closed
  answer_reader answers_;
  load_report report_;
  load_clock::time_point last_;  // no new calls from here on
  std::uint64_t calls_max_ = 0;
  std::uint64_t due_ = 0;   // calls that may have begun by now
  std::uint64_t next_ = 0;  // of these, the first that has not
  std::size_t outstanding_ = 0;
  std::size_t turn_ = 0;  // the connection that is offered the next call
  bool warming_ = false;
  bool ending_ = false;  // no further call becomes due
};

load_run::load_run(const load_options& options, load_script& script, std::stop_token stop)
    : options_(options),
      script_(script),
      stop_(std::move(stop)),
      address_(resolve_address(options.address)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  connections_.reserve(options_.connections);
  for (unsigned i = 0; i < options_.connections; ++i) {
    connections_.emplace_back(epoll_.get(), i, options_.protocol, std::max(1U, options_.depth));
  }
  retry_at_.resize(connections_.size());
  ::prctl(PR_SET_TIMERSLACK, 1000UL);  // 1 us instead of 50: an open loop is to be punctual
}

load_report load_run::run() {
  connect_all();
  warming_ = options_.warmup.count() > 0;
  if (warming_) make_calls(options_.warmup, 0);
  warming_ = false;
  make_calls(options_.duration, options_.calls_max);
  return report_;
}

void load_run::make_calls(nanoseconds duration, std::uint64_t calls_max) {
  report_ = {};
  report_.begin = load_clock::now();
  last_ = report_.begin + duration;
  calls_max_ = calls_max > 0 ? calls_max : std::numeric_limits<std::uint64_t>::max();
  due_ = next_ = 0;
  ending_ = false;
  loop();
  report_.end = load_clock::now();
  report_.calls = next_;
}

void load_run::connect_all() {
  for (auto& connection : connections_) {
    if (connection.start(address_) == load_connection::io::broken) {
      throw cannot_connect(options_.address, errno);
    }
  }
  const auto until = load_clock::now() + options_.timeout;
  std::size_t connecting = connections_.size();
  std::array<epoll_event, 64> events{};
  while (connecting > 0) {
    const auto now = load_clock::now();
    if (now >= until) throw cannot_connect(options_.address, ETIMEDOUT);
    const int count = wait(events, now);
    for (int i = 0; i < count; ++i) {
      auto& connection = connections_[events[static_cast<std::size_t>(i)].data.u32];
      if (connection.now() != load_connection::state::connecting) continue;
      if (connection.established() == load_connection::io::broken) {
        throw cannot_connect(options_.address, errno);
      }
      --connecting;
    }
  }
}

void load_run::loop() {
  std::array<epoll_event, 64> events{};
  auto now = load_clock::now();
  auto look_at = now;
  take_due(now);
  offer(now);
  while (!ending_ || outstanding_ > 0 || next_ < due_) {
    const int count = wait(events, now);
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      handle(connections_[event.data.u32], event.events);
    }
    now = load_clock::now();
    const std::uint64_t due_before = due_;
    take_due(now);
    if (open_loop() && due_ > due_before) offer(now);
    if (now >= look_at) {
      look_after(now);
      look_at = now + tick;
    }
  }
}

int load_run::wait(std::array<epoll_event, 64>& events, load_clock::time_point now) const {
  nanoseconds limit = tick;
  if (open_loop() && !ending_) limit = std::min<nanoseconds>(limit, start_of(due_) - now);
  limit = std::max(limit, nanoseconds{0});
  const timespec timeout{0, static_cast<long>(limit.count())};  // tick is below a second
  return ::epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(events.size()), &timeout,
                        nullptr);
}

load_clock::time_point load_run::start_of(std::uint64_t number) const {
  const double seconds = static_cast<double>(number) / options_.calls_per_second;
  return report_.begin +
         std::chrono::duration_cast<load_clock::duration>(std::chrono::duration<double>(seconds));
}

// An open loop's calls become due with time. A closed loop's are due at any time.
void load_run::take_due(load_clock::time_point now) {
  if (ending_) return;
  if (open_loop()) {
    while (due_ < calls_max_ && start_of(due_) <= now && start_of(due_) < last_) ++due_;
  } else {
    due_ = calls_max_;
  }
  const std::uint64_t begun = open_loop() ? due_ : next_;
  if (now >= last_ || stop_.stop_requested() || begun == calls_max_) {
    ending_ = true;
    if (!open_loop()) due_ = next_;
  }
}

void load_run::handle(load_connection& connection, std::uint32_t events) {
  using state = load_connection::state;
  if (connection.now() == state::closed) return;  // dropped earlier in this round
  if (connection.now() == state::connecting) {
    const auto at = load_clock::now();
    if (connection.established() == load_connection::io::broken) {
      drop(connection, load_end::lost, at);
    } else {
      fill(connection, at);
    }
    return;
  }
  if ((events & EPOLLOUT) != 0 && connection.flush() == load_connection::io::broken) {
    drop(connection, load_end::lost, load_clock::now());
    return;
  }
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read_answers(connection);
}

void load_run::read_answers(load_connection& connection) {
  const bool broken = connection.receive() == load_connection::io::broken;
  const auto now = load_clock::now();
  while (true) {
    const auto answer = connection.next_answer();
    if (std::holds_alternative<std::monostate>(answer)) break;
    const auto* const got = std::get_if<load_body>(&answer);
    if (got == nullptr || connection.pending().empty()) {
      drop(connection, load_end::unreadable, now);
      return;
    }
    load_call call;
    answers_.read(got->text, call);
    end_first(connection, call, now);
  }
  if (broken) {
    drop(connection, load_end::lost, now);
  } else {
    fill(connection, now);
  }
}

void load_run::fill(load_connection& connection, load_clock::time_point now) {
  if (next_ >= due_ || !connection.has_room()) return;
  while (next_ < due_ && connection.has_room()) {
    connection.add({next_, open_loop() ? start_of(next_) : now, now});
    script_.append_call(next_, connection.out());
    ++next_;
    ++outstanding_;
  }
  if (connection.flush() == load_connection::io::broken) drop(connection, load_end::lost, now);
}

// Offers calls to each connection in turn, starting behind the one that took the last.
void load_run::offer(load_clock::time_point now) {
  for (std::size_t i = 0; i < connections_.size() && next_ < due_; ++i) {
    turn_ = (turn_ + 1) % connections_.size();
    fill(connections_[turn_], now);
  }
}

void load_run::look_after(load_clock::time_point now) {
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    auto& connection = connections_[i];
    if (!connection.pending().empty() &&
        connection.pending().front().sent + options_.timeout < now) {
      drop(connection, load_end::timed_out, now);
    }
    if (connection.now() == load_connection::state::closed && now >= retry_at_[i]) {
      ++report_.reconnects;
      if (connection.start(address_) == load_connection::io::broken) {
        retry_at_[i] = now + reconnect_pause;
      }
    }
  }
  while (open_loop() && next_ < due_ && start_of(next_) + options_.timeout < now) {
    load_call call;
    call.number = next_;
    call.start = start_of(next_);
    call.end = now;
    call.how = load_end::not_sent;
    ++next_;
    tell(call);
  }
}

// Answers are told apart by their order alone, so one lost call takes the connection with it.
void load_run::drop(load_connection& connection, load_end first, load_clock::time_point now) {
  connection.close();
  retry_at_[static_cast<std::size_t>(&connection - connections_.data())] = now + reconnect_pause;
  for (bool is_first = true; !connection.pending().empty(); is_first = false) {
    load_call call;
    call.how = is_first ? first : load_end::lost;
    end_first(connection, call, now);
  }
}

void load_run::end_first(load_connection& connection, load_call& call, load_clock::time_point now) {
  const load_pending& pending = connection.pending().front();
  call.number = pending.number;
  call.start = pending.start;
  call.end = now;
  connection.pending().pop_front();
  --outstanding_;
  tell(call);
}

void load_run::tell(const load_call& call) {
  if (!warming_) script_.ended(call);
}

}  // namespace

load_report run_load(const load_options& options, load_script& script, std::stop_token stop) {
  return load_run(options, script, std::move(stop)).run();
}

}  // namespace understudy::app
