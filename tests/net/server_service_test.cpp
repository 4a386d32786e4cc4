// Registration, arguments, exceptions and middleware, as callers see them.
#include <gtest/gtest.h>

#include <stdexcept>

#include "support/test_server.hpp"

namespace understudy::test {
namespace {

struct shape {
  std::string name;
  omittable<std::vector<double>> sides;
};
BOOST_DESCRIBE_STRUCT(shape, (), (name, sides))

/// Every way to write a method.
struct sample {
  int plain(int a, int b) { return a - b; }
  [[nodiscard]] std::string constant(std::string_view text) const noexcept {
    return std::string(text);
  }
  std::string with_context(const context& about, int n) {
    return about.method() + " " + about.key() + " " + about.call() + " " +
           std::to_string(about.attempt() + n);
  }
  task<std::string> later(const context& about, const std::string& text) {
    co_await sleep_for(std::chrono::milliseconds(1));
    co_return text + (about.peer().starts_with("127.0.0.1:") ? " from here" : "");
  }
  task<> later_void() { co_await sleep_for(std::chrono::milliseconds(1)); }
  task<int> later_throws() {
    co_await sleep_for(std::chrono::milliseconds(1));
    throw rpc_error(7, "later", R"({"a":1})");
  }
  std::string describe(const shape& given) {
    return given.name + " " + std::to_string(given.sides ? given.sides->size() : 0);
  }
  std::string maybe_file(const std::optional<file>& f) { return f ? f->bytes() : "none"; }
  std::optional<file> maybe_download(bool give) {
    return give ? std::optional(file("bytes")) : std::nullopt;
  }
  void throws(const std::string& what) {
    if (what == "std") throw std::runtime_error("a std::exception");
    if (what == "int") throw 5;
    if (what == "bad data") throw rpc_error(8, "m", "{not json");
    throw rpc_error(9, "\xFF!");
  }
  double infinite() { return 1e300 * 1e300; }
  std::string binary() { return "\xFF"; }
};

service<sample> sample_service() {
  service<sample> s("Sample");
  s.method("plain", &sample::plain, {"a", {"b", 1}}).nonblocking().idempotent();
  s.method("constant", &sample::constant, {"text"}).comment("Says it again.").idempotent();
  s.method("withContext", &sample::with_context, {"n"}).nonblocking();
  s.method("later", &sample::later, {"text"});
  s.method("laterVoid", &sample::later_void);
  s.method("laterThrows", &sample::later_throws);
  s.method("describe", &sample::describe, {"given"}).nonblocking();
  s.method("maybeFile", &sample::maybe_file, {{"f", nullptr}});
  s.method("maybeDownload", &sample::maybe_download, {"give"});
  s.method("throws", &sample::throws, {"what"}).nonblocking();
  s.method("throwsOnWorker", &sample::throws, {"what"});
  s.method("infinite", &sample::infinite).nonblocking();
  s.method("binary", &sample::binary);
  s.method("free", [](std::vector<int> numbers) { return numbers.size(); }, {"numbers"});
  return s;
}

std::string ask(wire_socket& peer, std::string_view method, std::string_view params,
                std::string_view about = "[]") {
  const auto body = peer.ask(request_text("Sample@" + std::string(method), params, about));
  constexpr std::string_view start = R"({"jsonrpc":"2.0","id":"",)";
  EXPECT_TRUE(body.starts_with(start)) << body;
  return body.substr(start.size(), body.size() - start.size() - 1);
}

TEST(Services, AnswerByTheirMethods) {
  test_server serving({}, [](server& s) { s.add(sample_service()); });
  wire_socket peer(serving.port());
  const std::string stored = R"({"understudy":{"call":"c-1","attempt":2,"key":"k\/1"}})";
  const std::tuple<std::string, std::string, std::string> cases[] = {
      {"plain", "[5,2]", R"("result":3)"},
      {"PLAIN", "[5]", R"("result":4)"},
      {"plain", "[5,2,7,8]", R"("result":3)"},
      {"plain", R"({"b":1,"a":"9"})", R"("result":8)"},
      {"plain", R"({"\u0061":9})", R"("result":8)"},
      {"constant", R"(["\u4e16"])", R"("result":"世")"},
      {"withContext", "[1]", R"("result":"Sample@withContext k\/1 c-1 3")"},
      {"later", R"(["x"])", R"("result":"x from here")"},
      {"laterVoid", "[]", R"("result":null)"},
      {"laterThrows", "[]", R"("error":{"code":7,"message":"later","data":{"a":1}})"},
      {"describe", R"([{"name":"triangle","sides":[1,2,"3"]}])", R"("result":"triangle 3")"},
      {"describe", R"([{"name":"point"}])", R"("result":"point 0")"},
      {"describe", R"([{"name":"x","sides":[1,{}]}])",
       R"("error":{"code":-32602,"message":"Parameter given: params.0.sides.1: a number is )"
       R"(needed, not an object","data":null})"},
      {"describe", R"({"given":[]})",
       R"("error":{"code":-32602,"message":"Parameter given: params.given.name: it is missing",)"
       R"("data":null})"},
      {"plain", "[]", R"("error":{"code":-32602,"message":"Parameter a is missing","data":null})"},
      {"plain", R"({"a":1,"c":1})",
       R"("error":{"code":-32602,"message":"Unknown named parameter $c","data":null})"},
      {"maybeFile", "[]", R"("result":"none")"},
      {"maybeFile", R"(["@file"])", R"("result":"none")"},
      {"maybeDownload", "[false]", R"("result":null)"},
      {"throws", R"(["std"])", R"("error":{"code":0,"message":"a std::exception","data":null})"},
      {"throws", R"(["int"])", R"("error":{"code":0,"message":"unknown exception","data":null})"},
      {"throws", R"(["bad data"])", R"("error":{"code":8,"message":"m","data":null})"},
      {"throws", R"(["x"])", "\"error\":{\"code\":9,\"message\":\"\uFFFD!\",\"data\":null}"},
      {"throwsOnWorker", R"(["int"])",
       R"("error":{"code":0,"message":"unknown exception","data":null})"},
      {"infinite", "[]",
       R"("error":{"code":-32603,"message":"A number is infinite or no number: JSON has none )"
       R"(such","data":null})"},
      {"binary", "[]",
       R"("error":{"code":-32603,"message":"A text is not UTF-8: JSON cannot carry it",)"
       R"("data":null})"},
      {"free", "[[1,2]]", R"("result":2)"},
      {"nope", "[]",
       R"("error":{"code":-32601,"message":"Method nope is not found in Sample","data":null})"},
  };
  for (const auto& [method, params, wanted] : cases)
    EXPECT_EQ(ask(peer, method, params, stored), wanted) << method << params;
  EXPECT_EQ(answer_kind(peer.ask(request_text("sample@plain", "[1]"))), "-32601");
}

TEST(Services, TakeFilesInOrder) {
  test_server serving({}, [](server& s) { s.add(sample_service()); });
  wire_socket peer(serving.port());
  const auto file_frame = [](std::string_view body) {
    auto frame = message_frame(body);
    frame[7] = 1;
    return frame;
  };
  peer.send(file_frame("first"));
  EXPECT_EQ(ask(peer, "maybeFile", R"(["@file"])"), R"("result":"first")");
  EXPECT_EQ(ask(peer, "maybeFile", R"(["@file"])"), R"("result":"none")") << "it was kept";
  peer.send(file_frame("x"));
  EXPECT_EQ(
      ask(peer, "plain", R"(["@file"])"),
      R"("error":{"code":-32602,"message":"Parameter a: params.0: it is no file","data":null})");
  peer.send_message(request_text("Sample@maybeDownload", "[true]"));
  EXPECT_EQ(peer.receive().value(), (wire_frame{1, "bytes"}));
  EXPECT_EQ(peer.receive().value().body, R"({"jsonrpc":"2.0","id":"","result":"@file"})");
}

TEST(Services, DescribeThemselves) {
  test_server serving({}, [](server& s) { s.add(sample_service()); });
  wire_socket peer(serving.port());
  const auto all = from_json_text<json>(peer.ask("@action_interface"));
  const auto& methods = all.at("result").at("Sample").as_object();
  const auto text = [&](const char* method) { return to_json_text(json(methods.at(method))); };
  EXPECT_EQ(text("plain"), R"({"parameters":[{"name":"a","type":"int"},)"
                           R"({"name":"b","type":"int","default":1}],)"
                           R"("returnType":"int","comment":"@idempotent"})");
  EXPECT_EQ(text("constant"), R"({"parameters":[{"name":"text","type":"string"}],)"
                              R"("returnType":"string","comment":"Says it again.\n@idempotent"})");
  EXPECT_EQ(text("maybeFile"),
            R"({"parameters":[{"name":"f","type":"think\\File","default":null,"nullable":true}],)"
            R"("returnType":"string","comment":false})");
  EXPECT_EQ(text("laterVoid"), R"({"parameters":[],"returnType":"void","comment":false})");
}

TEST(Services, RegistrationMistakesAreSentences) {
  const auto refused = [](auto&& act) -> std::string {
    try {
      act();
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "accepted";
  };
  service<sample> s("S");
  EXPECT_EQ(refused([&] { s.method("plain", &sample::plain, {"a"}); }),
            "Method plain has 2 parameters, but 1 were named");
  EXPECT_EQ(refused([&] {
              s.method("plain", &sample::plain, {"a", "a"});
            }),
            "Method plain has two parameters named a");
  EXPECT_EQ(
      refused([&] {
        s.method("plain", &sample::plain, {"a", {"b", "x"}});
      }),
      "Method plain: the default of b is not of its type: an integer is needed, not a string");
  EXPECT_EQ(refused([&] { s.comment("of what?"); }), "S has no method yet to speak of");
  s.method("plain", &sample::plain, {"a", "b"});
  EXPECT_EQ(refused([&] {
              s.method("Plain", &sample::plain, {"a", "b"});
            }),
            "S has a method Plain already (upper and lower case do not tell methods apart)");
  EXPECT_EQ(refused([] { service<sample> bad("a@b"); }),
            "A service needs a name without \"@\", not \"a@b\"");
  server serving;
  serving.add(s);
  EXPECT_EQ(refused([&] { serving.add(s); }), "There is a service S already");
  EXPECT_THROW(serving.listen("nowhere"), std::runtime_error);
  EXPECT_THROW(serving.listen("203.0.113.1:1"), std::runtime_error);
}

TEST(Middleware, SeesRefusesAndAlters) {
  std::vector<std::string> seen;
  const middleware outer = [&](context& about, const next_handler& next) -> task<reply> {
    return [](std::vector<std::string>& log, context& call, next_handler go) -> task<reply> {
      if (call.text() == R"({"token":"bad"})") throw rpc_error(code::not_allowed, "who are you?");
      auto answer = co_await go();
      log.push_back(call.method() + " " + answer.text);
      co_return answer;
    }(seen, about, next);
  };
  const middleware inner = [](context& about, const next_handler& next) {
    about.set_text(R"({"altered":true})");
    return next();
  };
  test_server serving({}, [&](server& s) { s.use(outer).use(inner); });
  wire_socket peer(serving.port());
  EXPECT_EQ(peer.ask(request_text("UserInterface@context", "[]", R"({"token":"good"})")),
            R"({"jsonrpc":"2.0","id":"","result":{"altered":true}})");
  EXPECT_EQ(seen, std::vector<std::string>{R"(UserInterface@context {"altered":true})"});
  EXPECT_EQ(
      answer_kind(peer.ask(request_text("UserInterface@hello", R"(["x"])", R"({"token":"bad"})"))),
      "-32004");
  EXPECT_EQ(answer_kind(peer.ask(request_text("UserInterface@fail", "[]"))), "42");
}

}  // namespace
}  // namespace understudy::test
