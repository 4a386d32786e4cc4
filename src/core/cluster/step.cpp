#include "core/cluster/step.hpp"

namespace understudy::core {

namespace {

struct naming {
  std::string_view operator()(const hold&) const { return "hold"; }
  std::string_view operator()(const revoke&) const { return "revoke"; }
  std::string_view operator()(const promote&) const { return "promote"; }
  std::string_view operator()(const open&) const { return "open"; }
  std::string_view operator()(const close&) const { return "close"; }
  std::string_view operator()(const follow&) const { return "follow"; }
  std::string_view operator()(const wait_for_acks&) const { return "wait_for_acks"; }
  std::string_view operator()(const cut&) const { return "cut"; }
  std::string_view operator()(const kill_server&) const { return "kill"; }
  std::string_view operator()(const start_server&) const { return "start"; }
  std::string_view operator()(const clone&) const { return "clone"; }
  std::string_view operator()(const repair&) const { return "repair"; }
  std::string_view operator()(const salvage&) const { return "salvage"; }
};

}  // namespace

std::string_view name_of(const step& what) {
  return std::visit(naming{}, what);
}

bool by_agent(const step& what) {
  return std::holds_alternative<kill_server>(what) || std::holds_alternative<start_server>(what) ||
         std::holds_alternative<clone>(what) || std::holds_alternative<repair>(what) ||
         std::holds_alternative<salvage>(what);
}

}  // namespace understudy::core
