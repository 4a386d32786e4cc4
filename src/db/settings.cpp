#include "db/settings.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace understudy::db {

namespace {

constexpr std::string_view endless = "18446744073709551615";

bool alike(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

/// How the value of `name` is to be, where another is good as well.
struct leeway {
  std::string_view name;
  bool (*good)(std::string_view value);
  std::string_view must_be;
};

unsigned number(std::string_view value) {
  unsigned out = 0;
  std::from_chars(value.data(), value.data() + value.size(), out);
  return out;
}

const leeway* leeway_of(std::string_view name) {
  static const std::vector<leeway> all{
      {"slave_parallel_threads", [](std::string_view v) { return number(v) >= 2; }, "2 or more"},
      {"slave_parallel_mode", [](std::string_view v) { return !alike(v, "none"); },
       "optimistic, aggressive or conservative"},
      {"slave_net_timeout", [](std::string_view v) { return number(v) >= 1 && number(v) <= 10; },
       "1 to 10"},
  };
  const auto at =
      std::find_if(all.begin(), all.end(), [&](const leeway& each) { return each.name == name; });
  return at == all.end() ? nullptr : &*at;
}

}  // namespace

const std::vector<required_setting>& required_settings() {
  static const std::vector<required_setting> all{
      {"log_bin", "ON", true, "there is nothing to replicate without a binary log"},
      {"log_slave_updates", "ON", true, "a promoted replica must have the history in its own log"},
      {"relay_log_recovery", "OFF", true,
       "a replica that crashed must keep what it has acknowledged and not applied"},
      {"skip_name_resolve", "ON", true, "a name server that fails would stop logins"},
      {"gtid_strict_mode", "ON", false, "transactions out of order would be taken"},
      {"gtid_domain_id", "0", false, "a cluster has one history"},
      {"binlog_format", "ROW", false, "statements may do something else on a replica"},
      {"binlog_row_image", "FULL", false, "what a deposed primary did can be taken back only so"},
      {"sync_binlog", "1", false, "a commit must be on the disk before it is acknowledged"},
      {"innodb_flush_log_at_trx_commit", "1", false,
       "a commit must be on the disk before it is acknowledged"},
      {"enforce_storage_engine", "InnoDB", false, "other engines lose rows in a crash"},
      {"event_scheduler", "OFF", false, "events would run on replicas that are promoted"},
      {"rpl_semi_sync_master_wait_point", "AFTER_SYNC", false,
       "others would see a commit before a replica has it"},
      {"rpl_semi_sync_master_timeout", endless, false,
       "a commit would be acknowledged without a replica when the time is up"},
      {"rpl_semi_sync_master_wait_no_slave", "ON", false,
       "a commit would be acknowledged without a replica when the last has left"},
      {"slave_parallel_threads", "4", false, "a takeover waits until one thread has applied all"},
      {"slave_parallel_mode", "optimistic", false,
       "a takeover waits until one thread has applied all"},
      {"rpl_semi_sync_slave_kill_conn_timeout", "1", false,
       "a replica that is told to stop receiving waits so many seconds for a frozen primary (with "
       "0 "
       "for ever), and a takeover with it"},
      {"slave_net_timeout", "4", false, "replicas would not notice a frozen primary"},
  };
  return all;
}

std::vector<unsafe_setting> unsafe_settings(const std::map<std::string, std::string>& variables) {
  std::vector<unsafe_setting> out;
  for (const required_setting& each : required_settings()) {
    const auto at = variables.find(std::string(each.name));
    const std::string value = at == variables.end() ? std::string() : at->second;
    const leeway* const more = leeway_of(each.name);
    if (more != nullptr ? more->good(value) : alike(value, each.value)) continue;
    out.push_back({std::string(each.name), value,
                   std::string(more != nullptr ? more->must_be : each.value), each.restart,
                   std::string(each.why)});
  }
  return out;
}

std::string common_settings() {
  std::string out;
  const auto line = [&](std::string_view name, std::string_view value) {
    out += std::string(name) + " = " + std::string(value) + "\n";
  };
  for (const required_setting& each : required_settings()) {
    // The name of the log's files; that there is one is what the variable says.
    line(each.name, each.name == "log_bin" ? "bin" : each.value);
  }
  line("relay_log", "relay");
  // A start of replication deletes what was received and not applied: the supervisor decides. It
  // can not be read from a running server, and so not be checked.
  line("skip_slave_start", "ON");
  line("binlog_expire_logs_seconds", "604800");
  line("rpl_semi_sync_master_enabled", "OFF");
  line("rpl_semi_sync_slave_enabled", "OFF");
  return out;
}

std::string settings_text(const server_settings& server) {
  const std::string node = std::to_string(core::number_of(server.node));
  std::string out = "# Written by understudy; changes are lost.\n[mariadbd]\n";
  const auto line = [&](std::string_view name, std::string_view value) {
    out += std::string(name) + " = " + std::string(value) + "\n";
  };
  line("datadir", data_folder(server.folder).string());
  line("tmpdir", temporary_folder_of(server.folder).string());
  line("socket", socket_file(server.folder).string());
  line("log_error", error_log_file(server.folder).string());
  line("pid_file", (server.folder / "mariadbd.pid").string());
  line("bind_address", server.bind);
  line("port", std::to_string(server.port));
  // Promotion replaces it by epoch * 1000 + node.
  line("server_id", node);
  out += common_settings();
  line("read_only", "ON");
  line("character_set_server", "utf8mb4");
  for (const std::string& each : server.more) out += each + "\n";
  return out;
}

std::filesystem::path data_folder(const std::filesystem::path& folder) {
  return folder / "data";
}

std::filesystem::path temporary_folder_of(const std::filesystem::path& folder) {
  return folder / "tmp";
}

std::filesystem::path settings_file(const std::filesystem::path& folder) {
  return folder / "my.cnf";
}

std::filesystem::path error_log_file(const std::filesystem::path& folder) {
  return folder / "error.log";
}

std::filesystem::path socket_file(const std::filesystem::path& folder) {
  return folder / "mariadbd.sock";
}

}  // namespace understudy::db
