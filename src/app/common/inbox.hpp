// What other threads say to one thread, taken together.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace understudy::app {

/// Words that come close together (the answers to a whole commit) wake their reader once, and not
/// each by itself. They are the posted function's: where the reader's loop ends, they go with it.
template <typename Word>
class inbox : public std::enable_shared_from_this<inbox<Word>> {
 public:
  /// Any thread. `take(words)` runs on `reader` soon, with all words put until then, in that order.
  /// All that put pass the same reader, and a `take` that does the same.
  template <typename Take>
  void put(const boost::asio::any_io_executor& reader, Word word, Take take) {
    const std::lock_guard lock(mutex_);
    if (const auto words = open_.lock()) {
      words->push_back(std::move(word));
      return;
    }
    const auto words = std::make_shared<std::vector<Word>>();
    words->push_back(std::move(word));
    open_ = words;
    boost::asio::post(reader, [self = this->shared_from_this(), words, take = std::move(take)] {
      self->close();
      take(*words);
    });
  }

 private:
  /// What is put from now on goes into the next one.
  void close() {
    const std::lock_guard lock(mutex_);
    open_.reset();
  }

  std::mutex mutex_;
  std::weak_ptr<std::vector<Word>> open_;  ///< on its way, and not yet taken
};

}  // namespace understudy::app
