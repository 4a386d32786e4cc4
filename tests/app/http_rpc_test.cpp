#include "app/gateway/http_rpc.hpp"

#include "app/fake_router.hpp"
#include "net/http_fixture.hpp"
#include "understudy/error.hpp"
#include "wire/json_text.hpp"

namespace understudy::test {
namespace {

class http_rpc : public testing::Test {
 protected:
  net::http_response post(std::string body, std::vector<net::http_field> headers = {}) {
    net::http_request request;
    request.method = "POST";
    request.path = "/rpc";
    request.body = std::move(body);
    request.headers = std::move(headers);
    return fixture_.fetch(request);
  }
  // What a single request with this id is answered.
  std::string answer_to_id(std::string_view id) {
    return post(R"({"jsonrpc":"2.0","method":"A@b","params":[1],"id":)" + std::string(id) + '}')
        .body;
  }

  fake_router routes_;
  app::rpc_limits limits_;
  http_fixture fixture_{[this](const net::http_request& request) {
    return app::serve_rpc(routes_, request, limits_);
  }};
};

TEST_F(http_rpc, answers_a_call) {
  const std::string body = R"({"jsonrpc":"2.0","method":"A@b","params":{"n":1.50},"id":"x"})";
  const auto response = post(body, {{"Content-Type", "application/json; charset=utf-8"}});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(response.body, R"({"jsonrpc":"2.0","id":"x","result":{"n":1.50}})");
  EXPECT_EQ(routes_.bodies, std::vector<std::string>{body});
}

TEST_F(http_rpc, forwards_the_bytes_as_received) {
  const std::string call =
      R"({ "context" : {"understudy":{"key":"k"},"a":1e400}, "extra":[18446744073709551616],)"
      R"("method":"A@b","params":[ "\u00e9", 0.10 ],"id":7 })";
  const auto response = post(" \r\n" + call + "\n");
  EXPECT_EQ(routes_.bodies, std::vector<std::string>{call});
  EXPECT_EQ(response.body, R"({"jsonrpc":"2.0","id":7,"result":[ "\u00e9", 0.10 ]})");
}

TEST_F(http_rpc, gives_the_id_back_byte_for_byte) {
  for (const auto* id : {"1", "-0", "1.50", "1e3", "99999999999999999999999999", "\"\"",
                         "\"a\\u0041\\/\"", "\"\xc3\xa9\"", "null"}) {
    EXPECT_EQ(answer_to_id(id),
              std::string(R"({"jsonrpc":"2.0","id":)") + id + R"(,"result":[1]})");
  }
}

TEST_F(http_rpc, refuses_ids_that_are_none) {
  for (const auto* id : {"true", "[]", "{}"}) {
    EXPECT_NE(answer_to_id(id).find(R"("id":null,"error":{"code":-32600,)"), std::string::npos)
        << id;
  }
  EXPECT_TRUE(routes_.bodies.empty());
}

TEST_F(http_rpc, executes_notifications_without_an_answer) {
  const auto response = post(R"({"jsonrpc":"2.0","method":"A@b"})");
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.body, "");
  EXPECT_EQ(response.header("content-length"), "");
  EXPECT_EQ(routes_.bodies.size(), 1U);
}

TEST_F(http_rpc, says_nothing_to_notifications_that_fail) {
  routes_.answer = [](const wire::request&) {
    return fake_router::own_error(code::no_server, "No server.");
  };
  EXPECT_EQ(post(R"({"method":"A@b"})").status, 204);
  EXPECT_EQ(post(R"({"method":"nothing"})").status, 204);
  EXPECT_EQ(post(R"({"method":"A@b","params":["@file"]})").status, 204);
  EXPECT_EQ(routes_.bodies.size(), 1U);
}

struct bad_body {
  std::string_view name;
  std::string body;
  int status;
  std::int64_t code;
  std::string_view id;
};

class http_rpc_bad_bodies : public http_rpc, public testing::WithParamInterface<bad_body> {};

TEST_P(http_rpc_bad_bodies, are_refused) {
  const auto response = post(GetParam().body);
  EXPECT_EQ(response.status, GetParam().status) << response.body;
  const auto error = wire::parse_answer(response.body);
  ASSERT_TRUE(error && error->is_error()) << response.body;
  EXPECT_EQ(error->code, GetParam().code) << response.body;
  EXPECT_EQ(wire::find_member(response.body, "id"), GetParam().id) << response.body;
  EXPECT_EQ(error->data, R"({"retry":false})");
  EXPECT_TRUE(routes_.bodies.empty());
}

const bad_body bad_bodies[] = {
    {"empty", "", 400, -32700, "null"},
    {"blank", " \n", 400, -32700, "null"},
    {"text", "hello", 400, -32700, "null"},
    {"interface_request", "@action_interface", 400, -32700, "null"},
    {"cut", R"({"method":"A@b","id":1)", 400, -32700, "null"},
    {"two_values", R"({"method":"A@b","id":1}{})", 400, -32700, "null"},
    {"not_utf8", "{\"method\":\"A@\xff\",\"id\":1}", 400, -32700, "null"},
    {"number", "0", 400, -32600, "null"},
    {"string", R"("A@b")", 400, -32600, "null"},
    {"empty_object", "{}", 400, -32600, "null"},
    {"no_method", R"({"params":[],"id":5})", 400, -32600, "5"},
    {"method_number", R"({"method":1,"id":5})", 400, -32600, "5"},
    {"method_without_at", R"({"method":"foo","id":"q"})", 200, -32602, "\"q\""},
    {"params_number", R"({"method":"A@b","params":1,"id":"q"})", 200, -32602, "\"q\""},
    {"file", R"({"method":"A@b","params":[1,"@file"],"id":2})", 200, -32602, "2"},
    {"file_escaped", R"({"method":"A@b","params":{"a":"\u0040file"},"id":2})", 200, -32602, "2"},
    {"empty_batch", " [ ] ", 400, -32600, "null"},
    {"cut_batch", R"([{"method":"A@b","id":1},)", 400, -32700, "null"},
    {"batch_then_more", R"([{"method":"A@b","id":1}]x)", 400, -32700, "null"},
};

INSTANTIATE_TEST_SUITE_P(all, http_rpc_bad_bodies, testing::ValuesIn(bad_bodies),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_F(http_rpc, takes_at_file_deeper_down_for_a_string) {
  EXPECT_EQ(post(R"({"method":"A@b","params":[["@file"]],"id":2})").body,
            R"({"jsonrpc":"2.0","id":2,"result":[["@file"]]})");
}

TEST_F(http_rpc, passes_errors_of_services_with_status_200) {
  for (const std::int64_t code : {std::int64_t{0}, std::int64_t{7}, code::no_server,
                                  code::overloaded, code::invalid_request, code::internal_error}) {
    routes_.answer = [code](const wire::request&) {
      return fake_router::service_error(code, "caf\xc3\xa9", "{\"a\": 1.0}");
    };
    const auto response = post(R"({"method":"A@b","id":3})");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.header("retry-after"), "");
    EXPECT_EQ(response.body, R"({"jsonrpc":"2.0","id":3,"error":{"code":)" + std::to_string(code) +
                                 R"(,"message":"café","data":{"a": 1.0}}})");
  }
}

TEST_F(http_rpc, maps_the_gateways_own_errors) {
  struct {
    std::int64_t code;
    std::int64_t retry_after_ms;
    int status;
    std::string_view retry_after;
  } const cases[] = {
      {code::no_server, 0, 503, "1"},      {code::overloaded, 1500, 503, "2"},
      {code::overloaded, 2000, 503, "2"},  {code::outcome_unknown, 0, 502, ""},
      {code::deadline_passed, 0, 504, ""}, {code::not_allowed, 0, 403, ""},
      {code::too_large, 0, 413, ""},       {code::method_not_found, 0, 200, ""},
  };
  for (const auto& one : cases) {
    routes_.answer = [&one](const wire::request&) {
      return fake_router::own_error(one.code, "Because.", one.retry_after_ms);
    };
    const auto response = post(R"({"method":"A@b","id":3})");
    EXPECT_EQ(response.status, one.status) << one.code;
    EXPECT_EQ(response.header("retry-after"), one.retry_after) << one.code;
    const auto error = wire::parse_answer(response.body);
    ASSERT_TRUE(error && error->is_error()) << response.body;
    EXPECT_EQ(error->code, one.code);
    EXPECT_EQ(error->data, R"({"retry":true})");
  }
}

TEST_F(http_rpc, refuses_results_that_are_files) {
  routes_.answer = [](const wire::request&) {
    auto out = fake_router::result("\"@file\"");
    out.files = {"content"};
    return out;
  };
  const auto response = post(R"({"method":"A@b","id":3})");
  EXPECT_EQ(response.status, 403);
  EXPECT_NE(response.body.find(R"("id":3,"error":{"code":-32004,)"), std::string::npos);
  EXPECT_EQ(response.body.find("content\""), std::string::npos);
}

TEST_F(http_rpc, answers_a_batch_in_order) {
  const auto response =
      post(R"([{"method":"A@b","params":[1],"id":1}, 5, {"method":"A@b","params":[2]},)"
           R"( {"method":"A@b","params":[3],"id":"c"}, {"id":9}])");
  EXPECT_EQ(response.status, 200);
  std::vector<std::string> ids;
  wire::for_each_member(response.body, [&ids](const wire::json_member& member) {
    ids.emplace_back(*wire::find_member(member.value, "id"));
    return true;
  });
  EXPECT_TRUE(wire::json_valid(response.body)) << response.body;
  EXPECT_EQ(ids, (std::vector<std::string>{"1", "null", "\"c\"", "9"}));
  EXPECT_EQ(routes_.bodies.size(), 3U);
  EXPECT_EQ(routes_.bodies.front(), R"({"method":"A@b","params":[1],"id":1})");
}

TEST_F(http_rpc, answers_no_batch_of_notifications) {
  const auto response = post(R"([{"method":"A@b"},{"method":"A@c"}])");
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.body, "");
  EXPECT_EQ(routes_.bodies.size(), 2U);
}

std::string batch_of(std::size_t count) {
  std::string out = "[";
  for (std::size_t i = 0; i < count; ++i) {
    out += (i == 0 ? "" : ",") + std::string(R"({"method":"A@b","params":[)") + std::to_string(i) +
           R"(],"id":)" + std::to_string(i) + '}';
  }
  return out + ']';
}

TEST_F(http_rpc, runs_a_bounded_number_of_a_batch_together) {
  const auto response = post(batch_of(limits_.batch_max));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(routes_.bodies.size(), limits_.batch_max);
  EXPECT_EQ(routes_.running_most, limits_.batch_running_max);
  std::size_t expected = 0;
  wire::for_each_member(response.body, [&expected](const wire::json_member& member) {
    EXPECT_EQ(wire::find_member(member.value, "id"), std::to_string(expected));
    EXPECT_EQ(wire::find_member(member.value, "result"), '[' + std::to_string(expected) + ']');
    ++expected;
    return true;
  });
  EXPECT_EQ(expected, limits_.batch_max);
}

TEST_F(http_rpc, refuses_a_batch_that_is_too_long) {
  const auto response = post(batch_of(limits_.batch_max + 1));
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(wire::parse_answer(response.body)->code, code::too_large);
  EXPECT_TRUE(routes_.bodies.empty());
}

TEST_F(http_rpc, begins_no_more_of_a_batch_when_its_answers_are_large) {
  limits_.batch_bytes_max = 1000;
  limits_.batch_running_max = 1;
  routes_.answer = [](const wire::request&) {
    return fake_router::result('"' + std::string(600, 'x') + '"');
  };
  const auto response = post(batch_of(5));
  EXPECT_EQ(routes_.bodies.size(), 2U);
  EXPECT_EQ(count_of(response.body, "\"result\":"), 2U);
  EXPECT_EQ(count_of(response.body, R"("error":{"code":-32005,)"), 3U);
  EXPECT_EQ(count_of(response.body, R"("data":{"retry":true})"), 3U);
}

TEST_F(http_rpc, refuses_types_that_forms_send) {
  for (const auto* type : {"text/plain", "application/x-www-form-urlencoded",
                           "multipart/form-data; boundary=x", "text/plain;application/json"}) {
    EXPECT_EQ(post(R"({"method":"A@b","id":1})", {{"Content-Type", type}}).status, 415) << type;
  }
  EXPECT_TRUE(routes_.bodies.empty());
  EXPECT_EQ(post(R"({"method":"A@b","id":1})", {{"Content-Type", "Application/JSON"}}).status, 200);
}

TEST_F(http_rpc, hands_on_what_headers_ask_for) {
  EXPECT_EQ(post(R"({"method":"A@b","id":1})", {{"Idempotency-Key", "k"},
                                                {"Understudy-Mode", "queued"},
                                                {"Understudy-Delay", "5"},
                                                {"Understudy-Order-By", "o"}})
                .status,
            200);
  ASSERT_TRUE(routes_.outside);
  EXPECT_EQ(routes_.outside->key, "k");
  EXPECT_EQ(routes_.outside->mode, core::call_mode::queued);
  EXPECT_EQ(routes_.outside->delay, std::chrono::milliseconds(5));
  EXPECT_EQ(routes_.outside->order, "o");
  post(R"({"method":"A@b","id":1})");
  EXPECT_FALSE(routes_.outside);
}

TEST_F(http_rpc, refuses_one_key_for_several_calls) {
  const char* two = R"([{"method":"A@b","id":1},{"method":"A@b","id":2}])";
  const auto response = post(two, {{"Idempotency-Key", "k"}});
  EXPECT_EQ(wire::parse_answer(response.body)->code, code::invalid_params);
  EXPECT_TRUE(routes_.bodies.empty());
}

TEST_F(http_rpc, a_deadline_by_header_goes_to_the_router) {
  post(R"({"method":"A@b","id":1})");
  EXPECT_EQ(routes_.deadline, std::nullopt);
  post(R"({"method":"A@b","id":1})", {{"Understudy-Deadline", "250"}});
  EXPECT_EQ(routes_.deadline, std::chrono::milliseconds{250});
  post(R"([{"method":"A@b","id":1}])", {{"Understudy-Deadline", "20"}});
  EXPECT_EQ(routes_.deadline, std::chrono::milliseconds{20});
  const auto response = post(R"({"method":"A@b","id":1})", {{"Understudy-Deadline", "soon"}});
  EXPECT_EQ(wire::parse_answer(response.body)->code, code::invalid_params);
  EXPECT_EQ(routes_.bodies.size(), 3U);
}

}  // namespace
}  // namespace understudy::test
