// How fast the call store on SQLite accepts, claims and ends calls, on a real disk.
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "core/dice.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace {

using namespace understudy;
using steady = std::chrono::steady_clock;

constexpr const char* usage =
    R"(Usage: store_bench [--folder DIR] [--calls N] [--waiting N] [--keyed] [--only WORDS]

Measures the call store on SQLite with every commit on disk (synchronous=FULL).

  --folder DIR   where the file is made and removed again (default: the folder for
                 temporary files; it should be on a disk, not in memory)
  --calls N      calls in each of the short measurements (default 200000)
  --waiting N    calls that come to wait in the long one (default 1000000)
  --keyed        the long one with random keys
  --only WORDS   only the measurements whose names contain them
)";

struct settings {
  std::string folder = std::filesystem::temp_directory_path();
  std::size_t calls = 200'000;
  std::size_t waiting = 1'000'000;
  bool keyed = false;
  std::string only;
};

double seconds_since(steady::time_point start) {
  return std::chrono::duration<double>(steady::now() - start).count();
}

// Of this process, all threads: unlike a rate it says little about who else uses the machine.
double cpu_seconds() {
  struct rusage used {};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

// Of this process, in MiB.
double resident() {
  std::ifstream in("/proc/self/statm");
  long pages = 0;
  in >> pages >> pages;
  return static_cast<double>(pages) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20U);
}

class calls_maker {
 public:
  explicit calls_maker(bool keyed) : keyed_(keyed) {}
  store::new_call make() {
    store::new_call call;
    call.service = "OrderInterface";
    call.method = "OrderInterface@place";
    call.params = body_;
    call.context = "{}";
    call.terms.deadline = deadline_;
    if (!keyed_) return call;
    call.key = "order-" + std::to_string(dice_.next());
    for (std::size_t i = 0; i < 16; i += 8) {
      const std::uint64_t half = dice_.next();
      std::memcpy(call.key_print.data() + i, &half, 8);
      std::memcpy(call.content_print.data() + i, &half, 8);
    }
    return call;
  }

 private:
  bool keyed_;
  core::dice dice_{static_cast<std::uint64_t>(steady::now().time_since_epoch().count())};
  std::string body_ = "[{\"item\":\"" + std::string(180, 'x') + "\"}]";
  store::wall_time deadline_ =
      std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()) +
      std::chrono::hours{24};
};

// Reports each claim as done at once, and grants its place again.
class quick_worker : public store::call_sink {
 public:
  void claimed(std::vector<store::claimed_call> calls) override {
    for (const auto& each : calls) {
      store::attempt_report report;
      report.id = each.id;
      report.token = each.token;
      report.payload = "{\"ok\":true}";
      on->report(std::move(report), nullptr);
    }
    on->grant(calls.size());
  }
  void ended(std::vector<store::call_ending> calls) override {
    done += calls.size();
    done.notify_all();
  }
  store::call_store* on = nullptr;
  std::atomic<std::size_t> done = 0;
};

struct measured {
  double per_second = 0;
  double commits_per_call = 0;
  double cpu_us_per_call = 0;
};

store::store_counts counts_of(store::call_store& store) {
  std::atomic<bool> done = false;
  store::store_counts out;
  store.counts([&](store::store_counts counts) {
    out = std::move(counts);
    done = true;
    done.notify_one();
  });
  done.wait(false);
  return out;
}

// So many are always asked for and not answered; each answer asks for the next `batch`.
measured accept_many(store::call_store& store, std::size_t count, std::size_t in_flight,
                     std::size_t batch, bool keyed) {
  calls_maker maker(keyed);
  // No lock: what the one who asks does to wait must not be what is measured.
  std::atomic<std::size_t> answered = 0;
  const auto wait_for = [&answered](std::size_t least) {
    for (std::size_t seen = 0; (seen = answered) < least;) answered.wait(seen);
  };
  const auto before = counts_of(store).commits;
  const double cpu_before = cpu_seconds();
  const auto start = steady::now();
  for (std::size_t asked = 0; asked < count;) {
    if (asked + batch > in_flight) wait_for(asked + batch - in_flight);
    for (std::size_t i = 0; i < batch && asked < count; ++i, ++asked) {
      store.accept(maker.make(), [&](const store::acceptance& got) {
        if (got.what != store::acceptance::kind::accepted) {
          std::fprintf(stderr, "refused: %s\n", got.reason.c_str());
          std::exit(1);
        }
        if (++answered % batch == 0 || answered == count) answered.notify_one();
      });
    }
  }
  wait_for(count);
  const double took = seconds_since(start);
  const double cpu = cpu_seconds() - cpu_before;
  const auto commits = static_cast<double>(counts_of(store).commits - before);
  const auto calls = static_cast<double>(count);
  return {calls / took, commits / calls, cpu * 1e6 / calls};
}

void print(const char* what, const measured& got) {
  std::printf("%-42s %8.0f /s %8.4f fsyncs %7.1f us of CPU a call\n", what, got.per_second,
              got.commits_per_call, got.cpu_us_per_call);
  std::fflush(stdout);
}

class bench {
 public:
  explicit bench(settings asked) : asked_(std::move(asked)) {
    folder_ = asked_.folder + "/store_bench_XXXXXX";
    if (::mkdtemp(folder_.data()) == nullptr) {
      std::perror(folder_.c_str());
      std::exit(1);
    }
  }
  ~bench() { std::filesystem::remove_all(folder_); }
  bench(const bench&) = delete;
  bench& operator=(const bench&) = delete;

  void run() {
    accepting("accept, 1 in flight", asked_.calls / 20, 1, 1, false);
    accepting("accept, 64 in flight", asked_.calls, 64, 1, false);
    accepting("accept, 256 in flight", asked_.calls, 256, 1, false);
    accepting("accept, 256 in flight, random keys", asked_.calls, 256, 1, true);
    accepting("accept, batches of 100, 1,000 in flight", asked_.calls, 1000, 100, false);
    completing();
    carrying();
    if (asked("waiting")) waiting();
  }

 private:
  [[nodiscard]] bool asked(std::string_view what) const {
    return what.find(asked_.only) != std::string_view::npos;
  }
  store::sqlite_options options(const char* name) {
    store::sqlite_options out;
    out.calls.file = folder_ + "/" + name;
    out.calls.fresh_tag = "bench";
    return out;
  }

  void accepting(const char* what, std::size_t count, std::size_t in_flight, std::size_t batch,
                 bool keyed) {
    if (!asked(what)) return;
    quick_worker sink;
    {
      store::sqlite_store store(options("accept.db"), sink);
      print(what, accept_many(store, count, in_flight, batch, keyed));
    }
    for (const char* end : {"", "-wal", "-shm", ".lock"}) {
      std::filesystem::remove(folder_ + "/accept.db" + end);
    }
  }

  void completing() {
    constexpr const char* what = "claim and complete, 1,000 at a time";
    if (!asked(what)) return;
    quick_worker sink;
    store::sqlite_store store(options("complete.db"), sink);
    sink.on = &store;
    accept_many(store, asked_.calls, 1000, 100, false);
    const auto before = counts_of(store).commits;
    const double cpu_before = cpu_seconds();
    const auto start = steady::now();
    store.grant(1000);
    for (std::size_t done = 0; (done = sink.done) < asked_.calls;) sink.done.wait(done);
    const double count = static_cast<double>(asked_.calls);
    print(what, {count / seconds_since(start),
                 static_cast<double>(counts_of(store).commits - before) / count,
                 (cpu_seconds() - cpu_before) * 1e6 / count});
  }

  // The life of a durable call: accepted and claimed in one commit, and done in another.
  void carrying() {
    constexpr const char* what = "accept, claim and complete, 256 in flight";
    if (!asked(what)) return;
    quick_worker sink;
    store::sqlite_store store(options("carry.db"), sink);
    sink.on = &store;
    store.grant(1000);
    const auto before = counts_of(store).commits;
    const double cpu_before = cpu_seconds();
    const auto start = steady::now();
    accept_many(store, asked_.calls, 256, 1, false);
    for (std::size_t done = 0; (done = sink.done) < asked_.calls;) sink.done.wait(done);
    const double count = static_cast<double>(asked_.calls);
    print(what, {count / seconds_since(start),
                 static_cast<double>(counts_of(store).commits - before) / count,
                 (cpu_seconds() - cpu_before) * 1e6 / count});
  }

  void waiting() {
    constexpr std::size_t step = 1'000'000;
    std::vector<measured> rates;
    quick_worker sink;
    {
      store::sqlite_store store(options("waiting.db"), sink);
      const std::size_t steps = std::max<std::size_t>(2, asked_.waiting / step);
      const std::size_t each = asked_.waiting / steps;
      for (std::size_t i = 0; i < steps; ++i) {
        rates.push_back(accept_many(store, each, 1000, 100, asked_.keyed));
        std::printf("  %zu waiting: %.0f /s, %.1f us of CPU a call\n", (i + 1) * each,
                    rates.back().per_second, rates.back().cpu_us_per_call);
        std::fflush(stdout);
      }
      std::printf("%-44s %10.0f MiB\n", "resident", resident());
    }
    std::printf("%-44s %10.2f\n", "last step / first step",
                rates.back().per_second / rates.front().per_second);
    std::printf("%-44s %10.2f\n", "CPU a call, last step / first step",
                rates.back().cpu_us_per_call / rates.front().cpu_us_per_call);
    const double cpu_before = cpu_seconds();
    const auto start = steady::now();
    store::sqlite_store store(options("waiting.db"), sink);
    counts_of(store);
    std::printf("%-44s %10.3f s, %.3f s of CPU\n", "start with them", seconds_since(start),
                cpu_seconds() - cpu_before);
    std::printf(
        "%-44s %10.0f MiB\n", "file",
        static_cast<double>(std::filesystem::file_size(folder_ + "/waiting.db")) / (1 << 20U));
  }

  settings asked_;
  std::string folder_;
};

}  // namespace

int main(int argc, char** argv) {
  settings asked;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool more = i + 1 < argc;
    if (word == "--keyed") {
      asked.keyed = true;
    } else if (word == "--folder" && more) {
      asked.folder = argv[++i];
    } else if (word == "--calls" && more) {
      asked.calls = std::strtoull(argv[++i], nullptr, 10);
    } else if (word == "--only" && more) {
      asked.only = argv[++i];
    } else if (word == "--waiting" && more) {
      asked.waiting = std::strtoull(argv[++i], nullptr, 10);
    } else {
      std::fputs(usage, word == "--help" ? stdout : stderr);
      return word == "--help" ? 0 : 2;
    }
  }
  bench(asked).run();
}
