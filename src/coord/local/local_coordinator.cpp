#include "coord/local/local_coordinator.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <stdexcept>
#include <utility>

#include "coord/eventual.hpp"
#include "coord/local/topology_file.hpp"
#include "coord/sightings.hpp"
#include "coord/topology_text.hpp"

namespace understudy::coord {
namespace {

namespace asio = boost::asio;
using local::store_end;
using local::topology_file;

/// Outlives the coordinator in what it awaits. All but the file belongs to the executor.
struct local_state {
  explicit local_state(const std::string& folder)
      : file(std::make_unique<topology_file>(folder)), at(file->at()) {
    if (at != revision{}) text = file->text();
  }

  std::unique_ptr<topology_file> file;  ///< the writing thread's, once there is one
  revision at{};                        ///< of what is known to be stored
  std::optional<std::string> text;
  sightings seen;
  std::string broken;  ///< why nothing can be said any more; empty: it can
  std::function<void(const read_result&)> told;
};

read_result look(local_state& state) {
  read_result out;
  if (!state.broken.empty()) {
    out.why = state.broken;
    return out;
  }
  // Nothing is ever overtaken here: what is known was seen.
  auto found = state.seen.judge(state.text, state.at, state.seen.highest());
  return found ? std::move(*found) : out;
}

void tell(const std::shared_ptr<local_state>& state) {
  const auto told = state->told;
  if (told) told(look(*state));
}

asio::awaitable<read_result> read_from(std::shared_ptr<local_state> state) {
  co_return look(*state);
}

/// What was to be written, from the executor to the thread and back.
struct order {
  std::shared_ptr<local_state> state;
  std::shared_ptr<eventual<write_result>> waiter;
  core::topology value;
  std::string text;
  revision expected{};
  bool begins_epoch = false;
  write_result result;
  bool unsure = false;
};

/// On the writing thread.
void store(order& what) {
  topology_file& file = *what.state->file;
  if (file.at() != what.expected) {
    what.result.end = write_end::conflict;
    what.result.why = "The topology was changed by another.";
    return;
  }
  auto begun = what.begins_epoch ? std::optional(what.value.epoch) : std::nullopt;
  auto stored = file.store(what.text, begun);
  what.result.why = std::move(stored.why);
  what.unsure = stored.end == store_end::unsure;
  what.result.at = file.at();
  what.result.end = stored.end == store_end::done      ? write_end::written
                    : stored.end == store_end::nothing ? write_end::unreachable
                                                       : write_end::unknown;
}

/// On the executor again, whether or not somebody still waits.
void finish(order& what) {
  local_state& state = *what.state;
  if (what.unsure) state.broken = what.result.why;
  const bool written = what.result.end == write_end::written;
  if (written) {
    state.at = what.result.at;
    state.text = what.text;
    state.seen.wrote(what.value, std::move(what.text), state.at);
  }
  what.waiter->set(std::move(what.result));
  if (written || what.unsure) tell(what.state);
}

asio::awaitable<write_result> answer_of(std::shared_ptr<eventual<write_result>> waiter,
                                        core::time_point deadline) {
  auto in_time = co_await eventual<write_result>::wait(std::move(waiter), deadline);
  if (in_time) co_return std::move(*in_time);
  write_result late;
  late.end = write_end::unknown;
  late.why = "The disk did not answer in time.";
  co_return late;
}

asio::awaitable<write_result> answer_with(write_result result) {
  co_return result;
}

asio::awaitable<void> nothing() {
  co_return;
}

class local_coordinator final : public coordinator {
 public:
  local_coordinator(const asio::any_io_executor& executor, const local_options& options)
      : executor_(executor),
        self_(options.self),
        state_(std::make_shared<local_state>(options.folder)) {
    look(*state_);
  }
  ~local_coordinator() override {
    state_->told = nullptr;
    writer_.join();
    state_->file.reset();  // and the lock: what is awaited may keep the rest
  }

  asio::awaitable<read_result> read(core::time_point /*deadline*/) override {
    return read_from(state_);
  }

  asio::awaitable<write_result> write(revision expected, core::topology value,
                                      core::time_point deadline) override {
    if (!state_->broken.empty()) {
      write_result broken;
      broken.why = state_->broken;
      return answer_with(std::move(broken));
    }
    if (auto objection = state_->seen.objection(expected, value)) {
      return answer_with(std::move(*objection));
    }
    const auto waiter = std::make_shared<eventual<write_result>>(executor_);
    const auto what = std::make_shared<order>();
    what->state = state_;
    what->waiter = waiter;
    what->text = to_text(value);
    what->expected = expected;
    what->begins_epoch = state_->seen.begins_epoch(value);
    what->value = std::move(value);
    asio::post(writer_, [what, executor = executor_]() mutable {
      store(*what);
      // Moved: it is the executor's to destroy.
      asio::post(executor, [what = std::move(what)] { finish(*what); });
    });
    return answer_of(waiter, deadline);
  }

  void watch(std::function<void(const read_result&)> told) override {
    if (state_->told) throw std::logic_error("watch() was called twice");
    state_->told = std::move(told);
    asio::post(executor_, [state = state_] { tell(state); });
  }
  void saw(core::generation told) override {
    state_->seen.saw(told);
    asio::post(executor_, [state = state_] { tell(state); });
  }
  void campaign() override {}
  asio::awaitable<void> resign(core::time_point /*deadline*/) override { return nothing(); }
  [[nodiscard]] core::time_point leading_until() const override { return core::time_point::max(); }
  [[nodiscard]] leader_sight leader() const override {
    leader_sight out;
    out.who = self_;
    out.asked = std::chrono::steady_clock::now();
    return out;
  }

 private:
  asio::any_io_executor executor_;
  core::supervisor_id self_;
  std::shared_ptr<local_state> state_;
  asio::thread_pool writer_{1};
};

}  // namespace

std::unique_ptr<coordinator> make_local_coordinator(const asio::any_io_executor& executor,
                                                    const local_options& options) {
  return std::make_unique<local_coordinator>(executor, options);
}

}  // namespace understudy::coord
