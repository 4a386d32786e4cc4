#include "db/step_work.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "db/sql.hpp"

namespace understudy::db {

namespace {

fault not_done(std::string why) {
  return {trouble::answered, not_so, std::move(why)};
}

/// The journal is made last of the ground: where it is missing, the rest may be, too.
constexpr std::string_view find_epoch = "SELECT epoch FROM understudy.journal WHERE epoch={}";

std::string switch_acks(bool on) {
  return fmt::format("SET GLOBAL rpl_semi_sync_slave_enabled={}", on ? "ON" : "OFF");
}

std::string switch_waiting(bool on) {
  return fmt::format("SET GLOBAL rpl_semi_sync_master_enabled={}", on ? "ON" : "OFF");
}

double seconds_until(core::time_point when) {
  const std::chrono::duration<double> left = when - std::chrono::steady_clock::now();
  return std::max(0.0, left.count());
}

}  // namespace

fault step_work::run(const texts& statements) const {
  return on_.run(guarded(gen_, 0, statements), deadline_).failed;
}

fault step_work::write(const texts& statements) const {
  // What is left is for a look, where this waits for an acknowledgement that does not come.
  const auto now = std::chrono::steady_clock::now();
  const core::time_point deadline = now + (deadline_ - now) * 3 / 4;
  session writer(stop_);
  if (fault f = writer.connect(all_.find(self_)->at, all_.supervisor, deadline); f) {
    return not_done("no second connection: " + f.text);
  }
  return writer.run(writer_start() + ";" + guarded(gen_, on_.id(), statements), deadline).failed;
}

fault step_work::operator()(const core::hold& /*what*/) const {
  const auto refuse_lower = [&](std::string_view first) {
    return fmt::format(
        "IF ({})>{} THEN {}SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO={}, "
        "MESSAGE_TEXT='the node was told a higher generation'; END IF; ",
        told_generation(), core::number_of(gen_), first, told_higher);
  };
  // Whoever holds the fence may be gone before it is ended: 1094.
  const std::string take = fmt::format(
      "BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR 1094 BEGIN END; "
      "{0}"
      "IF IFNULL(IS_USED_LOCK('{1}'),0)<>CONNECTION_ID() THEN "
      "IF IS_USED_LOCK('{1}') IS NOT NULL THEN KILL IS_USED_LOCK('{1}'); END IF; "
      "IF IFNULL(GET_LOCK('{1}',{2:.3f}),0)<>1 THEN SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO={3}, "
      "MESSAGE_TEXT='who holds the fence has not ended yet'; END IF; "
      "{4}"
      "END IF; "
      "UPDATE understudy_local.fence SET gen={5} WHERE id=1 AND gen<{5}; "
      "END",
      refuse_lower(""), fence_lock, seconds_until(deadline_) * 0.8, not_held,
      refuse_lower("DO RELEASE_ALL_LOCKS(); "), core::number_of(gen_));
  fault f = on_.run(take, deadline_).failed;
  if (is_missing(f)) {
    f = on_.run(make_fence_table(), deadline_).failed;
    if (!f) f = on_.run(take, deadline_).failed;
  }
  return f;
}

step_work::texts step_work::stop_receiving(const core::sight& now) const {
  texts out;
  if (!now.replica || now.receiving == core::receiver::stopped) return out;
  // Only while the receiver is there: with both down, a start deletes what was received.
  if (!now.applying) out.emplace_back("START SLAVE SQL_THREAD");
  out.emplace_back("STOP SLAVE IO_THREAD");
  return out;
}

fault step_work::operator()(const core::revoke& /*what*/) const {
  const look_result before = see();
  if (!before.seen) return before.failed;
  return run(stop_receiving(*before.seen));
}

fault step_work::drain(core::sight& now) const {
  if (const texts stop = stop_receiving(now); !stop.empty()) {
    if (fault f = run(stop); f) return f;
    const look_result after = see();
    if (!after.seen) return after.failed;
    now = *after.seen;
  }
  if (now.drained()) return {};
  if (!now.applying) return not_done("it can not apply what it has received");
  const auto wait =
      on_.run(fmt::format("SELECT MASTER_GTID_WAIT({},{:.3f})",
                          quoted(core::to_string(now.received)), seconds_until(deadline_) / 2),
              deadline_);
  if (!wait.ok()) return wait.failed;
  const look_result after = see();
  if (!after.seen) return after.failed;
  now = *after.seen;
  if (!now.drained()) return not_done("it has not applied what it has received");
  return {};
}

fault step_work::operator()(const core::promote& what) const {
  look_result before = see();
  if (!before.seen) return before.failed;
  core::sight now = *before.seen;
  const std::uint32_t id = core::server_id_of(what.epoch, self_);
  texts first;
  if (now.replica) {
    if (fault f = drain(now); f) return f;
    first.emplace_back("STOP SLAVE");
    first.emplace_back("RESET SLAVE ALL");
  }
  if (!now.read_only && now.server_id != id) first.emplace_back("SET GLOBAL read_only=1");
  // Before anything else is switched: whoever wrote with the old number shall see that it is over.
  first.push_back(fmt::format("SET GLOBAL server_id={}", id));
  first.push_back(switch_acks(false));
  reply accounts =
      on_.run(replication_accounts() + ";" + fmt::format(find_epoch, core::number_of(what.epoch)),
              deadline_);
  if (is_missing(accounts.failed)) {
    // Nobody could acknowledge the first transactions of all.
    first.push_back(switch_waiting(false));
    if (fault f = run(std::exchange(first, {})); f) return f;
    if (fault f = write(replicated_ground(all_)); f) return f;
    accounts = on_.run(replication_accounts(), deadline_);
  }
  if (!accounts.ok()) return accounts.failed;
  // Also nodes that have left the cluster: whoever can receive can acknowledge.
  const table& found = accounts.tables.at(0);
  for (std::size_t i = 0; i < found.rows.size(); ++i) {
    const core::node_id node = node_of_account(found.first(i));
    if (core::number_of(node) == 0 || node == self_) continue;
    for (auto& text : cut_account(node, !what.allowed.contains(node))) {
      first.push_back(std::move(text));
    }
  }
  // Last: it shows that all before is done.
  first.push_back(switch_waiting(true));
  return run(first);
}

fault step_work::operator()(const core::open& what) const {
  const look_result before = see();
  if (!before.seen) return before.failed;
  const core::sight& now = *before.seen;
  if (now.replica) return not_done("it is a replica");
  const std::uint32_t id = core::server_id_of(what.epoch, self_);
  if (now.server_id > id) return not_done("it has served in a later epoch");
  const reply known = on_.run(fmt::format(find_epoch, core::number_of(what.epoch)), deadline_);
  const bool bare = is_missing(known.failed);
  if (!known.ok() && !bare) return known.failed;
  if (bare && !what.solo) return not_done("it has no journal");
  // Again after a start; and before anything else, as in a promotion.
  if (what.solo || now.server_id != id || now.acks || !now.semi_sync) {
    const texts first{fmt::format("SET GLOBAL server_id={}", id), switch_acks(false),
                      switch_waiting(!what.solo)};
    if (fault f = run(first); f) return f;
  }
  if (bare) {
    if (fault f = write(replicated_ground(all_)); f) return f;
  }
  if (bare || known.tables.at(0).rows.empty()) {
    // The supervisor may write while others may not.
    fault f = write(
        {fmt::format("INSERT IGNORE INTO understudy.journal VALUES "
                     "({},{},{},{},UTC_TIMESTAMP(6),{})",
                     core::number_of(what.epoch), core::number_of(self_), core::number_of(gen_),
                     what.solo ? 1 : 0, quoted(core::to_string(now.written)))});
    if (f) return f;
  }
  return run({"SET GLOBAL read_only=0"});
}

fault step_work::operator()(const core::close& /*what*/) const {
  return run({"SET GLOBAL read_only=1"});
}

std::string step_work::change_primary(const member& primary) const {
  return fmt::format(
      "CHANGE MASTER TO MASTER_HOST={}, MASTER_PORT={}, MASTER_USER={}, MASTER_PASSWORD={}, "
      "MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=0.25",
      quoted(primary.at.host), primary.at.port, quoted(replication_user(self_)),
      quoted(all_.replication_password));
}

fault step_work::run_and_note(const texts& statements) const {
  if (fault f = run(statements); f) return f;
  // It follows, which is what matters. Where it is not noted, its password is renewed once more
  // before the old one is taken away.
  const texts note{note_receiver(all_.replication_password)};
  const fault failed = run(note);
  if (is_missing(failed)) {
    static_cast<void>(run({make_receiver_table(), note.front()}));
  }
  return {};
}

fault step_work::renew_receiver() const {
  const look_result before = see();
  if (!before.seen) return before.failed;
  const core::sight& now = *before.seen;
  if (!now.replica) return not_done("it is no replica");
  if (all_.find(now.follows) == nullptr) return not_done("it follows none of the nodes");
  if (now.receiving != core::receiver::running) return not_done("it does not receive");
  return repoint({now.follows, now.acks}, now);
}

fault step_work::operator()(const core::follow& what) const {
  if (all_.find(what.primary) == nullptr || what.primary == self_) {
    return not_done("there is no such primary");
  }
  const look_result before = see();
  if (!before.seen) return before.failed;
  if (!before.seen->replica) return become_replica(what, *before.seen);
  if (before.seen->follows == what.primary) return restart_receiver(what, *before.seen);
  return repoint(what, *before.seen);
}

fault step_work::restart_receiver(const core::follow& to, const core::sight& now) const {
  texts all{switch_acks(to.acks)};
  if (now.applying || now.receiving != core::receiver::stopped) {
    for (auto& text : stop_receiving(now)) all.push_back(std::move(text));
    all.emplace_back("START SLAVE IO_THREAD");
    return run(all);
  }
  if (!now.drained()) {
    return not_done("a start would delete what it has received and not applied");
  }
  all.emplace_back("START SLAVE");
  return run(all);
}

fault step_work::repoint(const core::follow& to, core::sight now) const {
  // Where it can only have received what the new primary has, nobody waits until it is applied.
  if (now.receiving != core::receiver::stopped || now.received.seq > to.known.seq) {
    if (fault f = drain(now); f) return f;
  }
  return run_and_note(
      {"STOP SLAVE", change_primary(*all_.find(to.primary)), switch_acks(to.acks), "START SLAVE"});
}

fault step_work::become_replica(const core::follow& to, const core::sight& now) const {
  // Fails where commits wait for an acknowledgement: what follows would let them through.
  if (!now.read_only) {
    if (fault f = run({"SET GLOBAL read_only=1"}); f) return f;
  }
  const std::string nobody_waits = refuse_if(
      "(SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE "
      "VARIABLE_NAME='RPL_SEMI_SYNC_MASTER_WAIT_SESSIONS')>0",
      "commits wait for an acknowledgement");
  // It has been a primary, or was cloned without a place.
  const std::string place =
      "IF @@global.gtid_binlog_pos<>'' THEN "
      "SET GLOBAL gtid_slave_pos=@@global.gtid_binlog_pos; END IF";
  return run_and_note({nobody_waits, fmt::format("SET GLOBAL server_id={}", core::number_of(self_)),
                       switch_waiting(false), place, change_primary(*all_.find(to.primary)),
                       switch_acks(to.acks), "START SLAVE"});
}

fault step_work::operator()(const core::wait_for_acks& what) const {
  const look_result before = see();
  if (!before.seen) return before.failed;
  // A replica's SQL thread would wait for its own replicas, for ever.
  if (before.seen->replica) return not_done("it is a replica");
  return run({switch_waiting(what.on)});
}

fault step_work::operator()(const core::cut& what) const {
  if (!what.off) {
    const auto known = on_.run(fmt::format("SELECT User FROM mysql.global_priv WHERE User={}",
                                           quoted(replication_user(what.node))),
                               deadline_);
    if (!known.ok()) return known.failed;
    if (known.tables.at(0).rows.empty()) {
      fault f = write({replication_account(what.node, all_.replication_password)});
      if (f) return f;
    }
  }
  return run(cut_account(what.node, what.off));
}

}  // namespace understudy::db
