#include "net/sql_proxy.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <unordered_map>
#include <utility>

#include "net/address.hpp"
#include "net/listen.hpp"
#include "net/sql_packets.hpp"
#include "net/sql_session.hpp"

namespace understudy::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;

constexpr auto as_value = asio::as_tuple(asio::deferred);

constexpr milliseconds accept_pause{100};  // out of descriptors: do not burn a core
constexpr std::string_view because_takeover = "because another one has taken over";
constexpr std::string_view because_switchover = "because another one takes over";
constexpr std::string_view because_removed = "because it leaves";
constexpr std::uint16_t too_many_connections = 1040;

class proxy final : public sql_proxy, public sql_host, public std::enable_shared_from_this<proxy> {
 public:
  proxy(asio::any_io_executor executor, sql_proxy_options options)
      : executor_(std::move(executor)), options_(std::move(options)), hold_timer_(executor_) {}

  void listen(const std::string& address) override;
  [[nodiscard]] std::vector<std::string> addresses() const override { return addresses_; }
  bool lead_to(std::vector<sql_target> targets, std::uint64_t stamp) override;
  void stop_all() override;
  void hold(held_handler done) override;
  void release() override;
  [[nodiscard]] sql_status_report status() const override;
  void stop() override;

  [[nodiscard]] const sql_proxy_options& options() const override { return options_; }
  [[nodiscard]] sql_place_ptr choose(const std::vector<sql_place_ptr>& tried) override;
  [[nodiscard]] bool has_room_to_wait() const override;
  void count_refused() override { ++refused_; }
  void count_statement_refused() override { ++statements_refused_; }
  void left_place(sql_parting how) override;
  void closed(sql_session& who) override { sessions_.erase(&who); }

 private:
  using acceptor_ptr = std::shared_ptr<tcp::acceptor>;
  using session_list = std::vector<std::shared_ptr<sql_session>>;

  static asio::awaitable<void> accept_all(std::shared_ptr<proxy> self, acceptor_ptr from);
  void take(tcp::socket client);
  /// Of now: what is called for each may end it.
  [[nodiscard]] session_list sessions() const;
  [[nodiscard]] bool is_place(const sql_place_ptr& place) const;
  void use(std::vector<sql_target> targets);
  void part_from_removed(bool at_once);
  /// Ends a hold, if there is one.
  void end_hold();
  /// Closed, once nobody leads anywhere.
  void check_hold();
  void tell_held(sql_held how);
  void wake();

  const asio::any_io_executor executor_;
  const sql_proxy_options options_;
  std::vector<acceptor_ptr> acceptors_;
  std::vector<std::string> addresses_;
  std::unordered_map<sql_session*, std::shared_ptr<sql_session>> sessions_;
  std::vector<sql_place_ptr> places_;
  std::uint64_t stamp_ = 0;
  bool stopped_ = false;

  sql_hold hold_ = sql_hold::none;
  std::vector<held_handler> held_;  ///< who wants to know
  asio::steady_timer hold_timer_;
  std::size_t cut_in_hold_ = 0;

  std::uint64_t accepted_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t ended_ = 0;
  std::uint64_t cut_ = 0;
  std::uint64_t statements_refused_ = 0;
};

void proxy::listen(const std::string& address) {
  auto acceptor = std::make_shared<tcp::acceptor>(listen_on(executor_, address));
  addresses_.push_back(format_endpoint(acceptor->local_endpoint()));
  acceptors_.push_back(acceptor);
  asio::co_spawn(executor_, accept_all(shared_from_this(), std::move(acceptor)), asio::detached);
}

asio::awaitable<void> proxy::accept_all(std::shared_ptr<proxy> self, acceptor_ptr from) {
  asio::steady_timer pause(self->executor_);
  while (from->is_open()) {
    auto [failed, socket] = co_await from->async_accept(as_value);
    if (!failed) {
      self->take(std::move(socket));
    } else if (failed != asio::error::connection_aborted && from->is_open()) {
      pause.expires_after(accept_pause);
      (void)co_await pause.async_wait(as_value);
    }
  }
}

void proxy::take(tcp::socket client) {
  if (stopped_) return;
  ++accepted_;
  if (sessions_.size() >= options_.connections_max) {
    ++refused_;
    // No reading before the end: a client says nothing before it is greeted.
    error_code ignored;
    client.non_blocking(true, ignored);
    const std::string error = sql_error(0, too_many_connections, "", "Too many connections");
    client.write_some(asio::buffer(error), ignored);
    return;
  }
  auto session = std::make_shared<sql_session>(shared_from_this(), std::move(client));
  sessions_.emplace(session.get(), session);
  asio::co_spawn(executor_, sql_session::run(std::move(session)), asio::detached);
}

sql_place_ptr proxy::choose(const std::vector<sql_place_ptr>& tried) {
  if (stopped_ || hold_ != sql_hold::none) return nullptr;
  sql_place_ptr best;
  // Where none has fewer they take turns: most connections are short.
  if (!places_.empty()) std::rotate(places_.begin(), places_.begin() + 1, places_.end());
  // Fewer for its weight, with the one that is to come: compared without a division.
  const auto load = [](const sql_place_ptr& of, const sql_place_ptr& other) {
    return (of->connections + 1) * std::max(1U, other->target.weight);
  };
  for (const sql_place_ptr& each : places_) {
    if (std::find(tried.begin(), tried.end(), each) != tried.end()) continue;
    if (!best || load(each, best) < load(best, each)) best = each;
  }
  return best;
}

// Asked by one that has come and not chosen yet: it is among them.
bool proxy::has_room_to_wait() const {
  std::size_t waiting = 0;
  for (const auto& [at, session] : sessions_) {
    waiting += session->at() == sql_session::phase::choosing;
  }
  return waiting <= options_.waiting_max;
}

void proxy::left_place(sql_parting how) {
  ended_ += how == sql_parting::ended;
  cut_ += how == sql_parting::cut;
  cut_in_hold_ += how == sql_parting::cut && hold_ == sql_hold::closing;
  check_hold();
}

bool proxy::lead_to(std::vector<sql_target> targets, std::uint64_t stamp) {
  if (stopped_ || stamp < stamp_) return false;
  const bool higher = stamp > stamp_;
  stamp_ = stamp;
  use(std::move(targets));
  end_hold();
  part_from_removed(higher && options_.cut_removed);
  wake();
  return true;
}

void proxy::stop_all() {
  places_.clear();
  end_hold();
  part_from_removed(true);
}

void proxy::hold(held_handler done) {
  held_.push_back(std::move(done));
  if (stopped_) return tell_held({false, 0});
  if (hold_ == sql_hold::none) {
    hold_ = sql_hold::closing;
    cut_in_hold_ = 0;
    hold_timer_.expires_after(options_.hold_max);
    hold_timer_.async_wait([self = shared_from_this()](error_code cancelled) {
      if (!cancelled) self->release();
    });
    for (const auto& session : sessions()) session->drain(because_switchover, options_.grace);
  }
  check_hold();
}

void proxy::release() {
  if (hold_ == sql_hold::none) return;
  end_hold();
  part_from_removed(false);
  wake();
}

void proxy::end_hold() {
  if (hold_ == sql_hold::none) return;
  hold_ = sql_hold::none;
  hold_timer_.cancel();
  tell_held({false, cut_in_hold_});  // who was told that it is closed is not told again
}

void proxy::check_hold() {
  if (hold_ == sql_hold::none) return;
  if (hold_ == sql_hold::closing) {
    for (const auto& [at, session] : sessions_) {
      if (session->place()) return;
    }
    hold_ = sql_hold::closed;
  }
  tell_held({true, cut_in_hold_});
}

void proxy::tell_held(sql_held how) {
  for (held_handler& each : std::exchange(held_, {})) {
    if (!each) continue;
    asio::post(executor_, [told = std::move(each), how] { told(how); });
  }
}

void proxy::part_from_removed(bool at_once) {
  for (const auto& session : sessions()) {
    if (!session->place()) continue;
    if (is_place(session->place())) {
      session->stay();
    } else if (at_once) {
      session->cut(because_takeover);
    } else {
      session->drain(because_removed, options_.drain_max);
    }
  }
}

proxy::session_list proxy::sessions() const {
  session_list out;
  out.reserve(sessions_.size());
  for (const auto& [at, session] : sessions_) out.push_back(session);
  return out;
}

bool proxy::is_place(const sql_place_ptr& place) const {
  return std::find(places_.begin(), places_.end(), place) != places_.end();
}

void proxy::use(std::vector<sql_target> targets) {
  std::vector<sql_place_ptr> fresh;
  for (sql_target& target : targets) {
    const auto known = std::find_if(places_.begin(), places_.end(), [&](const auto& place) {
      return place->target.address == target.address;
    });
    fresh.push_back(known != places_.end() ? *known : std::make_shared<sql_place>());
    fresh.back()->target = std::move(target);
  }
  places_ = std::move(fresh);
}

void proxy::wake() {
  for (const auto& [at, session] : sessions_) session->look_again();
}

sql_status_report proxy::status() const {
  sql_status_report out;
  out.hold = hold_;
  out.stamp = stamp_;
  out.accepted = accepted_;
  out.refused = refused_;
  out.ended = ended_;
  out.cut = cut_;
  out.statements_refused = statements_refused_;
  for (const auto& [at, session] : sessions_) {
    const auto phase = session->at();
    if (phase == sql_session::phase::open) {
      ++out.open;
      out.in_transaction += session->conversation().in_transaction();
      out.unreadable += !session->conversation().readable();
    }
    out.waiting += phase == sql_session::phase::choosing || phase == sql_session::phase::connecting;
  }
  for (const auto& place : places_) {
    out.targets.push_back({place->target.address, place->connections});
  }
  return out;
}

void proxy::stop() {
  if (std::exchange(stopped_, true)) return;
  for (const auto& acceptor : acceptors_) {
    error_code ignored;
    acceptor->close(ignored);
  }
  end_hold();
  for (const auto& session : sessions()) session->close();
}

}  // namespace

std::shared_ptr<sql_proxy> sql_proxy::make(asio::any_io_executor executor,
                                           sql_proxy_options options) {
  return std::make_shared<proxy>(std::move(executor), std::move(options));
}

}  // namespace understudy::net
