<?php
// A PHP program that inserts rows 1..N through an endpoint and connects again when it must. An error
// that says "not executed" is repeated; any other counts as unknown. Arguments: port, N, and
// "native" for statements that the server prepares.
[, $port, $rows, $how] = $argv;

function connect(string $port, bool $native): PDO {
    return new PDO("mysql:host=127.0.0.1;port=$port;dbname=app", 'app', 'secret', [
        PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
        PDO::ATTR_EMULATE_PREPARES => !$native,
    ]);
}

$native = $how === 'native';
$db = connect($port, $native);
$repeated = 0;
$unknown = [];
for ($id = 1; $id <= $rows; ++$id) {
    try {
        $insert = $db->prepare('INSERT INTO php VALUES (?)');
        $insert->execute([$id]);
        usleep(1000);
    } catch (PDOException $e) {
        if (!str_contains($e->getMessage(), 'This was not executed')) {
            $unknown[] = $e->getMessage();
        } else {
            ++$repeated;
            --$id;
        }
        $db = connect($port, $native);
    }
}
$found = $db->query('SELECT COUNT(*) FROM php')->fetchColumn();
echo "found $found, repeated ", $repeated > 0 ? 'some' : 'none', ', unknown ', implode('; ', $unknown), "\n";
