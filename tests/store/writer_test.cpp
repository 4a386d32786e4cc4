// The thread of the store: what it shares, what it tells when, and how it ends.
#include <atomic>
#include <future>
#include <thread>

#include "store/sqlite/sqlite_store.hpp"
#include "store/support/answers.hpp"
#include "store/support/calls.hpp"

namespace understudy::store {
namespace {

class Writer : public ::testing::Test {
 protected:
  Writer() {
    options.calls.file = folder.file();
    options.calls.fresh_tag = "tag";
    options.disk_free_share = 0;
  }
  acceptance accept(sqlite_store& store, const new_call& call) {
    return answer_of<acceptance>([&](auto answered) { store.accept(call, std::move(answered)); });
  }
  store_counts counts(sqlite_store& store) {
    return answer_of<store_counts>([&](auto answered) { store.counts(std::move(answered)); });
  }
  std::vector<std::string> verify(sqlite_store& store) {
    return answer_of<std::vector<std::string>>(
        [&](auto answered) { store.verify(std::move(answered)); });
  }

  temporary_folder folder;
  sqlite_options options;
  listening_sink sink;
};

TEST_F(Writer, CarriesACallFromAcceptanceToItsEnd) {
  sqlite_store store(options, sink);
  EXPECT_EQ(store.tag(), "tag");
  store.grant(1);
  const acceptance accepted = accept(store, call_now("Orders"));
  ASSERT_EQ(accepted.what, acceptance::kind::accepted) << accepted.reason;
  const auto claimed = sink.wait_claimed(1);
  EXPECT_EQ(claimed[0].id, accepted.id);
  const auto report = report_of(claimed[0], call_state::done);
  EXPECT_TRUE(answer_of<bool>([&](auto a) { store.report(report, std::move(a)); }));
  EXPECT_EQ(sink.wait_ended(1)[0].payload, "\"ok\"");
  EXPECT_FALSE(answer_of<bool>([&](auto a) { store.report(report, std::move(a)); }));
  EXPECT_EQ(counts(store).fenced, 1U);
  const auto list =
      answer_of<std::vector<call_view>>([&](auto a) { store.list(call_filter{}, std::move(a)); });
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0].state, call_state::done);
  EXPECT_EQ(verify(store), std::vector<std::string>());
}

TEST_F(Writer, PutsManyCallsIntoOneCommit) {
  sqlite_store store(options, sink);
  constexpr int threads = 8;
  constexpr int each = 200;
  std::atomic<int> answered = 0;
  std::vector<std::thread> callers;
  for (int t = 0; t < threads; ++t) {
    callers.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        store.accept(call_now("Orders"), [&](acceptance got) {
          if (got.what == acceptance::kind::accepted) ++answered;
        });
      }
    });
  }
  for (auto& thread : callers) thread.join();
  const store_counts all = counts(store);
  EXPECT_EQ(answered, threads * each);
  EXPECT_EQ(store.accepting(), 0U);
  EXPECT_EQ(all.services.at(0).waiting, static_cast<std::uint64_t>(threads * each));
  EXPECT_LT(all.commits, static_cast<std::uint64_t>(threads * each) / 2);
}

TEST_F(Writer, WakesForACallThatIsDueAndForADeadline) {
  sqlite_store store(options, sink);
  store.grant(1);
  new_call later = call_now("Orders");
  later.due = later.terms.deadline - 1h + 50ms;
  accept(store, later);
  EXPECT_EQ(sink.claims(), 0U);
  sink.wait_claimed(1);
  new_call brief = call_now("Orders");
  brief.terms.deadline += -1h + 50ms;
  const call_id id = accept(store, brief).id;
  const auto ended = sink.wait_ended(1);
  EXPECT_EQ(ended[0].id, id);
  EXPECT_EQ(ended[0].state, call_state::expired);
}

TEST_F(Writer, AnswersAllThatWasAskedBeforeItsEnd) {
  std::atomic<int> answered = 0;
  constexpr int count = 3000;
  {
    sqlite_store store(options, sink);
    store.grant(count);
    for (int i = 0; i < count; ++i) {
      store.accept(call_now("Orders"), [&](acceptance) { ++answered; });
    }
    store.verify([&](auto) { ++answered; });
  }
  EXPECT_EQ(answered, count + 1);
  EXPECT_EQ(sink.claims(), static_cast<std::size_t>(count));
  sqlite_store store(options, sink);
  EXPECT_EQ(counts(store).services.at(0).accepted, static_cast<std::uint64_t>(count));
}

TEST_F(Writer, RefusesASecondProcess) {
  sqlite_store store(options, sink);
  try {
    sqlite_store second(options, sink);
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find("another process"), std::string::npos) << e.what();
  }
}

TEST_F(Writer, RefusesCallsWhileTheDiskIsAlmostFull) {
  options.disk_free_share = 2;
  options.disk_free_bytes = ~std::uint64_t{0};
  sqlite_store store(options, sink);
  const acceptance refused = accept(store, call_now("Orders"));
  EXPECT_EQ(refused.what, acceptance::kind::refused);
  EXPECT_NE(refused.reason.find("disk"), std::string::npos) << refused.reason;
}

TEST_F(Writer, ChecksTheFileAfterAnUncleanEnd) {
  std::promise<std::vector<std::string>> checked;
  options.checked = [&](const auto& found) { checked.set_value(found); };
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  // It is not closed.
  std::make_unique<sqlite::sqlite_calls>(options.calls, now).reset();
  {
    sqlite_store store(options, sink);
    EXPECT_EQ(checked.get_future().get(), std::vector<std::string>());
  }
  // A second answer would throw.
  sqlite_store store(options, sink);
  EXPECT_EQ(verify(store), std::vector<std::string>());
}

}  // namespace
}  // namespace understudy::store
