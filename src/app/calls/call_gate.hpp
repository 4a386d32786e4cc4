// In front of a lane's router where calls can be stored: direct calls pass, others go to the desk.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/calls/call_desk.hpp"
#include "app/calls/call_rules.hpp"
#include "app/gateway/router.hpp"

namespace understudy::app {

/// The desk works at home; a caller's answer then comes back to its lane. One lane's own.
class call_gate final : public router {
 public:
  call_gate(std::shared_ptr<router> inner, std::shared_ptr<call_desk> desk,
            boost::asio::any_io_executor home, bool on_home,
            std::shared_ptr<const call_rules> rules)
      : inner_(std::move(inner)),
        desk_(std::move(desk)),
        home_(std::move(home)),
        on_home_(on_home),
        rules_(std::move(rules)) {}

  void configure(std::shared_ptr<const call_rules> rules) { rules_ = std::move(rules); }

  boost::asio::awaitable<routed> route(const wire::request& request, std::string_view body,
                                       std::vector<std::string_view> files,
                                       route_terms terms) override;

 private:
  boost::asio::awaitable<routed> at_home(boost::asio::awaitable<routed> work);

  std::shared_ptr<router> inner_;
  std::shared_ptr<call_desk> desk_;
  boost::asio::any_io_executor home_;
  bool on_home_;
  std::shared_ptr<const call_rules> rules_;
};

}  // namespace understudy::app
