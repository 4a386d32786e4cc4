// Stored calls in a running gateway: takes them in, has them carried, answers those who wait.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "app/calls/call_rules.hpp"
#include "app/calls/webhook.hpp"
#include "app/common/inbox.hpp"
#include "app/gateway/router.hpp"
#include "core/dice.hpp"
#include "store/call_store.hpp"

namespace understudy::app {

/// One attempt of a stored call, as the pools saw it.
struct stored_attempt {
  core::attempt_end end;
  bool no_server = false;  ///< none of its pool was usable
  bool error = false;      ///< the payload is an error object
  std::string payload;     ///< raw JSON; empty where nothing was answered
  std::string server;      ///< that answered, or may have run it
};

/// What an attempt is given beside its bytes.
struct attempt_terms {
  std::string_view only;  ///< the pool of a pool's own address; empty: the shared address
  core::time_point deadline{};
  bool hurried = false;  ///< it has less time than attempts have: to miss it speaks of no server
  unsigned priority = 5;
  std::vector<std::string> failed_at;  ///< servers at which it failed: others come first
  bool* sent = nullptr;                ///< to be set before its first byte leaves
};

struct desk_parts {
  boost::asio::any_io_executor home;  ///< must not run concurrently
  /// Carries a request to a server of its service. What the views point to outlives the attempt.
  std::function<boost::asio::awaitable<stored_attempt>(const wire::request& request,
                                                       std::string_view body, attempt_terms terms)>
      attempt;
  /// Whether a server of the pool of a service would take a call now.
  std::function<bool(std::string_view service, std::string_view only)> usable;
  /// Tells the end of a call, a JSON text, to an address.
  std::function<boost::asio::awaitable<webhook_outcome>(std::string url, std::string body)> tell;
  std::shared_ptr<const call_rules> rules;
  std::size_t running_max = 256;
  std::size_t accepting_max = 100'000;           ///< calls that wait to become durable
  std::chrono::milliseconds attempt_max{60000};  ///< how long one attempt may take
  std::uint64_t seed = 1;
};

/// A caller's answer leaves after what it says is durable. While no server of a service is usable
/// its calls stay in the store, so that a gateway that dies then has not begun them.
///
/// Functions that do not say otherwise run at home; those of call_sink on the store's thread.
class call_desk final : public store::call_sink, public std::enable_shared_from_this<call_desk> {
 public:
  explicit call_desk(desk_parts parts);

  /// Begins: calls that wait in the store are carried. `store` tells this desk of its calls, and
  /// outlives what the desk asks of it; the desk keeps it until stop().
  void start(std::shared_ptr<store::call_store> store);
  /// No place is granted any more, and nothing accepted; attempts that run go on.
  void drain();
  /// Lets go of the store. What it gave and no server was sent goes back: the next start finds it
  /// as if it had not begun. Callers that wait are told that their calls go on. Home's loop does
  /// not run, or this runs on it.
  void stop();
  void configure(std::shared_ptr<const call_rules> rules) { parts_.rules = std::move(rules); }
  [[nodiscard]] const boost::asio::any_io_executor& home() const { return parts_.home; }
  [[nodiscard]] const call_rules& rules() const { return *parts_.rules; }
  [[nodiscard]] const std::shared_ptr<store::call_store>& store() const { return store_; }
  /// Attempts that run.
  [[nodiscard]] std::size_t running() const { return attempts_.size(); }
  /// How long a caller who would wait so long for an answer is kept in the dark about whether the
  /// store has heard it.
  [[nodiscard]] std::chrono::milliseconds patience(
      std::chrono::milliseconds wait = std::chrono::milliseconds::max()) const;

  /// Stores a call, and waits for its end, at most `wait`: the answer, or a ticket (-32011).
  boost::asio::awaitable<routed> serve(store::new_call call, std::chrono::milliseconds wait);
  /// Stores a call: its id, or why not.
  boost::asio::awaitable<std::variant<store::call_id, routed>> accept(store::new_call call);
  /// Several: the ids of all, in order, or the answer for the first that was not stored; others
  /// may have been.
  boost::asio::awaitable<std::variant<std::vector<store::call_id>, routed>> accept_all(
      std::vector<store::new_call> calls);
  /// The end of a call that is stored already; -32011 while it runs, -32602 if there is none.
  boost::asio::awaitable<routed> result(store::call_id id, std::chrono::milliseconds wait);

  [[nodiscard]] std::string ticket(store::call_id id) const;

  void claimed(std::vector<store::claimed_call> calls) override;
  void ended(std::vector<store::call_ending> calls) override;

 private:
  /// A caller that waits: to hear that its call is durable, then for its end.
  struct waiter {
    explicit waiter(const boost::asio::any_io_executor& home)
        : wake(home, boost::asio::steady_timer::time_point::max()) {}
    boost::asio::steady_timer wake;
    std::optional<store::acceptance> accepted;
    std::optional<store::call_ending> ended;
    bool left = false;  ///< its caller has been answered
  };
  using waiter_ptr = std::shared_ptr<waiter>;
  struct told_claim {
    store::claimed_call call;
    core::time_point since;  ///< when the store told of it
  };
  /// An attempt that runs.
  struct under_way {
    store::held_claim claim;
    bool sent = false;  ///< a server may have seen it
  };

  void hand_over(const waiter_ptr& who, store::new_call call);
  /// Until the call is durable, is refused, or may be durable.
  boost::asio::awaitable<void> durable(waiter_ptr who, core::time_point durable_by);
  void heard(const waiter_ptr& who, store::acceptance accepted);
  void await_end(const waiter_ptr& who, store::call_id id);
  void leave(const waiter_ptr& who, store::call_id id);
  boost::asio::awaitable<void> carry(told_claim told, std::list<under_way>::iterator place);
  boost::asio::awaitable<stored_attempt> carry_to_server(const store::claimed_call& call,
                                                         bool& sent);
  /// One whose end is told: to the webhook of the call that it is about.
  boost::asio::awaitable<stored_attempt> carry_to_webhook(const store::claimed_call& call);
  void finish(const store::claimed_call& call, stored_attempt attempt);
  void remember_failure(const store::claimed_call& call, const store::attempt_report& report,
                        core::attempt_fate fate);
  void give_back_claims();
  void hold(const std::string& service);
  void look_at_held();

  [[nodiscard]] routed answer_for(const waiter& who) const;
  [[nodiscard]] routed ending_answer(const store::call_ending& ending) const;

  desk_parts parts_;
  std::shared_ptr<store::call_store> store_;
  core::dice jitter_;
  /// On their way home from the store.
  std::shared_ptr<inbox<std::pair<waiter_ptr, store::acceptance>>> acceptances_ =
      std::make_shared<inbox<std::pair<waiter_ptr, store::acceptance>>>();
  std::unordered_map<std::uint64_t, std::vector<waiter_ptr>> waiting_;  ///< by call
  std::set<std::string> held_;  ///< services without a usable server
  /// None after stop(): another lane may let go of the desk last, when home's loop is gone.
  std::optional<boost::asio::steady_timer> held_timer_;
  std::list<under_way> attempts_;
  /// Where calls that wait again have failed: a hint, so it need not outlive the process.
  std::unordered_map<std::uint64_t, std::vector<std::string>> failed_at_;
  bool draining_ = false;

  std::mutex claims_mutex_;
  std::vector<told_claim> told_;            ///< claims that home has not taken yet
  store::call_store* give_back_ = nullptr;  ///< where they go once home takes no more
};

}  // namespace understudy::app
