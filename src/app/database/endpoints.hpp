// Where applications connect to a database: `write` leads to its primary, `read` to its replicas.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/config/database_config.hpp"
#include "net/sql_proxy.hpp"

namespace understudy::app {

struct endpoint_status {
  std::string name;  ///< "write" or "read"
  std::string address;
  net::sql_status_report now;
};

/// Used on its executor's thread alone, but for its construction, listen() and address().
class endpoints {
 public:
  endpoints(const boost::asio::any_io_executor& executor, const database_config& config);
  ~endpoints() { stop(); }
  endpoints(const endpoints&) = delete;
  endpoints& operator=(const endpoints&) = delete;

  /// std::runtime_error with a sentence where an address is not to be had.
  void listen();
  /// Where `write` leads in this epoch. Ends a hold.
  void write_to(const std::string& primary, std::uint32_t epoch);
  /// Clients of `write` wait, until write_to(). Ends a hold.
  void write_nowhere();
  /// Where `read` leads.
  void read_from(const std::vector<std::string>& nodes, std::uint32_t epoch);
  /// For a switchover, until write_to(). `done` where nothing leads to the primary any more; not
  /// called where it ended before that was so.
  void hold(std::function<void()> done);
  [[nodiscard]] std::vector<endpoint_status> status() const;
  /// With its real port, once it listens; empty: there is no such endpoint.
  [[nodiscard]] std::string address(const std::string& name) const;
  void stop();

 private:
  struct one {
    std::string name;
    std::string address;  ///< as configured; then as it is
    std::shared_ptr<net::sql_proxy> proxy;
  };
  void add(std::string name, const std::string& listen, bool to_primary);

  boost::asio::any_io_executor executor_;
  std::size_t connections_max_;
  std::vector<one> all_;
  std::shared_ptr<net::sql_proxy> write_;  ///< nullptr: there is none
  std::shared_ptr<net::sql_proxy> read_;
};

}  // namespace understudy::app
