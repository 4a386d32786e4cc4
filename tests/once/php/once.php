<?php
// Runs the middlewares of examples/php and checks what they do. Needs pdo_sqlite.
// Usage: php once.php; it starts itself as `php once.php FILE TICKET` for a second process.

require __DIR__ . '/framework.php';
require __DIR__ . '/../../../examples/php/FreshKey.php';
require __DIR__ . '/../../../examples/php/Once.php';

use Composer\InstalledVersions;
use think\db\Connection;
use think\facade\Db;
use think\swoole\rpc\Protocol;
use understudy\FreshKey;
use understudy\Once;

set_error_handler(fn (int $level, string $text) => throw new ErrorException($text, 0, $level));

$checks = 0;

function check(string $what, mixed $wanted, mixed $got): void
{
    global $checks;
    $checks++;
    if ($wanted === $got) {
        return;
    }
    fwrite(STDERR, "$what: wanted " . var_export($wanted, true) . ', got ' . var_export($got, true) . "\n");
    exit(1);
}

/** What a server would do with a call: the result as JSON text, or the error's code. */
function serve(string $ticket, Closure $method, string $connection = ''): string|int
{
    $context = $ticket === '' ? [] : ['understudy' => ['call' => $ticket, 'attempt' => 1, 'key' => 'k']];
    try {
        $result = (new Once())->handle(new Protocol('OrderInterface', 'place', $context), $method, $connection);
    } catch (Throwable $e) {
        check('a code is an int', true, is_int($e->getCode()));
        return $e->getCode();
    }
    return json_encode(['result' => $result], JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR);
}

function effects(string $ref): int
{
    return (int) Db::connect()->query('SELECT count(*) AS n FROM orders WHERE ref = ?', [$ref])[0]['n'];
}

function rows(string $ticket): int
{
    $sql = 'SELECT count(*) AS n FROM understudy_once WHERE ticket = ?';
    return (int) Db::connect()->query($sql, [$ticket])[0]['n'];
}

function place(string $ref): Closure
{
    return function () use ($ref) {
        Db::connect()->execute('INSERT INTO orders (ref) VALUES (?)', [$ref]);
        return (int) Db::connect()->query('SELECT max(id) AS id FROM orders')[0]['id'];
    };
}

/** What the server is sent of one call. */
function sent(array $context, string $method, string ...$parameters): array
{
    $protocol = new Protocol('OrderInterface', $method, $context);
    return (new FreshKey())->handle($protocol, fn (Protocol $p) => $p->getContext(), ...$parameters);
}

if ($argc === 3) {
    Db::$connections['default'] = new Connection($argv[1]);
    echo serve($argv[2], place('second')), "\n";
    exit(0);
}

foreach (['FreshKey', 'Once'] as $name) {
    check("$name is short", true, count(file(__DIR__ . "/../../../examples/php/$name.php")) < 100);
}

// FreshKey.
$first = sent([], 'place');
check('a fresh key alone', ['understudy'], array_keys($first));
check('no mode of its own', ['key'], array_keys($first['understudy']));
check('its form', 1, preg_match('/^[0-9a-f]{32}$/', $first['understudy']['key']));
check('another for each call', false, $first === sent([], 'place'));
check('a given key stays', 'order-42', sent(['understudy' => ['key' => 'order-42']], 'place')['understudy']['key']);
check('the rest of the context stays', 'abc', sent(['trace' => 'abc'], 'place')['trace']);
check('the rest of ours stays', 9, sent(['understudy' => ['wait_ms' => 9]], 'place')['understudy']['wait_ms']);
check('what is not ours stays', ['understudy' => 'x'], sent(['understudy' => 'x'], 'place'));
check('with a mode', 'durable', sent([], 'place', 'durable')['understudy']['mode']);
$queued = sent(['understudy' => ['mode' => 'queued']], 'place', 'durable');
check('a given mode stays', 'queued', $queued['understudy']['mode']);
$listed = sent([], 'Place', 'durable', 'stock@*', 'orderinterface@place');
check('a method that is listed', true, isset($listed['understudy']));
check('a pattern', true, isset(sent([], 'place', '', 'OrderInterface@*')['understudy']));
check('a method that is not', [], sent([], 'get', 'durable', 'OrderInterface@place'));

// Once.
$file = tempnam(sys_get_temp_dir(), 'once-');
register_shutdown_function(function () use ($file) {
    array_map(unlink(...), glob("$file*"));
});
Db::$connections = ['default' => new Connection($file), 'other' => new Connection($file, 0)];
foreach ([
    'PRAGMA journal_mode=WAL',
    'CREATE TABLE orders (id INTEGER PRIMARY KEY, ref TEXT NOT NULL UNIQUE)',
    'CREATE TABLE understudy_once (ticket TEXT NOT NULL PRIMARY KEY, done_ms INTEGER NOT NULL, reply TEXT)',
] as $sql) {
    Db::connect()->getPdo()->exec($sql);
}

check('first', '{"result":1}', serve('c-1', place('a')));
check('first, stored', 1, rows('c-1'));
$done_ms = Db::connect()->query('SELECT done_ms FROM understudy_once')[0]['done_ms'];
check('its time', true, abs($done_ms / 1000 - time()) < 3600);
check('repeat', '{"result":1}', serve('c-1', fn () => exit(1)));
check('repeat, no second effect', 1, effects('a'));
check('another connection', '{"result":1}', serve('c-1', fn () => exit(1), 'other'));

foreach ([
    'null' => null, 'text' => "Grüße, 失败 \"/\\\n", 'zero' => '0', 'false' => false, 'float' => 2.0, 'sum' => 0.1 + 0.2,
    'largest' => PHP_INT_MAX, 'list' => [], 'object' => new stdClass(), 'map' => ['a' => ['b' => null, 'c' => []]],
] as $name => $value) {
    $wanted = json_encode(['result' => $value], JSON_UNESCAPED_UNICODE);
    check("$name, first", $wanted, serve("c-$name", fn () => $value));
    check("$name, repeat", $wanted, serve("c-$name", fn () => exit(1)));
}

check('direct', '{"result":2}', serve('', place('b')));
check('direct, no row', 0, rows(''));

check('an exception keeps its code', 42, serve('c-2', function () {
    place('c')();
    throw new LogicException('no', 42);
}));
check('rolled back', [0, 0], [effects('c'), rows('c-2')]);
check('may be tried again', '{"result":3}', serve('c-2', place('c')));

check('what the ORM throws', -32603, serve('c-3', function () {
    place('d')();
    place('a')();  // is there
}));
check('rolled back, too', [0, 0], [effects('d'), rows('c-3')]);
check('what PDO throws', -32603, serve('c-3', fn () => throw new PDOException('gone')));
$odd = new class ('odd') extends PDOException {
    protected $code = 'HY000';
};
check('a code that is no int', -32603, serve('c-3', fn () => throw $odd));
$other = new class ('odd') extends Exception {
    protected $code = 'E7';
};
check('whatever throws it', -32603, serve('c-3', fn () => throw $other));
check('the same of a direct call', -32603, serve('', fn () => throw $odd));
check('no text to store', true, is_int(serve('c-3', fn () => "\xff")));
check('no file to store', -32603, serve('c-3', fn () => new SplFileInfo($file)));
check('none of them left a row', 0, rows('c-3'));

// Two at a time: one that waits in vain, and one that does not.
$nested = null;
check('while another is at it', '{"result":3}', serve('c-4', function () use (&$nested) {
    $nested = serve('c-4', fn () => exit(1), 'other');
    return place('e')() - 1;
}));
check('in progress elsewhere', -32014, $nested);
$second = null;
check('beside a second process', '{"result":5}', serve('c-5', function () use ($file, &$second) {
    $id = place('first')();
    $command = [PHP_BINARY, __FILE__, $file, 'c-5'];
    $second = proc_open($command, [1 => ['pipe', 'w']], $pipes);
    usleep(100000);  // gives a wrong one its chance
    $second = [$second, $pipes[1]];
    return $id;
}));
check('the second process', "{\"result\":5}\n", stream_get_contents($second[1]));
check('ended', 0, proc_close($second[0]));
check('has no effect', [1, 0], [effects('first'), effects('second')]);

// Connections that are lost.
check('a new connection within', -32603, serve('c-6', function () {
    place('f')();
    Db::connect()->close();
    return 1;
}));
check('is no success', [0, 0], [effects('f'), rows('c-6')]);
check('a transaction left open', -32603, serve('c-6', function () {
    Db::connect()->startTrans();
    return place('f')();
}));
Db::connect()->close();
check('is none either', [0, 0], [effects('f'), rows('c-6')]);
Connection::$breaks_commit = true;
check('an unknown commit', -32001, serve('c-6', place('f')));
check('told by the repeat', '{"result":6}', serve('c-6', fn () => exit(1)));
Db::connect()->execute("UPDATE understudy_once SET reply = NULL WHERE ticket = 'c-6'");
check('a row without a reply', -32603, serve('c-6', fn () => exit(1), 'default'));

// What it needs.
foreach (['2.0.37.0', 'dev-master', null] as $version) {
    InstalledVersions::$orm = $version;
    check('refused: ' . ($version ?? 'none'), -32603, serve('c-7', fn () => exit(1)));
}
InstalledVersions::$orm = '2.0.38.0';
Db::connect()->getPdo()->exec('DROP TABLE understudy_once');
check('without the table', -32603, serve('c-7', fn () => exit(1)));

echo "$checks checks passed\n";
