<?php
// A server's worker on MariaDB, with the middleware Once around a method that places an order.
// Usage: php once_mariadb.php PORT TICKET..; prints what each call is answered, in their order.
// "TICKET*" is repeated, as a gateway does, until it has a result; other answers come at the end.

require __DIR__ . '/framework.php';
require __DIR__ . '/../../../examples/php/Once.php';

use think\db\Connection;
use think\facade\Db;
use think\swoole\rpc\Protocol;
use understudy\Once;

// As ThinkPHP does.
set_error_handler(fn (int $level, string $text) => throw new ErrorException($text, 0, $level));

function place(string $ticket): int
{
    Db::connect('write')->execute('INSERT INTO orders (ref) VALUES (?)', [$ticket]);
    return (int) Db::connect('write')->query('SELECT LAST_INSERT_ID() AS id')[0]['id'];
}

function serve(string $ticket): string
{
    $context = ['understudy' => ['call' => $ticket, 'attempt' => 1, 'key' => 'k']];
    $protocol = new Protocol('OrderInterface', 'place', $context);
    try {
        return 'result ' . (new Once())->handle($protocol, fn () => place($ticket), 'write');
    } catch (Throwable $e) {
        return (string) $e->getCode();
    }
}

[, $port] = $argv;
Db::$connections = ['write' => new Connection("mysql:host=127.0.0.1;port=$port;dbname=app")];
$met = [];
foreach (array_slice($argv, 2) as $ticket) {
    $until_done = str_ends_with($ticket, '*');
    do {
        $said = serve(rtrim($ticket, '*'));
        $done = str_starts_with($said, 'result ');
        if ($until_done && !$done) {
            $met[$said] = true;
        }
    } while ($until_done && !$done);
    echo $said, "\n";
}
ksort($met);
echo $met === [] ? '' : 'met ' . implode(' ', array_keys($met)) . "\n";
