// Answers one connection's calls from the registered services.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "net/frame_server.hpp"
#include "net/server_registry.hpp"
#include "understudy/task.hpp"
#include "wire/request.hpp"

namespace understudy::net {

/// A call that may wait: owns all it needs, since it may outlive its connection.
struct server_call {
  std::shared_ptr<const server_registry> registry;
  const detail::method_definition* method = nullptr;
  std::shared_ptr<void> object;
  context about;
  std::string params;
  std::vector<file> files;
  std::string text{};  ///< of the result
  detail::invocation invocation{};
};

/// Finds each parameter's argument among `params` (raw JSON, which must outlive the call), its
/// default or its file; rpc_error -32602 for what is missing or unknown. `elements` are those of
/// `params`, if they are known.
void bind_arguments(detail::invocation& call, const detail::method_definition& method,
                    std::string_view params, std::span<const std::string_view> elements,
                    std::vector<file>& files);

class server_handler : public frame_handler {
 public:
  server_handler(std::shared_ptr<const server_registry> registry, executor lane,
                 boost::asio::any_io_executor io, std::string peer);

  bool handle_now(frame_call& call, std::string& out) override;
  boost::asio::awaitable<void> handle(frame_call& call, std::string& out) override;

 private:
  bool answer_now(frame_call& call, std::string& out);
  void run_now(frame_call& call, std::string& out);
  void release_memory();
  const server_registry::entry* find(const std::string& method);
  const std::shared_ptr<void>& object_of(std::size_t service);

  std::shared_ptr<const server_registry> registry_;
  executor lane_;
  boost::asio::any_io_executor io_;
  std::shared_ptr<const std::string> peer_;
  std::vector<std::shared_ptr<void>> objects_;  ///< by service, made when first called
  std::string method_;  ///< that was looked up last: callers repeat themselves
  const server_registry::entry* entry_ = nullptr;  ///< what was found
  wire::request request_;  ///< of this call; its memory and that of `about_` serve the next, too
  context about_;          ///< of a call that does not wait
};

}  // namespace understudy::net
