// An application's database on MariaDB for tests of once(): a table of effects.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>

#include "net/sql_client.hpp"
#include "once/ledger.hpp"
#include "understudy/once_mariadb.hpp"

namespace understudy::test {

[[nodiscard]] inline mariadb_options at_port(std::uint16_t port) {
  mariadb_options out;
  out.port = port;
  out.user = "app";
  out.password = "secret";
  out.database = "app";
  out.connections_max = 60;
  out.call_max = std::chrono::seconds{60};
  return out;
}

inline constexpr const char* effects_table =
    "CREATE TABLE IF NOT EXISTS effects (ticket VARBINARY(40) NOT NULL, half INT NOT NULL,"
    " KEY (ticket)) ENGINE=InnoDB";

/// Two rows of one effect: what is seen of one without the other was torn.
inline void take_effect(mariadb_session& in, const std::string& ticket) {
  in.run("INSERT INTO effects VALUES (?, 1)", {ticket});
  in.run("INSERT INTO effects VALUES (?, 2)", {ticket});
}

/// Takes effect and returns `reply`.
inline std::int64_t add(once_mariadb& in, const std::string& ticket, std::int64_t reply) {
  return once(attempt_of(ticket), in, [&](mariadb_session& session) {
    take_effect(session, ticket);
    return reply;
  });
}

/// How often a call took effect; -1 for half an effect.
inline int effects(sql_client& in, const std::string& ticket) {
  const std::string of = "SELECT COUNT(*) FROM effects WHERE ticket = '" + ticket + "' AND half = ";
  const std::string first = in.ask(of + "1");
  return first == in.ask(of + "2") ? std::stoi(first) : -1;
}

/// The error's code; 0 where there was none.
inline std::int64_t code_of(const std::function<void()>& call) {
  try {
    call();
    return 0;
  } catch (const rpc_error& error) {
    return error.code();
  }
}

}  // namespace understudy::test
