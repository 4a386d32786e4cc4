#include "app/gateway/gateway_frames.hpp"

#include <utility>

#include "app/gateway/caller.hpp"
#include "wire/answer.hpp"
#include "wire/frame.hpp"
#include "wire/request.hpp"

namespace understudy::app {

namespace {

constexpr std::size_t kept_bytes = 1024;  // of a method's name, which may fill a frame

class forwarding_handler final : public net::frame_handler {
 public:
  forwarding_handler(std::shared_ptr<router> routes, std::string pool, std::uint64_t caller)
      : routes_(std::move(routes)), pool_(std::move(pool)), caller_(caller) {}

  // Every answer has to be fetched: there is no fast path.
  bool handle_now(net::frame_call&, std::string&) override { return false; }

  boost::asio::awaitable<void> handle(net::frame_call& call, std::string& out) override {
    if (const auto wrong = wire::parse_request(call.body, request_)) {
      wire::append_error_frame(out, wrong->code, wrong->message);
      give_back();
      co_return;
    }
    std::vector<std::string_view> files(call.files.begin(), call.files.end());
    route_terms terms;
    terms.only = pool_;
    terms.caller = caller_;
    const routed answer = co_await routes_->route(request_, call.body, std::move(files), terms);
    for (const std::string& file : answer.files) {
      wire::append_frame(out, wire::frame_type::file, file);
    }
    wire::append_frame(out, wire::frame_type::message, answer.body);
    give_back();
  }

 private:
  void give_back() {
    if (request_.method.capacity() > kept_bytes) std::string().swap(request_.method);
  }

  std::shared_ptr<router> routes_;
  std::string pool_;
  std::uint64_t caller_;
  wire::request request_;  ///< the running one; its memory is used again
};

}  // namespace

net::frame_handler_factory forward_frames(std::shared_ptr<router> routes, std::string pool) {
  return [routes = std::move(routes), pool = std::move(pool)](const std::string& peer) {
    return std::make_unique<forwarding_handler>(routes, pool, caller_of(peer));
  };
}

}  // namespace understudy::app
