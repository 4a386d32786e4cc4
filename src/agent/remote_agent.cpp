#include "agent/remote_agent.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace understudy::agent {

namespace asio = boost::asio;
using core::time_point;

namespace {

/// Of a step's end, or of a change, before the answer comes all the same.
constexpr std::uint32_t wait_ms = 2000;
/// For the answer beyond the wait.
constexpr std::chrono::seconds grace{2};
/// Before one that did not answer is asked again.
constexpr std::chrono::milliseconds pause{200};

time_point now() {
  return std::chrono::steady_clock::now();
}

std::uint32_t wait_until(time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now());
  // The answer has its way to go.
  const auto most = left.count() / 2;
  return most <= 0 ? 0 : static_cast<std::uint32_t>(std::min<std::int64_t>(most, wait_ms));
}

template <typename Said>
std::optional<Said> read(const line::answer& from, std::string& why) {
  if (!from.came) {
    why = from.why;
    return std::nullopt;
  }
  try {
    return from_json_text<Said>(from.body);
  } catch (const rpc_error& e) {
    why = std::string("the agent's answer can not be read: ") + e.what();
    return std::nullopt;
  }
}

}  // namespace

// Kept alive by what is under way; once `ended` nobody is called.
struct remote_agent::work : std::enable_shared_from_this<work> {
  using word = cluster::agent::word;
  work(const asio::any_io_executor& on, remote_options with)
      : executor(on), options(std::move(with)), to(std::make_shared<line>(on, options.to)) {}

  asio::any_io_executor executor;
  const remote_options options;
  std::shared_ptr<line> to;
  std::function<void(core::process)> told{};
  bool watching = false;
  bool ended = false;
  std::weak_ptr<asio::steady_timer> resting{};

  static asio::awaitable<void> rest(std::shared_ptr<work> self) {
    const auto timer = std::make_shared<asio::steady_timer>(self->executor, pause);
    self->resting = timer;
    co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
  }

  static asio::awaitable<word> do_step(std::shared_ptr<work> self, core::step what,
                                       core::generation gen, time_point deadline) {
    begin_words words = words_of(what, gen);
    words.id = random_text();
    bool begun = false;
    time_point patience = std::min(deadline, now() + self->options.answer_within);
    word out;
    while (!self->ended && now() < deadline) {
      std::string why;
      line::answer got;
      const time_point until =
          std::min(deadline, now() + std::chrono::milliseconds(wait_ms) + grace);
      if (begun) {
        work_words ask;
        ask.id = words.id;
        ask.wait_ms = wait_until(until);
        got = co_await self->to->ask("work", to_json_text(ask), until);
      } else {
        words.wait_ms = wait_until(until);
        got = co_await self->to->ask("begin", to_json_text(words), until);
      }
      const auto said = read<work_said>(got, why);
      if (said && !said->known) {
        out.why = "the agent was started anew, and does not know the step any more";
        co_return out;
      }
      if (said && said->ended) {
        out.end = end_named(said->end);
        out.why = said->why;
        co_return out;
      }
      if (said) {
        begun = true;
        patience = std::min(deadline, now() + self->options.answer_within);
        continue;
      }
      // The id makes it the same step, so it may be told again where it may have arrived.
      out.why = why;
      // Nobody has proven that it was not done.
      if (got.refused) co_return out;
      if (now() >= patience) co_return out;
      co_await rest(self);
    }
    if (out.why.empty()) out.why = "the step has not ended in time";
    co_return out;
  }

  static asio::awaitable<void> carry(std::shared_ptr<work> self, core::step what,
                                     core::generation gen, time_point deadline,
                                     std::function<void(word)> done) {
    word out = co_await do_step(self, what, gen, deadline);
    if (!self->ended) done(std::move(out));
  }

  static asio::awaitable<void> see(
      std::shared_ptr<work> self, time_point deadline,
      std::function<void(std::optional<look_said>, const std::string&)> done) {
    const line::answer got = co_await self->to->ask("look", to_json_text(look_words()), deadline);
    std::string why;
    auto said = read<look_said>(got, why);
    if (!self->ended) done(std::move(said), why);
  }

  /// Asks to be told of changes for ever, and tells of each. That the agent does not answer is no
  /// change of its server.
  static asio::awaitable<void> follow(std::shared_ptr<work> self) {
    look_words known;
    while (!self->ended) {
      known.wait_ms = known.known.empty() ? 0 : wait_ms;
      const time_point until = now() + std::chrono::milliseconds(wait_ms) + grace;
      const line::answer got = co_await self->to->ask("look", to_json_text(known), until);
      if (self->ended) co_return;
      std::string why;
      const auto said = read<look_said>(got, why);
      const std::string process = said ? said->process : std::string();
      const std::int64_t pid = said ? said->pid : 0;
      const bool news = process != known.known || pid != known.known_pid || !said;
      known.known = process;
      known.known_pid = pid;
      if (news && said && self->told) self->told(process_named(process));
      // An agent where too many wait answers at once.
      if (!said || !news) co_await rest(self);
    }
  }
};

remote_agent::remote_agent(const asio::any_io_executor& executor, remote_options options)
    : work_(std::make_shared<work>(executor, std::move(options))) {}

remote_agent::~remote_agent() {
  work_->ended = true;
  work_->told = nullptr;
  work_->to->close();
  if (const auto timer = work_->resting.lock()) timer->cancel();
}

void remote_agent::carry_out(const core::step& what, core::generation gen, time_point deadline,
                             std::function<void(word)> done) {
  asio::co_spawn(work_->executor, work::carry(work_, what, gen, deadline, std::move(done)),
                 asio::detached);
}

void remote_agent::look(time_point deadline, std::function<void(core::process)> done) {
  describe(deadline, [done = std::move(done)](const std::optional<look_said>& said,
                                              const std::string& /*why*/) {
    done(said ? process_named(said->process) : core::process::unknown);
  });
}

void remote_agent::use_secret(std::string secret) {
  work_->to->use_secret(std::move(secret));
}

void remote_agent::describe(
    time_point deadline,
    std::function<void(std::optional<look_said>, const std::string& why)> done) {
  asio::co_spawn(work_->executor, work::see(work_, deadline, std::move(done)), asio::detached);
}

void remote_agent::watch(std::function<void(core::process)> told) {
  work_->told = std::move(told);
  if (std::exchange(work_->watching, true)) return;
  asio::co_spawn(work_->executor, work::follow(work_), asio::detached);
}

}  // namespace understudy::agent
