#include "understudy/server.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "net/frame_server.hpp"
#include "net/server_handler.hpp"
#include "net/server_registry.hpp"
#include "net/server_workers.hpp"

namespace understudy {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr milliseconds drain_poll{5};
// For methods that run when the server is stopped, and are about to return.
constexpr milliseconds stop_patience{100};

/// The executor of one of the server's threads. Outlives it: then it drops what is posted.
class lane_target : public executor::target {
 public:
  lane_target(asio::io_context& context, std::shared_ptr<net::server_workers> workers)
      : context_(&context), workers_(std::move(workers)) {}

  void post(std::function<void()> work) override {
    const std::lock_guard lock(mutex_);
    if (context_ != nullptr) asio::post(*context_, std::move(work));
  }

  void post_after(std::chrono::nanoseconds delay, std::function<void()> work) override {
    const std::lock_guard lock(mutex_);
    if (context_ == nullptr) return;
    const auto timer = std::make_shared<asio::steady_timer>(*context_, delay);
    timer->async_wait([timer, work = std::move(work)](boost::system::error_code failed) {
      if (!failed) work();
    });
  }

  bool post_blocking(std::function<void()> work) override {
    return workers_->post(std::move(work));
  }

  void close() {
    const std::lock_guard lock(mutex_);
    context_ = nullptr;
  }

 private:
  std::mutex mutex_;
  asio::io_context* context_;
  std::shared_ptr<net::server_workers> workers_;
};

struct lane {
  explicit lane(const std::shared_ptr<net::server_workers>& workers)
      : target(std::make_shared<lane_target>(context, workers)) {}

  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> busy{context.get_executor()};
  std::shared_ptr<lane_target> target;
  std::thread thread{};
};

net::frame_server_options frame_options(const server_options& options) {
  net::frame_server_options frames;
  frames.limits.message_bytes_max = options.message_bytes_max;
  frames.limits.file_bytes_max = options.file_bytes_max;
  frames.connections_max = options.connections_max;
  frames.received_bytes_max = options.received_bytes_max;
  frames.idle_timeout = options.idle_timeout;
  frames.frame_timeout = options.frame_timeout;
  frames.write_timeout = options.write_timeout;
  frames.share_port = options.share_port;
  if (options.tls) frames.tls = net::tls_acceptor::make(*options.tls);
  // One connection meets one thread of one process: where there are more, many connections share
  // the calls out among them.
  const bool one = options.threads <= 1 && !options.share_port;
  frames.multiplexed_calls_max = one ? options.multiplexed_calls_max : 0;
  return frames;
}

}  // namespace

class server::impl {
 public:
  explicit impl(const server_options& options)
      : options_(options),
        workers_(std::make_shared<net::server_workers>(std::max(options.workers, 1U),
                                                       options.waiting_max)) {
    std::vector<asio::io_context*> contexts;
    for (unsigned i = 0; i < std::max(options.threads, 1U); ++i) {
      lanes_.push_back(std::make_unique<lane>(workers_));
      contexts.push_back(&lanes_.back()->context);
    }
    const auto frames = frame_options(options_);
    tls_ = frames.tls;
    frames_ = net::frame_server::make(
        contexts, frames, [this](std::string peer) { return make_handler(std::move(peer)); });
  }

  ~impl() { stop(); }

  net::server_registry& registry() {
    if (started_) throw std::logic_error("Services and middleware are added before start()");
    return *registry_;
  }

  net::frame_server& frames() { return *frames_; }
  [[nodiscard]] net::tls_acceptor* tls() const { return tls_.get(); }

  void start() {
    if (std::exchange(started_, true)) return;
    registry_->freeze();
    for (const auto& each : lanes_)
      each->thread = std::thread([&lane = *each] {
        const executor_scope scope{executor(lane.target)};
        lane.context.run();
      });
  }

  bool run(const std::function<void()>& ready) {
    asio::io_context signals_context;
    asio::signal_set signals(signals_context, SIGTERM, SIGINT);
    start();
    if (ready) ready();
    signals.async_wait([](boost::system::error_code, int) {});
    signals_context.run();
    signals_context.restart();
    bool again = false;
    signals.async_wait([&again](boost::system::error_code, int) { again = true; });
    const bool drained = drain(options_.drain_timeout, [&] {
      signals_context.run_for(drain_poll);
      return !again;
    });
    stop();
    return drained;
  }

  /// `wait` sleeps a little; false to give up.
  template <typename Wait>
  bool drain(milliseconds timeout, Wait&& wait) {
    const auto until = std::chrono::steady_clock::now() + timeout;
    frames_->drain();
    while (frames_->connections() != 0)
      if (std::chrono::steady_clock::now() >= until || !wait()) return false;
    return true;
  }

  // First nobody new comes to work, then the threads end, then what waits is destroyed.
  void stop() {
    const std::lock_guard lock(stopping_);
    frames_->stop();
    workers_->stop(stop_patience);
    for (const auto& each : lanes_) {
      each->target->close();
      if (!each->thread.joinable()) continue;
      // Behind the closing of its connections: no peer waits for an end that does not come.
      asio::post(each->context, [&context = each->context] { context.stop(); });
      each->thread.join();
    }
  }

 private:
  std::unique_ptr<net::frame_handler> make_handler(std::string peer) {
    auto here = executor::current();
    const auto mine = std::ranges::find_if(
        lanes_, [&](const auto& each) { return here == executor(each->target); });
    return std::make_unique<net::server_handler>(registry_, std::move(here),
                                                 (*mine)->context.get_executor(), std::move(peer));
  }

  server_options options_;
  std::shared_ptr<net::server_registry> registry_ = std::make_shared<net::server_registry>();
  std::shared_ptr<net::server_workers> workers_;
  std::shared_ptr<net::tls_acceptor> tls_;
  std::vector<std::unique_ptr<lane>> lanes_;
  std::unique_ptr<net::frame_server> frames_;  // goes before the lanes
  std::mutex stopping_;
  bool started_ = false;
};

server::server(const server_options& options) : impl_(std::make_unique<impl>(options)) {}
server::~server() = default;

server& server::add(service_definition service) {
  impl_->registry().add(std::move(service));
  return *this;
}

server& server::use(middleware around) {
  impl_->registry().use(std::move(around));
  return *this;
}

void server::listen(const std::string& address) {
  impl_->frames().listen(address);
}
std::vector<std::string> server::addresses() const {
  return impl_->frames().addresses();
}
void server::start() {
  impl_->start();
}
bool server::run(const std::function<void()>& ready) {
  return impl_->run(ready);
}

bool server::drain(milliseconds timeout) {
  return impl_->drain(timeout, [] {
    std::this_thread::sleep_for(drain_poll);
    return true;
  });
}

void server::stop() {
  impl_->stop();
}
std::size_t server::connections() const {
  return impl_->frames().connections();
}
void server::reload_tls() {
  if (impl_->tls() != nullptr) impl_->tls()->reload();
}
std::size_t server::tls_refused() const {
  return impl_->tls() != nullptr ? impl_->tls()->refused() : 0;
}

}  // namespace understudy
