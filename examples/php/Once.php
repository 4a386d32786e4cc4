<?php

declare(strict_types=1);

namespace understudy;

use Closure;
use Composer\InstalledVersions;
use RuntimeException;
use think\db\exception\PDOException as OrmException;
use think\facade\Db;
use think\swoole\rpc\Protocol;
use Throwable;

/**
 * For the middleware list of a think-swoole RPC server: a stored call takes effect once. One
 * transaction holds the call's row in understudy_once and all that the method writes through the
 * same connection; a repeat gets the stored reply. The table, and what else to know: docs/ONCE.md.
 * `'server' => ['middleware' => [[\understudy\Once::class, ['write']]]]`, where 'write' is a
 * connection of config/database.php, and the one that the methods use ('': the default one).
 */
final class Once
{
    private const BUSY = [1205, 1213, 5, 6];  // MariaDB and SQLite: a lock was not to be had

    public function handle(Protocol $protocol, Closure $next, string $connection = ''): mixed
    {
        $ticket = $protocol->getContext()['understudy']['call'] ?? '';
        try {
            return $ticket === '' ? $next($protocol) : self::once((string) $ticket, $protocol, $next, $connection);
        } catch (Throwable $e) {
            // A code that is no int, as PDO's 'HY000', kills the worker; 10501 says little of a server.
            $ours = $e instanceof \PDOException || $e instanceof OrmException || !is_int($e->getCode());
            throw $ours ? new RuntimeException($e->getMessage(), -32603, $e) : $e;
        }
    }

    private static function once(string $ticket, Protocol $protocol, Closure $next, string $connection): mixed
    {
        // Older ones connect anew within a transaction: what came before is lost, the rest commits.
        $orm = class_exists(InstalledVersions::class) ? InstalledVersions::getVersion('topthink/think-orm') : null;
        if ($orm === null || version_compare($orm, '2.0.38', '<')) {
            throw new RuntimeException('once needs think-orm 2.0.38 or later, found ' . ($orm ?? 'none'), -32603);
        }
        $db = Db::connect($connection === '' ? null : $connection);
        $db->startTrans();
        try {
            if (!$db->getPdo()->inTransaction()) {
                throw new RuntimeException('The connection is in doubt: no transaction began', -32603);
            }
            $now = (int) (microtime(true) * 1000);
            $db->execute('INSERT INTO understudy_once (ticket, done_ms) VALUES (?, ?)', [$ticket, $now]);
        } catch (Throwable $e) {
            self::rollback($db);
            $row = $db->query('SELECT reply FROM understudy_once WHERE ticket = ?', [$ticket], true)[0] ?? null;
            if ($row !== null && $row['reply'] !== null) {
                return json_decode($row['reply'], false, 512, JSON_THROW_ON_ERROR);
            }
            $data = $e instanceof OrmException ? $e->getData()['PDO Error Info']['Driver Error Code'] ?? 0 : 0;
            $busy = in_array($e instanceof \PDOException ? $e->errorInfo[1] ?? 0 : $data, self::BUSY, true);
            $text = $busy ? "The call $ticket is in progress elsewhere" : $e->getMessage();
            throw new RuntimeException($text, $busy ? -32014 : -32603, $e);
        }
        try {
            $result = $next($protocol);
            if ($result instanceof \SplFileInfo) {
                throw new RuntimeException('A file cannot be the reply of a stored call', -32603);
            }
            $reply = json_encode($result, JSON_UNESCAPED_UNICODE | JSON_PRESERVE_ZERO_FRACTION | JSON_THROW_ON_ERROR);
            if ($db->execute('UPDATE understudy_once SET reply = ? WHERE ticket = ?', [$reply, $ticket]) !== 1) {
                throw new RuntimeException('The transaction ended within the method', -32603);
            }
        } catch (Throwable $e) {
            self::rollback($db);
            throw $e;
        }
        try {
            $db->commit();
        } catch (Throwable $e) {
            self::rollback($db);
            throw new RuntimeException('The commit failed: it may have taken effect', -32001, $e);
        }
        if ($db->getPdo()->inTransaction()) {
            self::rollback($db);
            throw new RuntimeException('The method left a transaction of its own open', -32603);
        }
        return $result;
    }

    private static function rollback(\think\db\ConnectionInterface $db): void
    {
        try {
            $db->rollback();
            $db->getPdo()->inTransaction() && $db->close();  // so it seems of a lost one, for ever
        } catch (Throwable) {
            $db->close();  // the server rolls back what a connection leaves
        }
    }
}
