#include "app/drill_load.hpp"

#include <sqlite3.h>

#include <charconv>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "wire/frame.hpp"
#include "wire/request.hpp"

namespace understudy::app {

namespace {

constexpr std::string_view ref_prefix = "drill-";

bool is_write(std::uint64_t number) {
  return number % 2 == 0;
}

void append_frame_of(std::string& out, std::string_view method, std::string_view params) {
  const std::size_t header_at = wire::begin_frame(out);
  wire::append_request(out, method, params);
  wire::end_frame(out, header_at, wire::frame_type::message);
}

void append_place(std::string& out, std::string_view ref) {
  append_frame_of(out, "OrderInterface@place",
                  "[{\"ref\":\"" + std::string(ref) +
                      "\",\"item\":\"understudy\",\"quantity\":1,\"cents\":1250}]");
}

class order_script : public load_script {
 public:
  explicit order_script(std::vector<drill_call>& calls) : calls_(calls) {}

  void append_call(std::uint64_t number, std::string& out) override {
    if (is_write(number)) {
      append_place(out, std::string(ref_prefix) + std::to_string(number));
    } else if (number % 10 == 9) {
      append_frame_of(out, "OrderInterface@list", "[10,0]");
    } else {
      append_frame_of(out, "OrderInterface@get", "[1]");
    }
  }

  void ended(const load_call& call) override { calls_.push_back({call, is_write(call.number)}); }

 private:
  std::vector<drill_call>& calls_;
};

/// One call; remembers how it ended.
class first_order_script : public load_script {
 public:
  void append_call(std::uint64_t, std::string& out) override { append_place(out, "first"); }
  void ended(const load_call& call) override { good = call.good(); }

  bool good = false;
};

using sqlite_handle = std::unique_ptr<sqlite3, decltype(&::sqlite3_close)>;
using sqlite_statement = std::unique_ptr<sqlite3_stmt, decltype(&::sqlite3_finalize)>;

}  // namespace

drill_load::drill_load(load_options options)
    : options_(std::move(options)),
      thread_([this](std::stop_token stop) { run(std::move(stop)); }) {}

drill_load::~drill_load() {
  finish();
}

void drill_load::finish() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void drill_load::check() const {
  if (failure_) std::rethrow_exception(failure_);
}

void drill_load::run(std::stop_token stop) {
  order_script script(calls_);
  try {
    report_ = run_load(options_, script, std::move(stop));
  } catch (const std::exception&) {
    failure_ = std::current_exception();
  }
}

void place_first_order(const std::string& address, std::chrono::milliseconds timeout) {
  load_options options;
  options.address = address;
  options.connections = 1;
  options.calls_max = 1;
  options.timeout = timeout;
  first_order_script script;
  run_load(options, script);
  if (!script.good) throw std::runtime_error("The first order could not be placed.");
}

std::unordered_map<std::uint64_t, unsigned> count_rows(const std::string& database) {
  sqlite3* opened = nullptr;
  const int error = ::sqlite3_open_v2(database.c_str(), &opened, SQLITE_OPEN_READONLY, nullptr);
  const sqlite_handle connection(opened, &::sqlite3_close);
  const auto fail = [&] {
    throw std::runtime_error("Cannot count the orders in " + database + ": " +
                             ::sqlite3_errmsg(connection.get()) + ".");
  };
  if (error != SQLITE_OK) fail();
  ::sqlite3_busy_timeout(connection.get(), 5000);
  sqlite3_stmt* prepared = nullptr;
  if (::sqlite3_prepare_v2(connection.get(), "SELECT ref, count(*) FROM orders GROUP BY ref", -1,
                           &prepared, nullptr) != SQLITE_OK) {
    fail();
  }
  const sqlite_statement statement(prepared, &::sqlite3_finalize);
  std::unordered_map<std::uint64_t, unsigned> rows;
  int step = ::sqlite3_step(prepared);
  for (; step == SQLITE_ROW; step = ::sqlite3_step(prepared)) {
    const std::string_view ref(reinterpret_cast<const char*>(::sqlite3_column_text(prepared, 0)),
                               static_cast<std::size_t>(::sqlite3_column_bytes(prepared, 0)));
    if (!ref.starts_with(ref_prefix)) continue;
    std::uint64_t number = 0;
    std::from_chars(ref.data() + ref_prefix.size(), ref.data() + ref.size(), number);
    rows[number] = static_cast<unsigned>(::sqlite3_column_int64(prepared, 1));
  }
  if (step != SQLITE_DONE) fail();
  return rows;
}

}  // namespace understudy::app
