#include "app/admin/admin.hpp"

#include <atomic>

#include "app/admin/admin_events.hpp"
#include "app/fake_router.hpp"
#include "net/http_fixture.hpp"
#include "wire/json_text.hpp"

namespace understudy::test {
namespace {

using app::http_side;
using core::server_state;

class admin : public testing::Test {
 protected:
  explicit admin(http_side side = http_side::both) : fixture_(handlers(side)) {
    routes_.pools = {fake_router::pool("orders", {server_state::up, server_state::down})};
  }

  // Home is where the server runs: the executor is asked for when the first request is here.
  net::http_handler handlers(http_side side) {
    return [this, side](const net::http_request& request) { return handle(request, side); };
  }
  boost::asio::awaitable<net::http_response> handle(const net::http_request& request,
                                                    http_side side) {
    const auto home = co_await boost::asio::this_coro::executor;
    if (!handler_) {
      app::admin_parts parts{routes_,
                             home,
                             events_,
                             metrics_,
                             [this] { return draining_.load(); },
                             "1.2",
                             [] {
                               app::listener_status one;
                               one.name = "rpc";
                               one.address = "127.0.0.1:9500";
                               one.connections = 12;
                               return std::vector{one};
                             }};
      handler_ = app::make_http_handlers(std::move(parts), side)(routes_);
    }
    co_return co_await handler_(request);
  }

  net::http_response ask(std::string method, std::string path, std::string body = {},
                         std::vector<net::http_field> headers = {}) {
    net::http_request request;
    request.method = std::move(method);
    const auto question = std::min(path.find('?'), path.size());
    if (question < path.size()) {
      const auto equals = path.find('=');
      request.query.emplace_back(path.substr(question + 1, equals - question - 1),
                                 path.substr(equals + 1));
    }
    request.path = path.substr(0, question);
    request.body = std::move(body);
    request.headers = std::move(headers);
    return fixture_.fetch(request);
  }
  // The sentence of an error, or a failure of the test.
  std::string sentence(const net::http_response& response) {
    EXPECT_EQ(response.content_type, "application/json");
    EXPECT_TRUE(wire::json_valid(response.body)) << response.body;
    const auto error = wire::find_member(response.body, "error");
    return error ? wire::decode_string(*error) : "none in " + response.body;
  }
  void write(const std::string& kind) {
    core::record record;
    record.kind = kind;
    events_.write(record);
  }

  fake_router routes_;
  app::event_log events_;
  app::metrics metrics_;
  std::atomic<bool> draining_ = false;
  net::http_handler handler_;  ///< the server's
  http_fixture fixture_;
};

class admin_calls : public admin {
 protected:
  admin_calls() : admin(http_side::calls) {}
};
class admin_only : public admin {
 protected:
  admin_only() : admin(http_side::admin) {}
};

constexpr std::string_view call = R"({"method":"A@b","params":[1],"id":1})";

TEST_F(admin, serves_everything_on_one_address) {
  EXPECT_EQ(ask("POST", "/rpc", std::string(call)).body,
            R"({"jsonrpc":"2.0","id":1,"result":[1]})");
  for (const auto* path : {"/", "/healthz", "/readyz", "/status.json", "/metrics"}) {
    const auto response = ask("GET", path);
    EXPECT_EQ(response.status, 200) << path;
    EXPECT_NE(response.body, "") << path;
    const auto head = ask("HEAD", path);
    EXPECT_EQ(head.status, 200) << path;
    EXPECT_EQ(head.body, "") << path;
  }
  EXPECT_EQ(ask("GET", "/").body,
            "Understudy 1.2: /healthz /readyz /rpc /status.json /metrics /events "
            "/servers/POOL/HOST:PORT\n");
}

TEST_F(admin_calls, leaves_administration_to_its_own_address) {
  EXPECT_EQ(ask("POST", "/rpc", std::string(call)).status, 200);
  EXPECT_EQ(ask("GET", "/healthz").status, 200);
  EXPECT_EQ(ask("GET", "/readyz").status, 200);
  for (const auto* path : {"/status.json", "/metrics", "/events"}) {
    const auto response = ask("GET", path);
    EXPECT_EQ(response.status, 404) << path;
    EXPECT_NE(sentence(response).find("another address"), std::string::npos);
  }
  EXPECT_EQ(ask("POST", "/servers/orders/127.0.0.1:9501/drain").status, 404);
  EXPECT_TRUE(routes_.actions.empty());
}

TEST_F(admin_only, leaves_calls_to_their_own_address) {
  EXPECT_EQ(ask("POST", "/rpc", std::string(call)).status, 404);
  EXPECT_TRUE(routes_.bodies.empty());
  EXPECT_EQ(ask("GET", "/status.json").status, 200);
}

TEST_F(admin, says_what_is_wrong_with_a_path_or_method) {
  struct {
    std::string_view method;
    std::string_view path;
    int status;
    std::string_view allow;
  } const cases[] = {
      {"GET", "/nothing", 404, ""},
      {"GET", "/rpc/", 404, ""},
      {"GET", "/status.json/x", 404, ""},
      {"GET", "/rpc", 405, "POST"},
      {"HEAD", "/rpc", 405, "POST"},
      {"OPTIONS", "/rpc", 405, "POST"},
      {"POST", "/metrics", 405, "GET, HEAD"},
      {"DELETE", "/", 405, "GET, HEAD"},
      {"GE", "/", 405, "GET, HEAD"},
      {"GET", "/servers/orders/a:1", 405, "PUT, DELETE"},
      {"GET", "/servers/orders/a:1/drain", 405, "POST"},
      {"PUT", "/servers/orders/a:1/drain", 405, "POST"},
      {"GET", "/servers/", 404, ""},
      {"GET", "/servers/orders", 404, ""},
      {"POST", "/servers/orders/a:1/stop", 404, ""},
      {"PUT", "/servers/", 404, ""},
      {"PUT", "/servers/orders", 404, ""},
      {"PUT", "/servers/orders/a:1/stop", 404, ""},
      {"PUT", "/servers/orders/a:1/drain/x", 404, ""},
      {"PUT", "/servers/none/a:1", 404, ""},
      {"POST", "/servers/none/a:1/drain", 404, ""},
  };
  for (const auto& one : cases) {
    const auto response = ask(std::string(one.method), std::string(one.path));
    EXPECT_EQ(response.status, one.status) << one.method << ' ' << one.path;
    EXPECT_EQ(response.header("allow"), one.allow) << one.method << ' ' << one.path;
    if (one.method != "HEAD") {
      EXPECT_TRUE(sentence(response).ends_with('.')) << response.body;
    }
  }
  EXPECT_TRUE(routes_.actions.empty());
}

TEST_F(admin, refuses_pages_of_other_sites) {
  const std::string own_address = "http://" + fixture_.address();
  const std::vector<net::http_field> foreign[] = {
      {{"Origin", "http://evil.example"}},
      {{"Origin", "null"}},
      {{"Sec-Fetch-Site", "cross-site"}},
      {{"Sec-Fetch-Site", "same-site"}},
      {{"Sec-Fetch-Site", "cross-site"}, {"Origin", own_address}},
  };
  for (const auto& headers : foreign) {
    EXPECT_EQ(ask("POST", "/rpc", std::string(call), headers).status, 403);
    EXPECT_EQ(ask("POST", "/servers/orders/127.0.0.1:9501/drain", {}, headers).status, 403);
    EXPECT_EQ(ask("DELETE", "/servers/orders/127.0.0.1:9501", {}, headers).status, 403);
  }
  EXPECT_TRUE(routes_.bodies.empty());
  EXPECT_TRUE(routes_.actions.empty());
  EXPECT_EQ(
      ask("POST", "/rpc", std::string(call), {{"Origin", "http://" + fixture_.address()}}).status,
      200);
  EXPECT_EQ(ask("POST", "/rpc", std::string(call), {{"Sec-Fetch-Site", "same-origin"}}).status,
            200);
}

TEST_F(admin, changes_servers) {
  EXPECT_EQ(ask("PUT", "/servers/orders/127.0.0.1:9507").body, "{\"done\":true}\n");
  EXPECT_EQ(ask("PUT", "/servers/orders/[::1]:9507", R"({"priority":1,"weight":0.5,"ttl_ms":2000})")
                .status,
            200);
  EXPECT_EQ(ask("DELETE", "/servers/orders/127.0.0.1:9507").status, 200);
  EXPECT_EQ(ask("POST", "/servers/orders/127.0.0.1:9501/drain").status, 200);
  EXPECT_EQ(ask("POST", "/servers/orders/127.0.0.1:9501/resume").status, 200);
  EXPECT_EQ(routes_.actions, (std::vector<std::string>{
                                 "put priority=0 weight=1.000000 ttl=30000 orders 127.0.0.1:9507",
                                 "put priority=1 weight=0.500000 ttl=2000 orders [::1]:9507",
                                 "remove orders 127.0.0.1:9507",
                                 "drain orders 127.0.0.1:9501",
                                 "resume orders 127.0.0.1:9501",
                             }));
}

TEST_F(admin, passes_on_why_a_server_cannot_be_changed) {
  routes_.refusal_to_give = {"The pool orders is full.", false};
  for (const auto* path : {"/drain", "/resume"}) {
    const auto response = ask("POST", std::string("/servers/orders/x:1") + path);
    EXPECT_EQ(response.status, 409);
    EXPECT_EQ(sentence(response), routes_.refusal_to_give->sentence);
  }
  EXPECT_EQ(ask("PUT", "/servers/orders/x:1").status, 409);
  EXPECT_EQ(ask("DELETE", "/servers/orders/x:1").status, 409);
}

TEST_F(admin, an_unknown_server_is_not_found) {
  routes_.refusal_to_give = {"The pool orders has no server x:1.", true};
  EXPECT_EQ(ask("DELETE", "/servers/orders/x:1").status, 404);
  EXPECT_EQ(ask("POST", "/servers/orders/x:1/drain").status, 404);
  EXPECT_EQ(sentence(ask("POST", "/servers/orders/x:1/resume")), routes_.refusal_to_give->sentence);
}

TEST_F(admin, refuses_registrations_that_cannot_be_read) {
  for (const auto* body :
       {"[]", "1", "x", "{", R"({"priority":-1})", R"({"priority":1.5})", R"({"priority":"1"})",
        R"({"priority":99999999999})", R"({"weight":"1"})", R"({"weight":null})",
        R"({"weight":1e999})", R"({"ttl_ms":-1})", R"({"ttl_ms":true})", R"({"zone":"a"})",
        R"({"colour":1})", R"({"priority":1}x)"}) {
    const auto response = ask("PUT", "/servers/orders/127.0.0.1:1", body);
    EXPECT_EQ(response.status, 400) << body;
    EXPECT_NE(sentence(response), "") << body;
  }
  EXPECT_TRUE(routes_.actions.empty());
}

TEST_F(admin, is_ready_while_a_server_is_usable) {
  const auto ready = [this] { return ask("GET", "/readyz").status; };
  const auto pool_of = [](server_state state) {
    return std::vector{fake_router::pool("a", {server_state::down}),
                       fake_router::pool("b", {state})};
  };
  EXPECT_EQ(ready(), 200);
  draining_ = true;
  EXPECT_EQ(ready(), 503);
  EXPECT_EQ(sentence(ask("GET", "/readyz")), "The gateway is draining.");
  EXPECT_EQ(ask("GET", "/healthz").status, 200);
  draining_ = false;
  for (const auto state : {server_state::up, server_state::suspect, server_state::returning}) {
    routes_.pools = pool_of(state);
    EXPECT_EQ(ready(), 200);
  }
  for (const auto state : {server_state::down, server_state::drained}) {
    routes_.pools = pool_of(state);
    EXPECT_EQ(ready(), 503);
  }
  routes_.pools.clear();
  EXPECT_EQ(ready(), 503);
}

TEST_F(admin, shows_its_state) {
  for (int i = 1; i <= 30; ++i) write("k" + std::to_string(i));
  routes_.pools[0].services = {"A", "B"};
  routes_.pools[0].parked = 6;
  routes_.pools[0].servers[1].options.weight = 0.5;
  routes_.pools[0].servers[1].options.priority = 1;
  const auto body = ask("GET", "/status.json").body;
  ASSERT_TRUE(wire::json_valid(std::string_view(body).substr(0, body.size() - 1))) << body;
  const auto member = [](std::string_view object, std::string_view name) {
    return std::string(wire::find_member(object, name).value_or("missing"));
  };
  EXPECT_EQ(member(body, "version"), "\"1.2\"");
  EXPECT_EQ(member(body, "draining"), "false");
  EXPECT_EQ(member(body, "listeners"),
            R"([{"name":"rpc","address":"127.0.0.1:9500","connections":12}])");
  EXPECT_TRUE(wire::decode_int(member(body, "uptime_ms")));
  const auto pools = member(body, "pools");
  EXPECT_NE(
      pools.find(R"({"name":"orders","listen":"","services":["A","B"],"parked":6,)"
                 R"("queued":0,"servers":[)"
                 R"({"address":"127.0.0.1:9501","state":"up","priority":0,"weight":1,)"
                 R"("in_flight":0,"limit":0,"attempts":0,"failures":0,"share":1,"since_ms":)"),
      std::string::npos)
      << pools;
  EXPECT_NE(pools.find(R"("state":"down","priority":1,"weight":0.5,)"), std::string::npos) << pools;
  const auto events = member(body, "events");
  EXPECT_EQ(count_of(events, "\"number\":"), 20U);
  EXPECT_LT(events.find("\"k11\""), events.find("\"k30\""));
}

TEST_F(admin, writes_metrics) {
  const auto response = ask("GET", "/metrics");
  EXPECT_EQ(response.content_type, app::metrics_content_type);
  EXPECT_NE(response.body.find("understudy_connections{listener=\"rpc\"} 12\n"), std::string::npos);
  EXPECT_NE(response.body.find("understudy_servers{pool=\"orders\",state=\"down\"} 1\n"),
            std::string::npos);
}

TEST_F(admin, lists_events) {
  for (const auto* kind : {"a", "b", "c"}) write(kind);
  const auto list = [this](const std::string& path) {
    return ask("GET", path, {}, {{"Accept", "application/json"}});
  };
  EXPECT_EQ(count_of(list("/events").body, "\"number\":"), 3U);
  EXPECT_TRUE(list("/events?after=2").body.starts_with("[{\"number\":3,"));
  EXPECT_EQ(list("/events?after=3").body, "[]\n");
  for (const auto* bad : {"x", "-1", "1x", "99999999999999999999"}) {
    EXPECT_EQ(list(std::string("/events?after=") + bad).status, 400) << bad;
  }
}

std::string subscribe(std::string_view path, std::string_view header = {}) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(header) + "\r\n";
}

TEST_F(admin, streams_events) {
  write("before");
  raw_caller all(fixture_.address());
  raw_caller fresh(fixture_.address());
  raw_caller again(fixture_.address());
  all.send(subscribe("/events?after=0"));
  fresh.send(subscribe("/events"));
  again.send(subscribe("/events?after=0", "Last-Event-ID: 1\r\n"));
  for (auto* caller : {&all, &fresh, &again}) caller->read_past("\r\n\r\n");
  EXPECT_TRUE(all.read_past("\n\n").starts_with("id: 1\ndata: {\"number\":1,"));
  write("after");
  for (auto* caller : {&all, &fresh, &again}) {
    const auto text = caller->read_past("\n\n");
    EXPECT_TRUE(text.starts_with("id: 2\ndata: {\"number\":2,")) << text;
    EXPECT_NE(text.find("\"kind\":\"after\""), std::string::npos) << text;
  }
}

TEST_F(admin, limits_subscribers_and_forgets_those_that_left) {
  std::vector<std::unique_ptr<raw_caller>> callers;
  for (std::size_t i = 0; i < app::event_subscribers::subscribers_max; ++i) {
    callers.push_back(std::make_unique<raw_caller>(fixture_.address()));
    callers.back()->send(subscribe("/events"));
    EXPECT_TRUE(callers.back()->read_past("\r\n\r\n").starts_with("HTTP/1.1 200 "));
  }
  EXPECT_EQ(ask("GET", "/events").status, 503);
  callers.clear();
  EXPECT_TRUE(fixture_.comes_down_to(0));
  raw_caller next(fixture_.address());
  next.send(subscribe("/events"));
  EXPECT_TRUE(next.read_past("\r\n\r\n").starts_with("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace understudy::test
