// Long works: what is told of them, and how they end.
#include "app/database/database_job.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "db/tool.hpp"

namespace understudy::app {
namespace {

namespace json = boost::json;

json::value json_of(const database_job& job) {
  std::string out;
  append_json(out, job.now());
  return json::parse(out);
}

void wait_for_end(const database_job& job) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!job.now().ended && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

TEST(DatabaseJob, TellsHowFarItIsAndWhatItFound) {
  database_job job("verify", [&](database_job& self) {
    self.tell({"rows", "shop.orders", 1, 3, 4000});
    while (!db::stopped(&self.interrupted())) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return database_job::outcome{true, R"({"equal":true})"};
  });
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (job.now().progress.rows == 0 && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(json_of(job),
            json::parse(R"({"kind":"verify","phase":"rows","table":"shop.orders",)"
                        R"("done":1,"total":3,"rows":4000,"ended":false,"ok":false})"));
  job.stop();
  wait_for_end(job);
  const json::value end = json_of(job);
  EXPECT_TRUE(end.at("ended").as_bool());
  EXPECT_TRUE(end.at("ok").as_bool());
  EXPECT_TRUE(end.at("report").at("equal").as_bool());
}

TEST(DatabaseJob, ItsEndInterruptsTheWork) {
  bool stopped = false;
  {
    database_job job("verify", [&](database_job& self) {
      while (!db::stopped(&self.interrupted())) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      stopped = true;
      return database_job::outcome{};
    });
  }
  EXPECT_TRUE(stopped);
}

TEST(DatabaseJob, AnExceptionIsItsReport) {
  database_job job("adopt", [](database_job&) -> database_job::outcome {
    throw std::runtime_error("no \"memory\"");
  });
  wait_for_end(job);
  const json::value end = json_of(job);
  EXPECT_FALSE(end.at("ok").as_bool());
  EXPECT_EQ(end.at("report").at("failed").as_string(), "no \"memory\"");
}

}  // namespace
}  // namespace understudy::app
