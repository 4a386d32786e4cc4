// Whether anything has come on connections that rest: one question for all of a burst of sends.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <cstdint>

#include "net/outbox.hpp"

namespace understudy::net {

/// Who is about to send on a connection that has rested must know that its peer has not ended it,
/// and has not said what nobody asked for. To ask the kernel costs a system call: here for all
/// connections of a loop at once, and for a whole burst of the outbox (docs/adr/0013-one-look.md).
///
/// One for each event loop, made when it is first asked for; used on its thread only.
class arrivals final : public boost::asio::execution_context::service {
 public:
  using key_type = arrivals;

  explicit arrivals(boost::asio::execution_context& owner);
  ~arrivals() override;
  arrivals(const arrivals&) = delete;
  arrivals& operator=(const arrivals&) = delete;
  [[nodiscard]] static arrivals& of(const boost::asio::any_io_executor& executor);

  /// A connection's place; it goes before the descriptor is closed.
  class place {
   public:
    place(arrivals& all, int descriptor);
    ~place();
    place(const place&) = delete;
    place& operator=(const place&) = delete;
    /// Nothing is there to be read, no end of the stream either, as of a moment in the burst that
    /// is leaving, or now. False: something may be there.
    [[nodiscard]] bool quiet() const;

   private:
    friend class arrivals;
    arrivals& all_;
    int descriptor_;
    bool known_;                      ///< to the kernel
    std::uint64_t stirred_last_ = 0;  ///< the last look that found something
  };

 private:
  void shutdown() override {}
  void look();

  outbox& sends_;
  int set_;
  std::uint64_t looks_ = 0;
  std::uint64_t burst_ = 0;  ///< of the last look
  bool complete_ = false;    ///< the last look saw all that was there
};

}  // namespace understudy::net
