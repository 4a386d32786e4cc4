// What is said to etcd, and what is understood of its answers: taken from a 3.4.23.
#include "coord/etcd/etcd_json.hpp"

#include <gtest/gtest.h>

#include <string>

#include "coord/etcd/base64.hpp"

namespace understudy::coord::etcd {
namespace {

TEST(Base64, IsThatOfTheStandard) {
  const char* const pairs[][2] = {{"", ""},
                                  {"f", "Zg=="},
                                  {"fo", "Zm8="},
                                  {"foo", "Zm9v"},
                                  {"foob", "Zm9vYg=="},
                                  {"fooba", "Zm9vYmE="},
                                  {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : pairs) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
}

TEST(Base64, KeepsAllBytes) {
  std::string bytes;
  for (int i = 0; i < 600; ++i) {
    bytes += static_cast<char>(i * 7);
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
  }
}

TEST(Base64, RefusesOtherTexts) {
  for (const char* text :
       {"Z", "Zg", "Zg=", "Zh==", "Zg==Zg==", "Zm9v=", "Zm-v", "Zm9v\n", "===="}) {
    EXPECT_EQ(from_base64(text), std::nullopt) << text;
  }
}

TEST(EtcdJson, SaysWhatIsMeant) {
  EXPECT_EQ(range_text("/a"), R"({"key":"L2E="})");
  EXPECT_EQ(grant_text(2), R"({"TTL":"2"})");
  EXPECT_EQ(lease_text(2324035715662437130), R"({"ID":"2324035715662437130"})");
  EXPECT_EQ(watch_text("/a"), R"({"create_request":{"key":"L2E="}})");
  condition when;
  when.key = "/a";
  when.changed_at = 0;
  std::vector<put> then(2);
  then[0] = {"/a", "x", 0};
  then[1] = {"/b", "y", 77};
  EXPECT_EQ(txn_text(when, then, "/a"),
            R"({"compare":[{"key":"L2E=","target":"MOD","mod_revision":"0"}],)"
            R"("success":[{"request_put":{"key":"L2E=","value":"eA=="}},)"
            R"({"request_put":{"key":"L2I=","value":"eQ==","lease":"77"}}],)"
            R"("failure":[{"request_range":{"key":"L2E="}}]})");
  when.changed_at = 12;
  when.value = "x";
  then.resize(1);
  EXPECT_EQ(txn_text(when, then, "/b"),
            R"({"compare":[{"key":"L2E=","target":"MOD","mod_revision":"12"},)"
            R"({"key":"L2E=","target":"VALUE","value":"eA=="}],)"
            R"("success":[{"request_put":{"key":"L2E=","value":"eA=="}}],)"
            R"("failure":[{"request_range":{"key":"L2I="}}]})");
}

const std::string head =
    R"({"header":{"cluster_id":"324952591200643719","member_id":"3319814642761637952",)"
    R"("revision":"3","raft_term":"2"})";

TEST(EtcdJson, UnderstandsARange) {
  auto range = parse_range(head + "}");
  ASSERT_TRUE(range);
  EXPECT_FALSE(range->found);
  range = parse_range(head + R"(,"kvs":[{"key":"L2E=","create_revision":"2","mod_revision":"3",)"
                             R"("version":"2","value":"eQ==","lease":"77"}],"count":"1"})");
  ASSERT_TRUE(range && range->found);
  EXPECT_EQ(range->found->value, "y");
  EXPECT_EQ(range->found->changed_at, 3);
  EXPECT_EQ(range->found->lease, 77);
  range = parse_range(head + R"(,"kvs":[{"key":"L2E=","mod_revision":"3"}],"count":"1"})");
  ASSERT_TRUE(range && range->found);
  EXPECT_EQ(range->found->value, "");
}

TEST(EtcdJson, UnderstandsATxn) {
  auto txn = parse_txn(
      head + R"(,"succeeded":true,"responses":[{"response_put":{"header":{"revision":"3"}}}]})");
  ASSERT_TRUE(txn);
  EXPECT_TRUE(txn->succeeded);
  EXPECT_EQ(txn->revision, 3);
  txn = parse_txn(head + R"(,"responses":[{"response_range":{"header":{"revision":"3"},)"
                         R"("kvs":[{"key":"L2E=","mod_revision":"2","value":"eA=="}]}}]})");
  ASSERT_TRUE(txn && txn->found);
  EXPECT_FALSE(txn->succeeded);
  EXPECT_EQ(txn->found->value, "x");
  txn = parse_txn(head + R"(,"responses":[{"response_range":{"header":{"revision":"3"}}}]})");
  ASSERT_TRUE(txn);
  EXPECT_FALSE(txn->found);
}

TEST(EtcdJson, UnderstandsLeases) {
  const auto granted = parse_grant(head + R"(,"ID":"2324035715662437130","TTL":"2"})");
  ASSERT_TRUE(granted);
  EXPECT_EQ(granted->lease, 2324035715662437130);
  EXPECT_EQ(granted->ttl_seconds, 2);
  const auto kept = parse_kept(R"({"result":)" + head + R"(,"ID":"123","TTL":"2"}})" + "\n");
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->ttl_seconds, 2);
  const auto gone = parse_kept(R"({"result":)" + head + R"(,"ID":"123"}})");
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->ttl_seconds, 0);
}

TEST(EtcdJson, UnderstandsAWatch) {
  const auto made = parse_watch(R"({"result":)" + head + R"(,"created":true}})");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->events, 0U);
  EXPECT_FALSE(made->over);
  const auto told = parse_watch(R"({"result":)" + head + R"(,"events":[{"kv":{}},{"kv":{}}]}})");
  ASSERT_TRUE(told);
  EXPECT_EQ(told->events, 2U);
  const auto over = parse_watch(R"({"result":)" + head + R"(,"canceled":true}})");
  ASSERT_TRUE(over);
  EXPECT_TRUE(over->over);
}

TEST(EtcdJson, KnowsErrors) {
  const std::string error = R"({"error":"etcdserver: requested lease not found",)"
                            R"("message":"etcdserver: requested lease not found","code":5})";
  EXPECT_EQ(parse_error(error), "etcdserver: requested lease not found");
  EXPECT_EQ(parse_error(R"({"error":{"grpc_code":14,"message":"no leader"}})"), "no leader");
  EXPECT_EQ(parse_error("{}"), "");
  EXPECT_EQ(parse_error("<html>"), "");
}

TEST(EtcdJson, TakesNothingElseForAnAnswer) {
  for (const std::string& text :
       {std::string(), std::string("<html>"), std::string("{}"), std::string("[]"),
        std::string(R"({"error":"x","code":5})"), std::string(R"({"header":7})"),
        head + R"(,"kvs":{},"responses":{},"ID":{}})", head + R"(,"kvs":[1],"responses":[1]})",
        head + R"(,"kvs":[{"mod_revision":"x"}],"responses":[{"response_range":7}]})",
        head + R"(,"kvs":[{"mod_revision":"0"}],"succeeded":1,"responses":[]})",
        head + R"(,"kvs":[{"mod_revision":"5","value":"?"}]})",
        head + R"(,"kvs":[{"mod_revision":"99999999999999999999"}]})"}) {
    EXPECT_FALSE(parse_range(text)) << text;
    EXPECT_FALSE(parse_txn(text)) << text;
    EXPECT_FALSE(parse_grant(text)) << text;
    EXPECT_FALSE(parse_kept(text)) << text;
    EXPECT_FALSE(parse_kept("{\"result\":" + text + "}")) << text;
    EXPECT_FALSE(parse_watch(text)) << text;
  }
}

}  // namespace
}  // namespace understudy::coord::etcd
