#include "db/look.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

#include "db/sql.hpp"

namespace understudy::db {

namespace {

constexpr std::string_view mark_prefix = "understudy-";
template <typename Number = std::uint64_t>
Number number(std::string_view text) {
  Number out{};
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

bool on(std::string_view text) {
  return text == "1" || text == "ON" || text == "Yes";
}

void mix(std::uint64_t& into, std::string_view text) {  // FNV-1a
  for (const char c : text) {
    into = (into ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
}

constexpr std::uint64_t mix_start = 0xcbf29ce484222325U;

std::uint64_t start_of(const table& self, std::int64_t began) {
  std::uint64_t out = mix_start;
  mix(out, std::to_string(began));
  // xxxxxxxx-xxxx-xxxx-SSSS-NNNNNNNNNNNN: time, then what is drawn once, then the host.
  const std::string_view uuid = self.at(0, "uuid");
  mix(out, uuid.size() == 36 ? uuid.substr(19) : uuid);
  mix(out, self.at(0, "mark"));
  return out == 0 ? 1 : out;
}

struct gauges {
  std::int64_t began = 0;  ///< when the server did, in its own seconds
  unsigned ackers = 0;
  bool waits = false;
  bool acknowledges = false;
};

gauges read_gauges(const table& status) {
  gauges out;
  for (std::size_t i = 0; i < status.rows.size(); ++i) {
    const std::string_view name = status.first(i);
    const std::string_view value = status.first(i, 1);
    if (name == "UPTIME") {
      out.began = number<std::int64_t>(status.first(i, 2)) - number<std::int64_t>(value);
    }
    if (name == "RPL_SEMI_SYNC_MASTER_CLIENTS") out.ackers = number<unsigned>(value);
    if (name == "RPL_SEMI_SYNC_MASTER_STATUS") out.waits = on(value);
    if (name == "RPL_SEMI_SYNC_SLAVE_STATUS") out.acknowledges = on(value);
  }
  return out;
}

/// A file's number ("bin.000012") counts as more than any position in one.
std::uint64_t beats_of(const table& replica) {
  const std::string_view file = replica.at(0, "Master_Log_File");
  const std::size_t dot = file.rfind('.');
  const std::uint64_t files = dot == std::string_view::npos ? 0 : number(file.substr(dot + 1));
  return (files << 40U) + number(replica.at(0, "Read_Master_Log_Pos")) +
         number(replica.at(0, "Slave_received_heartbeats"));
}

core::receiver receiver_of(std::string_view running) {
  if (running == "Yes") return core::receiver::running;
  if (running == "No" || running.empty()) return core::receiver::stopped;
  return core::receiver::connecting;  // "Connecting", "Preparing"
}

bool read_replica(const table& replica, const members& all, core::sight& into) {
  into.replica = !replica.rows.empty();
  if (!into.replica) return true;
  into.follows = all.at({std::string(replica.at(0, "Master_Host")),
                         number<std::uint16_t>(replica.at(0, "Master_Port"))});
  into.receiving = receiver_of(replica.at(0, "Slave_IO_Running"));
  into.applying = on(replica.at(0, "Slave_SQL_Running"));
  into.beats = beats_of(replica);
  into.receive_error = number<unsigned>(replica.at(0, "Last_IO_Errno"));
  into.apply_error = number<unsigned>(replica.at(0, "Last_SQL_Errno"));
  const auto received = core::parse_gtid(replica.at(0, "Gtid_IO_Pos"));
  if (!received) return false;
  into.received = *received;
  return true;
}

}  // namespace

std::string look_question() {
  // In one statement "now" and the uptime are of one moment, and their difference is the same
  // whenever it is asked.
  return fmt::format(
      "SELECT UUID() AS uuid, @@report_user AS mark, "
      "@@global.server_id AS server_id, @@global.read_only AS read_only, "
      "@@global.gtid_binlog_pos AS written, @@global.gtid_binlog_state AS state, "
      "@@global.rpl_semi_sync_master_enabled AS semi_sync, "
      "@@global.rpl_semi_sync_slave_enabled AS acks, "
      "IFNULL(IS_USED_LOCK('{}'),0)=CONNECTION_ID() AS mine;"
      "SELECT VARIABLE_NAME, VARIABLE_VALUE, UNIX_TIMESTAMP() FROM "
      "information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME IN ('UPTIME',"
      "'RPL_SEMI_SYNC_MASTER_CLIENTS','RPL_SEMI_SYNC_MASTER_STATUS',"
      "'RPL_SEMI_SYNC_SLAVE_STATUS');"
      "SHOW ALL SLAVES STATUS;"
      "{} AND JSON_VALUE(Priv,'$.account_locked') IN ('1','true');"
      "{}",
      fence_lock, replication_accounts(), what_was_told());
}

look_result read_look(const reply& answer, const members& all) {
  constexpr std::size_t questions = 5;
  // The last asks for the table of the fence, which a server that was told nothing has not.
  const bool untold = is_missing(answer.failed);
  if (answer.failed && !(untold && answer.tables.size() == questions - 1)) {
    return {std::nullopt, answer.failed};
  }
  const auto senseless = [](std::string what) {
    return look_result{std::nullopt, {trouble::answered, 0, std::move(what)}};
  };
  if (answer.tables.size() < questions - 1 || answer.tables[0].rows.empty()) {
    return senseless("the answer lacks tables");
  }
  const table& self = answer.tables[0];
  core::sight out;
  const start_mark mark = parse_start_mark(self.at(0, "mark"));
  out.role = mark.role;
  out.boot = mark.boot;
  out.mine = on(self.at(0, "mine"));
  out.server_id = number<std::uint32_t>(self.at(0, "server_id"));
  out.read_only = on(self.at(0, "read_only"));
  const auto written = core::parse_gtid(self.at(0, "written"));
  const auto state = core::parse_history(self.at(0, "state"));
  if (!written || !state) return senseless("its log has another domain than 0");
  out.written = *written;
  out.state = *state;
  const gauges now = read_gauges(answer.tables[1]);
  out.start = start_of(self, now.began);
  out.ackers = now.ackers;
  out.semi_sync = now.waits && on(self.at(0, "semi_sync"));
  if (!read_replica(answer.tables[2], all, out)) {
    return senseless("it receives another domain than 0");
  }
  if (out.receiving != core::receiver::stopped) out.acks = now.acknowledges;
  // One that connects again acknowledges as before, or as it was told since.
  if (out.receiving != core::receiver::running) out.acks |= on(self.at(0, "acks"));
  for (std::size_t i = 0; i < answer.tables[3].rows.size(); ++i) {
    const core::node_id node = node_of_account(answer.tables[3].first(i));
    if (core::number_of(node) != 0) out.cut.insert(node);
  }
  if (answer.tables.size() == questions) {
    out.told = core::generation{number(answer.tables[4].first())};
    out.salvaged = number(answer.tables[4].first(0, 1)) == out.start;
  }
  return {out, {}};
}

look_result look(session& on, const members& all, core::time_point deadline) {
  return read_look(on.run(look_question(), deadline), all);
}

std::string to_string(const start_mark& mark) {
  return fmt::format("{}{}-{:016x}-{:016x}", mark_prefix,
                     mark.role == core::start_role::primary ? "primary" : "replica", mark.number,
                     mark.boot);
}

start_mark parse_start_mark(std::string_view text) {
  constexpr std::size_t role_size = 7;
  constexpr std::size_t number_size = 16;
  if (!text.starts_with(mark_prefix)) return {};
  text.remove_prefix(mark_prefix.size());
  if (text.size() != role_size + 2 * (1 + number_size)) return {};
  start_mark out;
  const std::string_view role = text.substr(0, role_size);
  if (role == "primary") out.role = core::start_role::primary;
  if (role == "replica") out.role = core::start_role::replica;
  const auto hex = [&](std::size_t at) {
    std::uint64_t number = 0;
    std::from_chars(text.data() + at, text.data() + at + number_size, number, 16);
    return number;
  };
  out.number = hex(role_size + 1);
  out.boot = hex(role_size + 2 + number_size);
  return out;
}

}  // namespace understudy::db
