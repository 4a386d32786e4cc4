#include "sqlite_orders.hpp"

#include <cstdio>
#include <cstdlib>
#include <understudy/error.hpp>
#include <utility>

namespace {

// 16 MiB. Beyond it the WAL is emptied as soon as this process is alone.
constexpr int wal_pages_wanted = 4096;

constexpr const char* schema =
    "CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, ref TEXT NOT NULL,"
    " item TEXT NOT NULL, quantity INTEGER NOT NULL, cents INTEGER NOT NULL,"
    " server TEXT NOT NULL, ticket TEXT)";
constexpr std::chrono::hours purge_every{1};

/// Gives a statement back in the state in which it can be used again.
class use_of {
 public:
  explicit use_of(statement& used) : used_(used) {}
  ~use_of() { used_.reset(); }
  use_of(const use_of&) = delete;
  use_of& operator=(const use_of&) = delete;
  statement* operator->() { return &used_; }

 private:
  statement& used_;
};

stored_order row_of(use_of& row) {
  return {row->integer(0), row->text(1),    row->text(2),
          row->integer(3), row->integer(4), row->text(5)};
}

/// What is on disk is not known any more, and no later commit could be trusted. The caller learns
/// from the end of its connection that the outcome is unknown; a new process reads what is there.
[[noreturn]] void stop(const std::exception& error) {
  std::fprintf(stderr, "orders: stopping, since the file cannot be trusted. %s\n", error.what());
  std::_Exit(1);
}

/// A file that an older version made has orders without tickets.
void create_tables(database& in) {
  in.run(schema);
  statement column(in, "SELECT count(*) FROM pragma_table_info('orders') WHERE name = 'ticket'");
  column.step();
  const bool there = column.integer(0) != 0;
  column.reset();
  if (!there) in.run("ALTER TABLE orders ADD COLUMN ticket TEXT");
  in.run(understudy::once_sqlite::schema);
}

}  // namespace

presence& sqlite_orders::prepare(presence& others, const std::string& file) {
  if (others.try_alone()) {
    database alone(file);
    create_tables(alone);
    alone.checkpoint();
  }
  others.join();
  return others;
}

sqlite_orders::sqlite_orders(const std::string& file, std::string server_name)
    : server_name_(std::move(server_name)),
      others_(file + ".lock"),
      writer_((prepare(others_, file), file)),
      once_(writer_.handle()),
      insert_(writer_,
              "INSERT INTO orders (ref, item, quantity, cents, server, ticket)"
              " VALUES (?, ?, ?, ?, ?, nullif(?, ''))"),
      reader_(file),
      find_(reader_, "SELECT id, ref, item, quantity, cents, server FROM orders WHERE id = ?"),
      list_(reader_,
            "SELECT id, ref, item, quantity, cents, server FROM orders WHERE id > ?"
            " ORDER BY id LIMIT ?"),
      total_(reader_, "SELECT count(*), coalesce(sum(quantity * cents), 0) FROM orders") {}

sqlite_orders::~sqlite_orders() {
  try {
    if (others_.try_alone()) writer_.checkpoint();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "orders: %s The next start tries again.\n", error.what());
  }
}

std::int64_t sqlite_orders::place(const understudy::context& about, const order& wanted) {
  refuse_bad(wanted);
  const std::lock_guard lock(writing_);
  std::int64_t id = 0;
  try {
    id = understudy::once(about, once_, [&] { return insert(wanted, about.call()); });
  } catch (const understudy::rpc_error& error) {
    if (error.code() == understudy::code::outcome_unknown) stop(error);
    throw;
  }
  look_after_file();
  return id;
}

std::int64_t sqlite_orders::insert(const order& wanted, const std::string& ticket) {
  use_of row(insert_);
  row->bind(1, wanted.ref).bind(2, wanted.item).bind(3, wanted.quantity).bind(4, wanted.cents);
  row->bind(5, server_name_).bind(6, ticket).step();
  return writer_.last_id();
}

// The order is placed: nothing here may turn its answer into an error.
void sqlite_orders::look_after_file() {
  const auto now = std::chrono::steady_clock::now();
  if (now >= purge_due_) {
    purge_due_ = now + purge_every;
    try {
      if (understudy::purge_once(once_) > 0) purge_due_ = now;  // there may be more
    } catch (const std::exception& error) {
      std::fprintf(stderr, "orders: %s\n", error.what());
    }
  }
  if (writer_.wal_pages() > wal_pages_wanted) checkpoint_if_alone();
}

// While others_ is let go of, another process may checkpoint: this one writes nothing meanwhile.
void sqlite_orders::checkpoint_if_alone() {
  const std::lock_guard no_reader(reading_);
  try {
    if (others_.try_alone()) writer_.checkpoint();
  } catch (const std::exception& error) {
    stop(error);
  }
  others_.join();
}

std::optional<stored_order> sqlite_orders::find(std::int64_t id) {
  const std::lock_guard lock(reading_);
  use_of row(find_);
  if (!row->bind(1, id).step()) return std::nullopt;
  return row_of(row);
}

std::vector<stored_order> sqlite_orders::list(std::int64_t limit, std::int64_t after) {
  refuse_bad_limit(limit);
  const std::lock_guard lock(reading_);
  std::vector<stored_order> orders;
  use_of row(list_);
  row->bind(1, after).bind(2, limit);
  while (row->step()) orders.push_back(row_of(row));
  return orders;
}

order_total sqlite_orders::total() {
  const std::lock_guard lock(reading_);
  use_of row(total_);
  row->step();
  return {row->integer(0), row->integer(1)};
}
