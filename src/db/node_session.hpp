// A supervisor's session with one node: looks, and the steps that are done over SQL.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/cluster/step.hpp"
#include "db/look.hpp"
#include "db/members.hpp"
#include "db/settings.hpp"

namespace understudy::db {

/// How a look or a step ended.
struct node_report {
  /// Of a step.
  core::step_end end = core::step_end::done;
  /// Taken after it. None where the node did not answer; then `absence` says how, and `why` more.
  std::optional<core::sight> seen;
  core::absence absence = core::absence::silent;
  /// What went wrong, for people; empty: nothing did.
  std::string why;
  /// Of a check: settings with which an acknowledged commit can be lost.
  std::vector<unsafe_setting> unsafe;
};

/// For one thread at a time; every call is over at its deadline. It connects when it has to; the
/// fence (core::hold) belongs to the connection, and is gone with it, as sight::mine says; so it is
/// where nothing is asked for a minute.
///
/// Every step checks the fence on the server, in the same statement that does it, and so a step of
/// a session whose fence was taken does nothing: it is `refused` where the node was told a higher
/// generation, and `failed` otherwise. What is sent and not answered is `unknown`, and the
/// connection is closed: the server may still do it, until the next hold ends what is left of it.
/// A step that could not be sent is `failed`.
class node_session {
 public:
  /// `self` is in `all`. `stop`: see session.
  node_session(members all, core::node_id self, const interrupt* stop = nullptr);

  /// A server that answers with an error (a wrong password, too many connections) counts as silent.
  [[nodiscard]] node_report look(core::time_point deadline);
  /// Looks, and compares the server's settings with those that it must have.
  [[nodiscard]] node_report check(core::time_point deadline);
  /// Not for steps of the agent: those fail. Details beyond what core::step says:
  /// - revoke: takes a second where the primary is frozen, for the replica tries to tell it
  /// good-bye
  ///   (rpl_semi_sync_slave_kill_conn_timeout); until then it counts as receiving;
  /// - promote, follow: what was received is waited for until half of the time is over;
  /// - promote, open with solo: on a server that has no journal, accounts and the journal are made;
  /// - follow: fails where starting again would delete what was received and not applied (both
  ///   threads are down), and where commits wait for an acknowledgement;
  /// - open: also on a server that was started as a primary and not promoted; it writes as this
  ///   epoch, and waits for acknowledgements unless it is alone. Writes the journal on a connection
  ///   of its own, which may wait for an acknowledgement that never comes: nobody must end it, for
  ///   that would commit the row;
  /// - cut with off = false: makes the account where there is none yet.
  [[nodiscard]] node_report carry_out(const core::step& what, core::generation gen,
                                      core::time_point deadline);
  /// See session::rest().
  [[nodiscard]] bool rest(const bell& until) { return session_.rest(until); }
  /// A replica that receives goes on with the replication password that this session has been told
  /// of: it stops to receive, applies what it has received, so that nothing is deleted, and
  /// receives again (some milliseconds, while it acknowledges nothing; where others acknowledge, no
  /// commit waits). For one replica at a time. Ends as a step does.
  [[nodiscard]] node_report renew_receiver(core::generation gen, core::time_point deadline);
  /// From now on. The connection stays, and the fence with it.
  void use_passwords(std::string supervisor, std::string replication);
  void close() { session_.close(); }

 private:
  template <typename Work>
  [[nodiscard]] node_report do_work(const Work& what, core::generation gen,
                                    core::time_point deadline);
  [[nodiscard]] fault make_ready(core::time_point deadline);

  members all_;
  core::node_id self_;
  const interrupt* stop_;
  session session_;
};

}  // namespace understudy::db
