// The statements of the connection that writes, prepared once.
#pragma once

#include <cstdint>

#include "store/sqlite/database.hpp"

namespace understudy::store::sqlite {

/// Bits of the columns `flags`.
namespace flag {
constexpr unsigned ran = 1;        ///< an attempt's outcome is unknown: it may have run
constexpr unsigned last = 2;       ///< there is a row in `last`
constexpr unsigned cancelled = 4;  ///< of a running one: it is not to be tried again
constexpr unsigned webhook = 8;    ///< there is a webhook to read
}  // namespace flag

/// Values of `waiting.place`.
enum class place : std::uint8_t {
  ready,   ///< in `ready`, under `seq`
  sched,   ///< in `sched`, under `due`
  behind,  ///< another of its line is first
};

/// Each is used by one function at a time: none is left running.
struct statements {
  explicit statements(const connection& db);

  statement begin, commit, rollback, pages, reserve_ids;

  statement insert_service, update_service, pause_service, select_services;

  statement insert_call, copy_call, select_terms, select_line, select_webhook;
  statement update_deadline, delete_call;

  statement insert_waiting, select_waiting, move_waiting, delete_waiting, due_waiting;
  statement first_deadline;
  statement insert_ready, delete_ready, claim_ready, oldest_ready;
  statement insert_sched, delete_sched, due_sched, first_sched;

  statement insert_running, select_running, delete_running, cancel_running, lost_running;

  statement insert_line, delete_line, first_line;

  statement insert_last, select_last, delete_last;

  statement insert_done, select_done, delete_done, insert_dead, select_dead, unblock_dead;
  statement delete_dead;
  statement insert_ended, due_ended, delete_ended;

  statement insert_print, select_print, move_print, delete_print, all_prints;
};

}  // namespace understudy::store::sqlite
