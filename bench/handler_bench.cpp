// What one call costs the server library between its socket's two ends: 16 frames are cut, each
// request is taken apart, its method run, the answer written.
#include <benchmark/benchmark.h>

#include <boost/asio/io_context.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "net/server_handler.hpp"
#include "understudy/service.hpp"
#include "wire/frame.hpp"

namespace {

using namespace understudy;

constexpr std::string_view hello =
    R"({"jsonrpc":"2.0","method":"UserInterface@hello","params":["world"],"context":[],"id":""})";
constexpr int calls = 16;  // that come together

struct user {
  [[nodiscard]] std::string hello(const std::string& name) const { return "hello, " + name; }
};

std::shared_ptr<net::server_registry> registry() {
  service<user> users("UserInterface");
  users.method("hello", &user::hello, {"name"}).nonblocking();
  auto made = std::make_shared<net::server_registry>();
  made->add(std::move(users));
  made->freeze();
  return made;
}

void handler_hello(benchmark::State& state) {
  boost::asio::io_context context;
  net::server_handler handler(registry(), executor(), context.get_executor(), "127.0.0.1:1");
  std::string stream;
  for (int i = 0; i < calls; ++i) wire::append_frame(stream, wire::frame_type::message, hello);
  wire::frame_reader reader;
  net::frame_call call;
  std::string out;
  for (auto _ : state) {
    out.clear();
    const auto room = reader.prepare(stream.size());
    std::memcpy(room.data(), stream.data(), stream.size());
    reader.commit(stream.size());
    for (;;) {
      const auto next = reader.next();
      const auto* const frame = std::get_if<wire::frame>(&next);
      if (frame == nullptr) break;
      call.body = frame->body;
      if (!handler.handle_now(call, out)) state.SkipWithError("the call waits");
    }
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(calls * state.iterations());
}
BENCHMARK(handler_hello);

}  // namespace
