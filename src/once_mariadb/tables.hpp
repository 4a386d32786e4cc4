// The SQL that more than one piece needs.
#pragma once

namespace understudy::detail {

inline constexpr const char* make_once_table =
    "CREATE TABLE IF NOT EXISTS understudy_once (ticket VARBINARY(40) NOT NULL PRIMARY KEY,"
    " done_ms BIGINT UNSIGNED NOT NULL, reply MEDIUMBLOB, KEY understudy_once_done (done_ms))"
    " ENGINE=InnoDB";
/// What is committed there is worth nothing but its acknowledgement.
inline constexpr const char* make_beat_table =
    "CREATE TABLE IF NOT EXISTS understudy_once_beat (id TINYINT UNSIGNED NOT NULL PRIMARY KEY,"
    " beats BIGINT UNSIGNED NOT NULL) ENGINE=InnoDB";
/// Few rows, so that sessions hardly wait for each other.
inline constexpr const char* beat =
    "INSERT INTO understudy_once_beat (id, beats) VALUES (CONNECTION_ID() MOD 64, 1)"
    " ON DUPLICATE KEY UPDATE beats = beats + 1";
/// The server's number (it grows with the epoch), and "N,ON": commits without an acknowledgement,
/// and whether commits wait for one. NULL for a lone server, which is spared the costly half.
inline constexpr const char* ask_standing =
    "SELECT @@global.server_id, IF(@@global.rpl_semi_sync_master_enabled,"
    " (SELECT GROUP_CONCAT(VARIABLE_VALUE ORDER BY VARIABLE_NAME)"
    " FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME IN"
    " ('RPL_SEMI_SYNC_MASTER_NO_TX', 'RPL_SEMI_SYNC_MASTER_STATUS')), NULL)";

}  // namespace understudy::detail
