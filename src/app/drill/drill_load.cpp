#include "app/drill/drill_load.hpp"

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

void append_frame_of(std::string& out, std::string_view method, std::string_view params,
                     std::string_view context = "[]") {
  const std::size_t header_at = wire::begin_frame(out);
  wire::append_request(out, method, params, context);
  wire::end_frame(out, header_at, wire::frame_type::message);
}

void append_place(std::string& out, std::string_view ref) {
  append_frame_of(out, "OrderInterface@place",
                  "[{\"ref\":\"" + std::string(ref) +
                      "\",\"item\":\"understudy\",\"quantity\":1,\"cents\":1250}]");
}

class mix_script : public load_script {
 public:
  mix_script(drill_mix mix, std::vector<drill_call>& calls) : mix_(mix), calls_(calls) {}

  void append_call(std::uint64_t number, std::string& out) override {
    if (is_write(number)) {
      append_place(out, std::string(ref_prefix) + std::to_string(number));
    } else if (mix_ == drill_mix::work) {
      append_frame_of(out, "TroubleInterface@work", "[" + std::to_string(drill_work.count()) + "]");
    } else if (mix_ == drill_mix::orders && number % 10 == 9) {
      append_frame_of(out, "OrderInterface@list", "[10,0]");
    } else {
      append_frame_of(out, "OrderInterface@get", "[1]");
    }
  }

  void ended(const load_call& call) override { calls_.push_back({call, is_write(call.number)}); }

 private:
  [[nodiscard]] bool is_write(std::uint64_t number) const {
    return mix_ == drill_mix::orders && number % 2 == 0;
  }

  drill_mix mix_;
  std::vector<drill_call>& calls_;
};

/// One call; remembers how it ended.
class single_call : public load_script {
 public:
  void append_call(std::uint64_t, std::string& out) override { out += request; }
  void ended(const load_call& call) override { how = call; }

  std::string request;
  load_call how;
};

load_call call_once(const std::string& address, std::string request,
                    std::chrono::milliseconds timeout) {
  load_options options;
  options.address = address;
  options.connections = 1;
  options.calls_max = 1;
  options.timeout = timeout;
  single_call script;
  script.request = std::move(request);
  run_load(options, script);
  return script.how;
}

using sqlite_handle = std::unique_ptr<sqlite3, decltype(&::sqlite3_close)>;
using sqlite_statement = std::unique_ptr<sqlite3_stmt, decltype(&::sqlite3_finalize)>;

std::string_view text_at(sqlite3_stmt* row, int column) {
  return {reinterpret_cast<const char*>(::sqlite3_column_text(row, column)),
          static_cast<std::size_t>(::sqlite3_column_bytes(row, column))};
}

void add_rows_of(const std::string& database, std::unordered_map<std::uint64_t, drill_row>& rows) {
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
  if (::sqlite3_prepare_v2(connection.get(), "SELECT ref, server FROM orders", -1, &prepared,
                           nullptr) != SQLITE_OK) {
    fail();
  }
  const sqlite_statement statement(prepared, &::sqlite3_finalize);
  int step = ::sqlite3_step(prepared);
  for (; step == SQLITE_ROW; step = ::sqlite3_step(prepared)) {
    const std::string_view ref = text_at(prepared, 0);
    if (!ref.starts_with(ref_prefix)) continue;
    std::uint64_t number = 0;
    std::from_chars(ref.data() + ref_prefix.size(), ref.data() + ref.size(), number);
    drill_row& row = rows[number];
    ++row.executions;
    row.on_primary = row.on_primary || text_at(prepared, 1) == "primary";
  }
  if (step != SQLITE_DONE) fail();
}

}  // namespace

drill_load::drill_load(load_options options, drill_mix mix)
    : options_(std::move(options)),
      mix_(mix),
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
  mix_script script(mix_, calls_);
  try {
    report_ = run_load(options_, script, std::move(stop));
  } catch (const std::exception&) {
    failure_ = std::current_exception();
  }
}

void place_first_order(const std::string& address, std::chrono::milliseconds timeout) {
  std::string request;
  append_place(request, "first");
  if (!call_once(address, std::move(request), timeout).good()) {
    throw std::runtime_error("The first order could not be placed.");
  }
}

killer_caller::killer_caller(const std::string& address, std::chrono::milliseconds timeout)
    : thread_([this, address, timeout] {
        std::string request;
        append_frame_of(request, "OrderInterface@get", "[1]", R"({"killer":true})");
        try {
          const load_call how = call_once(address, std::move(request), timeout);
          got_error_ = how.how == load_end::answered && how.error;
        } catch (const std::exception&) {
          got_error_ = false;  // it could not even connect
        }
        ended_ = true;
      }) {}

std::unordered_map<std::uint64_t, drill_row> count_rows(const std::vector<std::string>& databases) {
  std::unordered_map<std::uint64_t, drill_row> rows;
  for (const auto& database : databases) add_rows_of(database, rows);
  return rows;
}

}  // namespace understudy::app
