// The statements of the connection that writes, prepared once.
#pragma once

#include <cstdint>

#include "store/sqlite/database.hpp"

namespace understudy::store::sqlite {

/// Each is used by one function at a time: none is left running.
struct statements {
  explicit statements(const connection& db);

  statement begin, commit, rollback, pages, reserve_ids;

  statement insert_service, update_service, pause_service, select_services;

  statement insert_call, copy_call, select_claimed, select_terms, select_line, select_webhook;
  statement update_deadline, delete_call;

  statement put_live, select_live, delete_live, all_live;

  statement insert_claim, update_claim, delete_claim, all_claims, clear_claims;

  statement insert_line, delete_line, first_line;

  statement insert_last, select_last, delete_last;

  statement insert_done, select_done, delete_done, insert_dead, select_dead, unblock_dead;
  statement delete_dead;
  statement insert_ended, first_ended, update_ended, delete_ended;

  statement insert_print, select_print, move_print, delete_print, all_prints;
};

}  // namespace understudy::store::sqlite
