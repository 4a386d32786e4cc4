// The Asio shell around core::pool and core::call: does what they decide, tells them what came.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/call.hpp"
#include "core/pool.hpp"
#include "net/dispatcher.hpp"
#include "net/resolver.hpp"
#include "net/upstream.hpp"
#include "net/upstream_codec.hpp"
#include "net/upstream_set.hpp"

namespace understudy::net {

/// For coroutines at the top: they fail only by bugs or for want of memory.
inline void rethrow(std::exception_ptr thrown) {
  if (thrown) std::rethrow_exception(thrown);
}

class dispatcher_impl final : public dispatcher {
 public:
  dispatcher_impl(boost::asio::any_io_executor executor, dispatcher_options options,
                  record_sink records, description_sink learned);

  core::server_id add(const core::server_options& server) override;
  void update(core::server_id id, const core::server_options& server) override;
  void remove(core::server_id id) override;
  void drain(core::server_id id) override;
  void resume(core::server_id id) override;
  void tell_verdicts(verdict_sink told) override { verdicts_ = std::move(told); }
  void hear(const std::string& address, const std::string& method) override;
  void start() override;
  void stop() override;
  boost::asio::awaitable<forward_result> call(const forward& request) override;
  [[nodiscard]] std::vector<core::server_status> status() const override;
  [[nodiscard]] std::size_t parked() const override { return parked_.size(); }
  [[nodiscard]] std::size_t queued() const override { return pool_.queued(); }

 private:
  struct server {
    server(core::server_id i, std::string a, boost::asio::ip::tcp::endpoint endpoint,
           std::shared_ptr<const std::string> head)
        : id(i), address(std::move(a)), http_head(std::move(head)), connections(endpoint) {}
    core::server_id id;
    std::string address;
    std::shared_ptr<const std::string> http_head;  ///< of its requests; null: it speaks frames
    std::optional<tls_way> way;                    ///< nothing: without TLS
    std::string tls_failure;                       ///< the last that was recorded
    upstream_set connections;
    std::string description;  ///< the text last learned from it
    bool removed = false;     ///< attempts that still run end, nothing is kept
    bool unwatched = false;   ///< one of the connections that rest may not be watched
  };
  using server_ptr = std::shared_ptr<server>;

  /// A host name: the servers that its addresses are now.
  struct host_group {
    host_group(core::server_id i, core::server_options o, server_address n,
               const boost::asio::any_io_executor& executor)
        : id(i), options(std::move(o)), name(std::move(n)), timer(executor) {}
    core::server_id id;
    core::server_options options;
    server_address name;
    boost::asio::steady_timer timer;  ///< until the next lookup
    bool drained = false;
    bool removed = false;
    bool looked_up = false;  ///< at least once, with or without success
    bool failing = false;    ///< the last lookup failed: recorded once
    std::map<boost::asio::ip::tcp::endpoint, core::server_id> members;
  };
  using group_ptr = std::shared_ptr<host_group>;

  /// A call that waits for a server; lives in its coroutine.
  struct parked_call {
    parked_call(dispatcher_impl& d, std::optional<core::pending_id> turn);
    ~parked_call();  ///< leaves the list
    parked_call(const parked_call&) = delete;
    parked_call& operator=(const parked_call&) = delete;
    dispatcher_impl& owner;
    boost::asio::steady_timer timer;
    std::optional<core::pending_id> turn;  ///< it waits for its turn; else for any server
    std::list<parked_call*>::iterator place;
    bool listed = true;
  };

  /// Held while an attempt is out.
  struct busy_mark {
    explicit busy_mark(dispatcher_impl& d);
    ~busy_mark() { --owner.busy_; }
    busy_mark(const busy_mark&) = delete;
    busy_mark& operator=(const busy_mark&) = delete;
    dispatcher_impl& owner;
  };

  struct attempt_result {
    std::shared_ptr<carrier> by;               ///< null: there was none, and `got` says why
    std::shared_ptr<upstream> own;             ///< the same; null where it is a place on a trunk
    std::optional<upstream_set::place> place;  ///< while it has a connection of its own
    exchange got;
    bool crowded = false;  ///< we had no connection to spare: it says nothing of the server
    bool unseen = false;   ///< `own` has rested, and was not looked at when it was taken

    [[nodiscard]] bool decided() const { return by || crowded; }
  };

  // The attempts of one call (dispatcher_attempts.cpp).
  struct ended_attempt {
    server_ptr target;
    attempt_result result;
  };
  /// One that runs beside another one, with a copy of the request of its own.
  struct racer {
    explicit racer(const boost::asio::any_io_executor& executor) : waiting(executor) {}
    [[nodiscard]] auto rung_or(core::time_point until) {
      waiting.expires_at(until);
      return waiting.async_wait(boost::asio::as_tuple(boost::asio::deferred));
    }
    boost::asio::steady_timer waiting;  ///< for any of them, where the call awaits no connection
    std::weak_ptr<carrier> nudged;      ///< where it awaits this one
    std::vector<ended_attempt> ended;
    std::vector<core::server_id> out;
    bool over = false;  ///< the call has its answer: whoever ends tells the pool alone
  };
  struct apart {
    std::shared_ptr<carrier> by;
    std::shared_ptr<racer> of;  ///< null: nobody waits for it
  };
  class call_attempts {
   public:
    call_attempts(dispatcher_impl& d, core::call& life, const forward& request)
        : d_(d), life_(life), request_(request) {}
    ~call_attempts();  ///< those still out go on alone
    call_attempts(const call_attempts&) = delete;
    call_attempts& operator=(const call_attempts&) = delete;
    /// False where it needs a connection that is not there: connect() then.
    [[nodiscard]] bool start(server_ptr target);
    /// The connection that it was to leave on had ended while it rested: no byte has left.
    [[nodiscard]] bool met_ended(core::time_point at);
    /// Then, once: on another one to the same server. As start().
    [[nodiscard]] bool start_again(core::time_point at);
    boost::asio::awaitable<void> connect();
    /// One that has ended, the one here or a racer.
    [[nodiscard]] std::optional<ended_attempt> take_ended(core::time_point at);
    /// Somebody had something to say: it is to be looked again.
    [[nodiscard]] bool nudged() { return running_ && here_.by->nudged(); }
    /// To be awaited: ends at `until`, or when one of them has ended.
    [[nodiscard]] auto any_ended(core::time_point until) {
      // Racers end by the deadline themselves.
      return running_ ? here_.by->rung_or(until) : racers_->rung_or(until);
    }

   private:
    void run();
    void race(server_ptr target);
    void finish();

    dispatcher_impl& d_;
    core::call& life_;
    const forward& request_;
    // The first one needs no copy and no coroutine of its own.
    server_ptr target_;
    std::optional<busy_mark> busy_;
    attempt_result here_;
    bool running_ = false;  ///< here_.by works on it
    std::shared_ptr<racer> racers_;
  };

  /// A call from one wait to the next (dispatcher_call.cpp). No coroutine: its frame would hold all
  /// that is needed in passing, too.
  class running_call {
   public:
    enum class next : std::uint8_t {
      park,     ///< until parked() says, or it is woken
      connect,  ///< attempts() have to
      wait,     ///< for any_ended()
      done,     ///< the result is there
    };
    running_call(dispatcher_impl& d, const forward& request);
    /// Goes on as far as it can without waiting; after each wait.
    [[nodiscard]] next go_on();
    [[nodiscard]] const core::park& parked() const { return std::get<core::park>(step_); }
    [[nodiscard]] call_attempts& attempts() { return out_; }
    /// To be awaited.
    [[nodiscard]] auto any_ended() {
      return out_.any_ended(life_.look_at().value_or(core::time_point::max()));
    }
    [[nodiscard]] forward_result result();

   private:
    /// Does what step_ says; nothing where no wait comes of it.
    [[nodiscard]] std::optional<next> act();
    /// Looks at what is out; nothing where step_ says how it goes on.
    [[nodiscard]] std::optional<next> look(core::time_point at);
    void take(core::time_point at, ended_attempt& ended);
    void keep_answer(ended_attempt& ended);

    dispatcher_impl& d_;
    const forward& request_;
    core::call life_;
    call_attempts out_;
    core::call_step step_ = core::wait{};
    next waits_ = next::done;  ///< for what, now; at first for nothing
    bool ran_ = false;         ///< in_hand_ came from a server that has worked on the call
    std::unique_ptr<forwarded> in_hand_;  ///< the answer, unless a better one is found
  };

  void send_canary(core::server_id to, core::method_id method, const forward& request);
  boost::asio::awaitable<void> canary(server_ptr target, core::attempt_id attempt, std::string body,
                                      core::duration patience);
  void end_apart(core::attempt_id attempt, const attempt_result& result, const forward& request);
  /// One that is not the call's own: a hedge (`of` its racers) or a canary.
  boost::asio::awaitable<attempt_result> try_apart(server_ptr target, const forward& request,
                                                   std::shared_ptr<racer> of);
  void close_unwanted();
  boost::asio::awaitable<void> run_racer(server_ptr target, core::attempt_id attempt,
                                         std::shared_ptr<racer> shared, forward request,
                                         std::string body, std::vector<std::string> files);
  boost::asio::awaitable<void> run_orphan(server_ptr target, core::attempt_id attempt,
                                          attempt_result result, forward request);

  // Servers (dispatcher_servers.cpp).
  core::server_id add_server(const core::server_options& options, const server_address& address,
                             boost::asio::ip::tcp::endpoint endpoint);
  [[nodiscard]] std::unique_ptr<upstream_codec> make_codec(const server& target) const;
  void remove_server(core::server_id id);
  [[nodiscard]] group_ptr group_of(core::server_id id) const;
  boost::asio::awaitable<void> follow_name(group_ptr group);
  void take_addresses(host_group& group, const resolved& found);
  void record_lookup(const host_group& group, const std::string& error);

  // Verdicts (dispatcher_verdicts.cpp).
  void spread(const std::vector<core::verdict>& verdicts) const;

  // Probes (dispatcher_probe.cpp).
  boost::asio::awaitable<void> probe(server_ptr target);
  void learn(server& from, std::string_view answer_body);
  [[nodiscard]] bool may_multiplex(const server& target) const;
  boost::asio::awaitable<void> ask_for_trunks(server_ptr target, attempt_result& on);

  // Connections (dispatcher_connections.cpp).
  /// Which of the connections that rest: any (it is looked at when a call leaves on it), or one
  /// that is good.
  enum class take : std::uint8_t { unseen, good };
  /// What is there. Where it is not decided(), connect_to() has to make one.
  [[nodiscard]] attempt_result take_carrier(const server_ptr& target, const forward& request,
                                            take how);
  void take_connection(server& target, take how, attempt_result& result);
  boost::asio::awaitable<void> connect_to(server_ptr target, core::time_point deadline,
                                          attempt_result& result);
  boost::asio::awaitable<void> connect(server_ptr target, core::time_point deadline,
                                       attempt_result& result);
  [[nodiscard]] std::shared_ptr<upstream> make_upstream(const server_ptr& target);
  void record_tls(server& target, const std::string& why) const;
  void idle_ended(server& target, const upstream& connection, bool closed);
  void keep(server& target, attempt_result& ended);
  void watch_resting(core::time_point at);
  void open_trunk(const server_ptr& target);
  boost::asio::awaitable<void> follow_trunk(server_ptr target, std::shared_ptr<trunk> next);
  void record_trunk(const server& target) const;

  // Calls (dispatcher.cpp, dispatcher_call.cpp).
  [[nodiscard]] bool awaits_names(core::time_point deadline) const;
  boost::asio::awaitable<forward_result> carry_once_named(const forward& request);
  boost::asio::awaitable<forward_result> carry_call(const forward& request);
  /// Or until it is woken.
  boost::asio::awaitable<void> park_until(core::time_point until,
                                          std::optional<core::pending_id> turn);
  [[nodiscard]] core::outcome judge(const exchange& got) const;

  [[nodiscard]] std::shared_ptr<dispatcher_impl> self() {
    return std::static_pointer_cast<dispatcher_impl>(shared_from_this());
  }
  void wake_all();
  void wake_turns(const std::vector<core::pending_id>& turns);
  /// The time now.
  core::time_point notice_pause();
  /// Does what the pool wants done: after every event, and when its time has come.
  void settle();
  void settle(core::time_point at);  ///< right after notice_pause(), which said so
  void arm(core::time_point now);
  void tick();

  boost::asio::any_io_executor executor_;
  dispatcher_options options_;
  record_sink records_;
  description_sink learned_;
  verdict_sink verdicts_;
  core::pool pool_;
  std::map<core::server_id, server_ptr> servers_;
  std::vector<group_ptr> groups_;
  std::uint32_t groups_made_ = 0;
  std::size_t unresolved_ = 0;  ///< names whose first lookup has not ended
  std::list<parked_call*> parked_;
  std::unordered_map<core::pending_id, parked_call*> in_turn_;
  std::list<apart> apart_;
  boost::asio::steady_timer timer_;
  std::optional<core::time_point> armed_;
  std::optional<core::time_point> prune_at_;
  std::optional<core::time_point> watch_at_;
  std::vector<core::server_id> unwatched_;  ///< whose connections watch_resting() looks at
  core::time_point seen_at_{};              ///< the clock, when it was last looked at
  std::size_t busy_ = 0;                    ///< attempts that are out
  bool started_ = false;
  bool stopped_ = false;
};

}  // namespace understudy::net
