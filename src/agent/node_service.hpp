// The agent's calls: NodeInterface.
#pragma once

#include <functional>
#include <memory>

#include "agent/copy_giver.hpp"
#include "agent/keeper.hpp"
#include "agent/proof.hpp"
#include "understudy/service.hpp"

namespace understudy::agent {

/// What the calls are answered from; they may outlast the server by a moment.
struct node_face {
  node_face(std::string secret, core::node_id node, std::function<void(const std::string&)> told,
            std::string secret_before = {})
      : caller(std::move(secret), node, std::move(secret_before)), log(std::move(told)) {}
  door caller;
  std::function<void(const std::string&)> log;  ///< any thread; or nothing
  std::unique_ptr<keeper> work;                 ///< null: the server is somebody else's
  db::copy_source* source = nullptr;            ///< of copies; the work's, or outlives it
  std::unique_ptr<copy_giver> copies;           ///< goes before the work

  std::mutex mutex;
  core::time_point warned_at{};
  unsigned unwarned = 0;
};

/// Each method but `challenge` takes one sealed call and answers with a sealed answer: `look`,
/// `begin`, `work`, `measure` and `copy`; but the last two alone where there is no work. Error
/// -32004: not proven; its data says whether another nonce is due. What a node refuses or fails in
/// is said in the answer.
[[nodiscard]] service_definition node_service(const std::shared_ptr<node_face>& face);

}  // namespace understudy::agent
