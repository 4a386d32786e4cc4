#include "understudy/once.hpp"

namespace understudy {
namespace {

using std::chrono::system_clock;

/// Rolls back unless the transaction was committed.
class open_transaction {
 public:
  explicit open_transaction(once_database& database) : database_(&database) {}
  ~open_transaction() {
    if (database_ != nullptr) database_->roll_back();
  }
  open_transaction(const open_transaction&) = delete;
  open_transaction& operator=(const open_transaction&) = delete;
  void committed() { database_ = nullptr; }

 private:
  once_database* database_;
};

/// error.data of a stored call's error.
std::string about_call(const std::string& ticket, bool retry) {
  std::string data = retry ? R"({"retry":true)" : R"({"retry":false)";
  if (!ticket.empty()) {
    data += R"(,"ticket":)";
    append_json(data, ticket);
  }
  return data + "}";
}

[[noreturn]] void refuse_busy(const std::string& ticket) {
  const auto data = about_call(ticket, true);
  if (ticket.empty()) throw rpc_error(code::overloaded, "The database is busy; retry later", data);
  throw rpc_error(code::in_progress, "The call " + ticket + " is in progress elsewhere", data);
}

}  // namespace

namespace detail {

void refuse_reply(const std::string& ticket, const std::string& why) {
  throw rpc_error(code::internal_error,
                  "The call " + ticket + " took effect before, but its reply is lost: " + why,
                  about_call(ticket, false));
}

std::optional<std::string> run_once(const std::string& ticket, once_database& database,
                                    const std::function<std::string()>& work) {
  if (ticket.size() > once_ticket_max) {
    throw rpc_error(code::invalid_params, "context.understudy.call is longer than a ticket");
  }
  auto begun = database.start(ticket, system_clock::now());
  if (begun.what == once_database::start_kind::busy) refuse_busy(ticket);
  if (begun.what == once_database::start_kind::repeat) {
    if (!begun.reply) refuse_reply(ticket, "none was stored");
    return std::move(begun.reply);
  }
  open_transaction transaction(database);
  const std::string reply = work();
  if (!ticket.empty()) database.store_reply(ticket, reply);
  switch (database.commit()) {
    case once_database::commit_end::committed:
      transaction.committed();
      break;
    case once_database::commit_end::refused:
      refuse_busy(ticket);
    case once_database::commit_end::unknown:
      throw rpc_error(code::outcome_unknown, "The commit failed: it may have taken effect",
                      about_call(ticket, false));
  }
  return std::nullopt;
}

}  // namespace detail

std::size_t purge_once(once_database& database, std::size_t rows_max) {
  return database.purge(system_clock::now() - once_kept, rows_max);
}

}  // namespace understudy
