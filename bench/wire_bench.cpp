// Micro benchmarks of the codec: frames, requests, answers, as they pass the server and gateway.
#include <benchmark/benchmark.h>

#include <cstring>
#include <string>
#include <string_view>
#include <variant>

#include "wire/answer.hpp"
#include "wire/frame.hpp"
#include "wire/json_text.hpp"
#include "wire/request.hpp"

namespace {

using namespace understudy::wire;

constexpr std::string_view hello =
    R"({"jsonrpc":"2.0","method":"UserInterface@hello","params":["world"],"context":[],"id":""})";
constexpr std::string_view hello_answer = R"({"jsonrpc":"2.0","id":"","result":"hello, world"})";

/// A request or answer with a string of about `bytes` in it.
std::string sized(std::string_view before, std::int64_t bytes, std::string_view after) {
  std::string text(before);
  text.append(static_cast<std::size_t>(bytes), 'x');
  return text.append(after);
}

std::string request_of(std::int64_t bytes) {
  return sized(R"({"jsonrpc":"2.0","method":"UserInterface@echo","params":[")", bytes,
               R"("],"context":[],"id":""})");
}

void count_bytes(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * state.iterations());
}

void frame_reader_cuts(benchmark::State& state) {
  std::string stream;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    append_frame(stream, frame_type::message, hello);
  }
  frame_reader reader;
  for (auto _ : state) {
    const auto room = reader.prepare(stream.size());
    std::memcpy(room.data(), stream.data(), stream.size());
    reader.commit(stream.size());
    while (true) {
      const auto result = reader.next();
      if (!std::holds_alternative<frame>(result)) break;
      benchmark::DoNotOptimize(result);
    }
  }
  state.SetItemsProcessed(state.range(0) * state.iterations());
}
BENCHMARK(frame_reader_cuts)->Arg(1)->Arg(16);

void frame_append(benchmark::State& state) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_frame(out, frame_type::message, hello_answer);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(frame_append);

void request_parse_hello(benchmark::State& state) {
  for (auto _ : state) {
    auto request = parse_request(hello);
    benchmark::DoNotOptimize(request);
  }
  count_bytes(state, hello.size());
}
BENCHMARK(request_parse_hello);

void request_parse(benchmark::State& state) {
  const std::string body = request_of(state.range(0));
  for (auto _ : state) {
    auto request = parse_request(body);
    benchmark::DoNotOptimize(request);
  }
  count_bytes(state, body.size());
}
BENCHMARK(request_parse)->Arg(1 << 10)->Arg(1 << 20);

void request_append(benchmark::State& state) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_request(out, "UserInterface@hello", R"(["world"])");
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(request_append);

void answer_parse_hello(benchmark::State& state) {
  for (auto _ : state) {
    auto read = parse_answer(hello_answer);
    benchmark::DoNotOptimize(read);
  }
  count_bytes(state, hello_answer.size());
}
BENCHMARK(answer_parse_hello);

void answer_parse(benchmark::State& state) {
  const std::string body = sized(R"({"jsonrpc":"2.0","id":"","result":")", state.range(0), R"("})");
  for (auto _ : state) {
    auto read = parse_answer(body);
    benchmark::DoNotOptimize(read);
  }
  count_bytes(state, body.size());
}
BENCHMARK(answer_parse)->Arg(1 << 10)->Arg(1 << 20);

void answer_append_result(benchmark::State& state) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_result(out, R"("hello, world")");
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(answer_append_result);

void answer_append_error(benchmark::State& state) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_error(out, -32001, "The server was lost while it worked on the call.");
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(answer_append_error);

void json_append_string(benchmark::State& state) {
  const std::string text(static_cast<std::size_t>(state.range(0)), 'x');
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_string(out, text);
    benchmark::DoNotOptimize(out.data());
  }
  count_bytes(state, text.size());
}
BENCHMARK(json_append_string)->Arg(16)->Arg(1 << 10);

}  // namespace
