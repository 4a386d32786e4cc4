// All database clusters of a gateway.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/database/database.hpp"

namespace understudy::app {

/// Has two threads: one supervises, one carries what applications say to their databases.
///
/// The constructor, start(), configure() and stop() are for one thread, none of its own; the rest
/// for any executor. The destructor stops.
class databases {
 public:
  databases(std::vector<database_config> configs, coordination_config coordination,
            event_log& events);
  ~databases();
  databases(const databases&) = delete;
  databases& operator=(const databases&) = delete;

  /// Binds every address, then serves. std::runtime_error with a sentence, see database.
  void start();
  /// Those that differ are made anew: their connections are cut. Where one can not be had there is
  /// a sentence, and it is gone: then it is for the caller to configure what was before.
  [[nodiscard]] std::vector<std::string> configure(const std::vector<database_config>& configs);
  void stop();

  [[nodiscard]] boost::asio::awaitable<std::vector<database_status>> status();
  /// An order for the database of this name, made by `order` from what is configured; a sentence
  /// where it is refused, empty: it will be carried out. Nothing: there is no such database.
  using order_maker = std::function<core::order(const database&)>;
  [[nodiscard]] boost::asio::awaitable<std::optional<std::string>> ask(std::string name,
                                                                       order_maker order);
  /// The same for all else that is asked of a database. The function may not wait.
  using question = std::function<std::string(database&)>;
  [[nodiscard]] boost::asio::awaitable<std::optional<std::string>> with(std::string name,
                                                                        question what);
  /// `write` and `read` of a database, with real ports; empty: there is none.
  [[nodiscard]] std::string address(const std::string& name, const std::string& endpoint);

 private:
  struct lane {
    boost::asio::io_context context{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
        context.get_executor()};
    std::thread thread;
    void run() {
      thread = std::thread([this] { context.run(); });
    }
    void stop();
  };
  [[nodiscard]] std::unique_ptr<database> make(const database_config& config);
  [[nodiscard]] std::vector<std::string> take_over(const std::vector<database_config>& configs);
  [[nodiscard]] database* find(const std::string& name);

  event_log& events_;
  coordination_config coordination_;
  core::supervisor_id me_;
  lane supervising_;
  lane carrying_;
  std::vector<std::unique_ptr<database>> all_;
};

}  // namespace understudy::app
