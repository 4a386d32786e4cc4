// When what a lane has to send leaves: several sends one behind the other, not each as it comes.
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/execution_context.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace understudy::net {

/// To wake a process that sleeps costs the sender more than the rest of a send does; of sends that
/// follow each other closely only the first has to. So each waits while the loop has other things
/// at hand that add sends, until `together` of them wait; where the loop has nothing else to do,
/// they leave at once. Nothing waits for time to pass.
///
/// What reads after it has sent waits a turn, too: it would nearly always find nothing yet.
///
/// One for each event loop, made when it is first asked for; used on its thread only.
class outbox final : public boost::asio::execution_context::service {
 public:
  using key_type = outbox;
  static constexpr std::size_t together = 16;

  explicit outbox(boost::asio::execution_context& owner);
  [[nodiscard]] static outbox& of(const boost::asio::any_io_executor& executor);

  /// `send()` is called when its time has come, never from within; not at all where the loop ends
  /// before.
  template <typename Send>
  void add(Send send) {
    waiting_.emplace_back(std::move(send));
    if (waiting_.size() == 1) begin();
  }
  /// To be awaited: goes on when it is time to send.
  [[nodiscard]] auto turn() {
    return boost::asio::async_initiate<const boost::asio::deferred_t, void()>(
        [](auto handler, outbox* self) { self->add(std::move(handler)); }, boost::asio::deferred,
        this);
  }
  /// The number of the burst that is leaving, from within; else 0.
  [[nodiscard]] std::uint64_t leaving() const { return leaving_.empty() ? 0 : bursts_; }

  /// `then()` is called behind all that is ready now.
  template <typename Then>
  void later(Then then) {
    later_.emplace_back(std::move(then));
    if (later_.size() == 1) post_later();
  }
  /// To be awaited: goes on behind all that is ready now.
  [[nodiscard]] auto pause() {
    return boost::asio::async_initiate<const boost::asio::deferred_t, void()>(
        [](auto handler, outbox* self) { self->later(std::move(handler)); }, boost::asio::deferred,
        this);
  }

 private:
  /// Any `send`, without memory of its own: it holds little.
  class entry {
   public:
    template <typename Send>
    explicit entry(Send send) : act_(&act_on<Send>) {
      static_assert(sizeof(Send) <= sizeof(place_) && alignof(Send) <= alignof(void*));
      static_assert(std::is_nothrow_move_constructible_v<Send>);
      ::new (place_.data()) Send(std::move(send));
    }
    entry(entry&& other) noexcept : act_(std::exchange(other.act_, nullptr)) {
      if (act_ != nullptr) act_(other.place_.data(), place_.data());
    }
    entry& operator=(entry&&) = delete;
    ~entry() {
      if (act_ != nullptr) act_(place_.data(), nullptr);
    }
    void operator()() { act_(place_.data(), place_.data()); }

   private:
    /// To another place: moves there. To nowhere: destroys. To itself: calls.
    template <typename Send>
    static void act_on(void* from, void* to) {
      auto& send = *std::launder(static_cast<Send*>(from));
      if (to == from) {
        std::move(send)();
        return;
      }
      if (to != nullptr) ::new (to) Send(std::move(send));
      send.~Send();
    }

    void (*act_)(void* from, void* to);
    alignas(void*) std::array<std::byte, 4 * sizeof(void*)> place_;
  };

  void shutdown() override;
  void begin();
  void look();
  void flush();
  void post_later();

  boost::asio::any_io_executor executor_;
  std::vector<entry> waiting_;
  std::vector<entry> leaving_;
  std::vector<entry> later_;
  std::vector<entry> now_;    ///< what was later
  std::size_t seen_ = 0;      ///< how many waited at the last look
  std::uint64_t bursts_ = 0;  ///< so far
};

}  // namespace understudy::net
