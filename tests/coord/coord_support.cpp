#include "coord_support.hpp"

#include <stdlib.h>

#include <filesystem>

namespace understudy::coord {

core::topology topology_of(std::uint64_t gen, std::uint32_t epoch, std::uint64_t by) {
  core::topology t;
  t.epoch = core::epoch{epoch};
  t.gen = core::generation{gen};
  t.by = core::supervisor_id{by};
  t.phase = core::phase::stable;
  t.primary = core::node_id{1};
  for (std::uint16_t number = 1; number <= 3; ++number) {
    core::node_entry node;
    node.id = core::node_id{number};
    node.address = "10.0.0." + std::to_string(number) + ":3306";
    t.nodes.push_back(node);
  }
  t.sync.insert(core::node_id{2});
  t.sync.insert(core::node_id{3});
  return t;
}

temp_folder::temp_folder() {
  path_ = (std::filesystem::temp_directory_path() / "understudy-coord-XXXXXX").string();
  if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("can not make " + path_);
}

temp_folder::~temp_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void loop::run(boost::asio::awaitable<void> what) {
  bool done = false;
  boost::asio::co_spawn(io_, std::move(what), [&done](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
    done = true;
  });
  until([&done] { return done; });
}

void loop::until(const std::function<bool()>& done) {
  const auto deadline = in(test::patience);
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("it never came");
    io_.restart();
    io_.run_one_for(10ms);
  }
}

void loop::for_a_while(core::duration time) {
  const auto deadline = in(time);
  while (std::chrono::steady_clock::now() < deadline) {
    io_.restart();
    io_.run_one_until(deadline);
  }
}

}  // namespace understudy::coord
