// What a connection is told to be in, after bytes made by hand: whole, and cut at every byte.
#include "net/sql_conversation.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "net/sql_fixture.hpp"

namespace understudy::test {
namespace {

using net::sql_conversation;
using net::sql_step;
using kind = net::sql_step::kind;
using reason = net::sql_step::reason;

constexpr unsigned idle = status::autocommit;
constexpr unsigned busy = status::autocommit | status::in_transaction;

struct part {
  bool client;
  std::string bytes;
};
part c(std::string bytes) {
  return {true, std::move(bytes)};
}
part s(std::string bytes) {
  return {false, std::move(bytes)};
}

/// One connection, which takes the client's bytes as an endpoint does.
struct talk {
  explicit talk(std::uint64_t abilities = plain_abilities, net::sql_rules rules = {})
      : follows(rules) {
    say({s(greeting(abilities)), c(login(abilities)), s(ok(idle, 2))});
  }
  /// Forwards what may be. What is left, and the last step, stay.
  void client(std::string_view bytes, bool may_begin = true) {
    left += bytes;
    for (;;) {
      last = follows.from_client(left, false, may_begin);
      if (last.what != kind::forward) return;
      forwarded += left.substr(0, last.bytes);
      left.erase(0, last.bytes);
    }
  }
  void say(const std::vector<part>& parts) {
    for (const part& each : parts) {
      if (each.client) {
        client(each.bytes);
      } else {
        follows.from_server(each.bytes);
        client("");
      }
    }
  }
  [[nodiscard]] std::string state() const {
    if (!follows.readable()) return "unreadable";
    return (follows.resting() ? "rests"s : "works"s) + (follows.in_transaction() ? " in it" : "");
  }

  sql_conversation follows;
  std::string left;
  std::string forwarded;
  sql_step last;
};

struct example {
  std::string_view name;
  std::vector<part> parts;  ///< all that begins and ends one or more commands
  std::string_view then;
  std::uint64_t abilities = plain_abilities;
};

const std::uint64_t no_eof = plain_abilities | can::deprecate_eof;
/// MariaDB's own bits follow where the first is not set.
const std::uint64_t cached = can::protocol_41 | can::cache_metadata;

std::string prepared(unsigned columns, unsigned parameters) {
  return packet(1, "\0"s + little(1, 4) + little(columns, 2) + little(parameters, 2) + "\0\0\0"s);
}
std::string execute() {
  return command('\x17', little(1, 4) + "\0"s + little(1, 4));
}

std::vector<example> examples() {
  const std::string rows = packet(1, "\x01") + column() + eof(idle) + row() + row();
  const std::string binary = packet(3, "\0\0\x2a\0\0\0"s);
  return {
      {"OK", {c(query("DO 1")), s(ok())}, "rests"},
      {"OK in a transaction", {c(query("BEGIN")), s(ok(busy))}, "rests in it"},
      {"commit", {c(query("BEGIN")), s(ok(busy)), c(query("COMMIT")), s(ok())}, "rests"},
      {"ping", {c(command('\x0e')), s(ok(busy))}, "rests in it"},
      {"error", {c(query("x")), s(error())}, "rests"},
      {"error in a transaction",
       {c(query("BEGIN")), s(ok(busy)), c(query("x")), s(error())},
       "rests in it"},
      {"error without autocommit",
       {c(query("x")), s(ok(0)), c(query("x")), s(error())},
       "rests in it"},
      {"rows", {c(query("SELECT")), s(rows + eof(busy))}, "rests in it"},
      {"no rows", {c(query("SELECT")), s(packet(1, "\x01") + column() + eof() + eof())}, "rests"},
      {"rows without EOF",
       {c(query("SELECT")), s(packet(1, "\x02") + column() + column() + row() + end_of_rows(busy))},
       "rests in it",
       no_eof},
      {"a long end of rows without EOF",
       {c(query("SELECT")), s(packet(1, "\x01") + column() +
                              packet(4, ok_payload(busy, '\xfe') + std::string(300, 't')))},
       "rests in it",
       no_eof},
      {"an error in the midst of rows", {c(query("SELECT")), s(rows + error())}, "rests"},
      {"a column that is NULL first",
       {c(query("SELECT")), s(packet(1, "\x01") + column() + eof() + packet(3, "\xfb") + eof())},
       "rests"},
      {"several results",
       {c(query("SELECT; BEGIN")), s(rows + eof(idle | status::more_results) + ok(busy))},
       "rests in it"},
      {"several results, the last an error",
       {c(query("BEGIN; x")), s(ok(busy | status::more_results) + error())},
       "rests in it"},
      {"progress", {c(query("ALTER")), s(error(0xFFFF) + error(0xFFFF) + ok())}, "rests"},
      {"a file",
       {c(query("LOAD")), s(packet(1, "\xfbname")), c(packet(2, "1,2\n")), c(packet(3, "3\n")),
        c(packet(4, "")), s(ok(busy, 5))},
       "rests in it"},
      {"an empty file",
       {c(query("LOAD")), s(packet(1, "\xfbname")), c(packet(2, "")), s(error())},
       "rests"},
      {"a file, and another result",
       {c(query("LOAD; x")), s(packet(1, "\xfbname")), c(packet(2, "1\n")), c(packet(3, "")),
        s(ok(idle | status::more_results)), s(ok(busy))},
       "rests in it"},
      {"prepare", {c(prepare("DO 1")), s(prepared(0, 0))}, "rests"},
      {"prepare with columns and parameters",
       {c(prepare("SELECT ?")), s(prepared(2, 1) + column() + eof() + column() + column() + eof())},
       "rests"},
      {"prepare without EOF",
       {c(prepare("SELECT ?")), s(prepared(2, 1) + column() + column() + column())},
       "rests",
       no_eof},
      {"prepare fails", {c(prepare("x")), s(error())}, "rests"},
      {"execute",
       {c(execute()), s(packet(1, "\x01") + column() + eof() + binary + eof(busy))},
       "rests in it"},
      {"execute, with long data and close",
       {c(command('\x18', "\1\0\0\0\0\0data"s)), c(execute()), s(ok(busy)),
        c(command('\x19', little(1, 4)))},
       "rests in it"},
      {"execute with a cursor, and fetch",
       {c(execute()), s(packet(1, "\x01") + column() + eof(busy | status::cursor_exists)),
        c(command('\x1c', little(1, 4) + little(1, 4))), s(binary + binary + eof(busy))},
       "rests in it"},
      {"execute with a cursor without EOF",
       {c(execute()), s(packet(1, "\x01") + column() + end_of_rows(busy | status::cursor_exists)),
        c(command('\x1c', little(1, 4) + little(1, 4))), s(binary + end_of_rows(busy))},
       "rests in it",
       no_eof},
      {"execute with definitions that the client has",
       {c(execute()), s(packet(1, "\x01\0"s) + eof() + binary + eof(busy))},
       "rests in it",
       cached},
      {"execute with definitions that the client may have",
       {c(execute()), s(packet(1, "\x01\1"s) + column() + eof() + binary + eof(busy))},
       "rests in it",
       cached},
      {"prepare and execute at once",
       {c(prepare("DO 1") + execute()), s(prepared(0, 0) + ok(busy))},
       "rests in it"},
      {"statistics", {c(command('\x09')), s(packet(1, "Uptime: 1"))}, "rests"},
      {"fields", {c(command('\x04', "t")), s(column() + column() + eof())}, "rests"},
      {"option", {c(command('\x1b', "\0\0"s)), s(eof())}, "rests"},
      {"reset", {c(query("BEGIN")), s(ok(busy)), c(command('\x1f')), s(ok())}, "rests"},
      {"another user",
       {c(command('\x11', "b\0\0\0"s)), s(packet(1, "\xfemysql_native_password\0"s)),
        c(packet(2, std::string(20, 'x'))), s(ok(idle, 3))},
       "rests"},
      {"quit", {c(command('\x01'))}, "unreadable"},
  };
}

TEST(SqlConversation, KnowsWhatIsUnderWay) {
  for (const example& each : examples()) {
    talk whole(each.abilities);
    ASSERT_EQ(whole.state(), "rests") << each.name;
    whole.say(each.parts);
    EXPECT_EQ(whole.state(), each.then) << each.name;
    EXPECT_EQ(whole.left, "") << each.name;
  }
}

TEST(SqlConversation, RestsNotBeforeTheLastByte) {
  for (const example& each : examples()) {
    talk pieces(each.abilities);
    std::string all;
    for (const part& part : each.parts) {
      if (part.client) all += part.bytes;
      for (std::size_t i = 0; i < part.bytes.size(); ++i) {
        pieces.say({{part.client, part.bytes.substr(i, 1)}});
        const bool last = i + 1 == part.bytes.size();
        const bool begun = !part.client || pieces.left.empty();
        if (!last && begun) {
          ASSERT_EQ(pieces.state().substr(0, 5), "works") << each.name << ' ' << i;
        }
      }
    }
    EXPECT_EQ(pieces.state(), each.then) << each.name;
    EXPECT_TRUE(pieces.forwarded.ends_with(all)) << each.name;
  }
}

TEST(SqlConversation, DoesNotRestBetweenResults) {
  talk t;
  t.say({c(query("a; b")), s(ok(idle | status::more_results))});
  EXPECT_EQ(t.state(), "works");
  t.say({s(ok())});
  EXPECT_EQ(t.state(), "rests");
}

TEST(SqlConversation, DoesNotRestWhileAnotherCommandIsUnanswered) {
  talk t;
  t.say({c(query("a") + query("b") + query("c")), s(ok()), s(ok())});
  EXPECT_EQ(t.state(), "works");
  t.say({s(ok())});
  EXPECT_EQ(t.state(), "rests");
}

TEST(SqlConversation, ForwardsOnlySoManyCommandsAhead) {
  talk t;
  std::string many;
  for (std::size_t i = 0; i < sql_conversation::pending_max + 1; ++i) many += query("a");
  t.client(many);
  EXPECT_EQ(t.last.what, kind::wait);
  EXPECT_EQ(t.left, query("a"));
  t.say({s(ok())});
  EXPECT_EQ(t.left, "");
}

TEST(SqlConversation, BeginsNothingWhereItMayNot) {
  talk t;
  t.client(query("a"), false);
  EXPECT_EQ(t.last.what, kind::wait);
  EXPECT_EQ(t.left, query("a"));
  EXPECT_EQ(t.state(), "rests");
}

TEST(SqlConversation, GoesOnWithWhatHasBegunWhereItMayNotBegin) {
  talk t;
  const std::string text(40000, 'x');
  const std::string all = query(text);
  const sql_step first = t.follows.from_client(all.substr(0, 16384), true, true);
  ASSERT_EQ(first.what, kind::forward);
  ASSERT_EQ(first.bytes, 16384u);
  EXPECT_EQ(t.state(), "works");
  t.client(all.substr(16384), false);
  EXPECT_EQ(t.left, "");
  t.say({s(ok())});
  EXPECT_EQ(t.state(), "rests");
}

TEST(SqlConversation, StreamsMessagesOfSeveralPackets) {
  talk t;
  const std::string most(net::sql_packet_bytes_max, 'x');
  t.client(packet(0, "\x03" + most.substr(1)));
  EXPECT_EQ(t.state(), "works");
  t.client(packet(1, "rest"));
  EXPECT_EQ(t.left, "");
  // In rows, too, what continues a packet may begin with any byte.
  t.say({s(packet(1, "\x01") + column() + eof()), s(packet(2, most)), s(eof(busy, 3))});
  EXPECT_EQ(t.state(), "works");
  t.say({s(eof(busy, 4))});
  EXPECT_EQ(t.state(), "rests in it");
}

TEST(SqlConversation, TakesAMessageThatEndsWithAnEmptyPacketForOne) {
  talk t;
  t.client(packet(0, "\x03" + std::string(net::sql_packet_bytes_max - 1, 'x')));
  t.client(packet(1, ""));
  t.say({s(ok())});
  EXPECT_EQ(t.state(), "rests");
  // And in a file: only an empty message ends it.
  t.say({c(query("LOAD")), s(packet(1, "\xfbname")),
         c(packet(2, std::string(net::sql_packet_bytes_max, 'x'))), c(packet(3, ""))});
  EXPECT_EQ(t.state(), "works");
  t.say({c(packet(4, "")), s(ok(idle, 5))});
  EXPECT_EQ(t.state(), "rests");
}

TEST(SqlConversation, ReadsNothingBehindTls) {
  sql_conversation fresh({});
  fresh.from_server(greeting());
  EXPECT_EQ(fresh.from_client(tls_request(), false, true).what, kind::forward);
  EXPECT_FALSE(fresh.readable());
  const sql_step step = fresh.from_client("\x16\x03\x01", false, false);
  EXPECT_EQ(step.what, kind::forward);
  EXPECT_EQ(step.bytes, 3u);
  EXPECT_FALSE(fresh.resting());
  EXPECT_TRUE(fresh.in_transaction());
}

TEST(SqlConversation, RefusesTlsWhereItIsToldTo) {
  sql_conversation fresh({true, false});
  fresh.from_server(greeting());
  const sql_step step = fresh.from_client(tls_request(), false, true);
  EXPECT_EQ(step.what, kind::end);
  EXPECT_EQ(step.why, reason::unreadable);
  EXPECT_EQ(fresh.answer_sequence(), 2);
}

TEST(SqlConversation, ReadsNothingBehindCompression) {
  const talk t(plain_abilities | can::compress);
  EXPECT_EQ(t.state(), "unreadable");
}

TEST(SqlConversation, HoldsBackWhatComesBeforeTheLoginIsAnswered) {
  sql_conversation fresh({});
  fresh.from_server(greeting());
  const std::string first = login();
  ASSERT_EQ(fresh.from_client(first, false, true).bytes, first.size());
  EXPECT_EQ(fresh.from_client(query("KILL 1"), false, true).what, kind::wait);
  fresh.from_server(packet(2, "\xfe" + "client_ed25519\0"s));
  const std::string proof = packet(3, std::string(32, 'p'));
  EXPECT_EQ(fresh.from_client(proof, false, true).bytes, proof.size());
  EXPECT_EQ(fresh.from_client(query("KILL 1"), false, true).what, kind::wait);
  EXPECT_FALSE(fresh.resting());
  fresh.from_server(ok(idle, 4));
  EXPECT_TRUE(fresh.resting());
  EXPECT_EQ(fresh.from_client(query("KILL 1"), false, true).what, kind::refuse);
}

TEST(SqlConversation, DoesNotTrustWhatItDoesNotUnderstand) {
  for (const std::string& strange : {ok(), row(), packet(1, "")}) {
    talk unasked;
    unasked.say({s(strange)});
    EXPECT_EQ(unasked.state(), "unreadable");
  }
  talk no_status;
  no_status.say({c(query("a")), s(packet(1, "\0"s))});
  EXPECT_EQ(no_status.state(), "unreadable");
  talk no_columns;
  no_columns.say({c(query("a")), s(packet(1, "\xfe"s + std::string(8, 'x')))});
  EXPECT_EQ(no_columns.state(), "unreadable");
  talk replica;
  replica.say({c(command('\x12', "position"))});
  EXPECT_EQ(replica.state(), "unreadable");
}

TEST(SqlConversation, RefusesKill) {
  const std::string by_command = command('\x0c', little(7, 4));
  for (const std::string& bad : {by_command, query("KILL QUERY 7"), prepare("kill 7"),
                                 query("SELECT 1; /* a */ KILL 7"), command('\xfe', "x")}) {
    talk t;
    t.client(bad);
    EXPECT_EQ(t.last.what, kind::refuse);
    EXPECT_EQ(t.last.bytes, bad.size());
    EXPECT_EQ(t.last.why, bad[4] == '\xfe' ? reason::unknown_command : reason::kill);
    EXPECT_EQ(t.follows.answer_sequence(), 1);
    EXPECT_EQ(t.state(), "rests");
  }
  talk allowed(plain_abilities, {false, true});
  allowed.client(query("KILL QUERY 7") + by_command);
  EXPECT_EQ(allowed.left, "");
}

TEST(SqlConversation, RefusesKillNotBeforeTheAnswersToWhatCameBefore) {
  talk t;
  t.client(query("a") + query("KILL 7"));
  EXPECT_EQ(t.last.what, kind::wait);
  t.say({s(ok())});
  EXPECT_EQ(t.last.what, kind::refuse);
}

TEST(SqlConversation, EndsWhereKillComesBehindWhatWasForwarded) {
  talk t;
  const std::string all = query("SELECT '" + std::string(20000, 'x') + "'; KILL 7");
  ASSERT_EQ(t.follows.from_client(all.substr(0, 16384), true, true).what, kind::forward);
  t.client(all.substr(16384));
  EXPECT_EQ(t.last.what, kind::end);
  EXPECT_EQ(t.last.why, reason::kill);
  talk early;
  const std::string first = query("KILL 7 " + std::string(20000, ' '));
  const sql_step step = early.follows.from_client(first.substr(0, 16384), true, true);
  EXPECT_EQ(step.what, kind::end);
  EXPECT_EQ(step.why, reason::kill);
}

}  // namespace
}  // namespace understudy::test
