<?php
// Calls a server of UserInterface as a PHP program would, frame by frame, and checks the answers.
// Usage: php call.php PORT. Exits 0 if all is as it should be.

const MESSAGE = 0;
const FILE = 1;

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

final class Connection
{
    private $socket;

    public function __construct(int $port)
    {
        $this->socket = stream_socket_client("tcp://127.0.0.1:$port", $errno, $error, 20);
        if ($this->socket === false) {
            fwrite(STDERR, "cannot connect: $error\n");
            exit(1);
        }
        stream_set_timeout($this->socket, 20);
    }

    public function send(int $type, string $body): void
    {
        $bytes = pack('NN', strlen($body), $type) . $body;
        while ($bytes !== '') {
            $bytes = substr($bytes, fwrite($this->socket, $bytes));
        }
    }

    public function receive(): array
    {
        $header = unpack('Nlength/Ntype', $this->read(8));
        return [$header['type'], $this->read($header['length'])];
    }

    /** @return array the decoded answer, with 'file' if one came before it */
    public function ask(string $body): array
    {
        $this->send(MESSAGE, $body);
        [$type, $content] = $this->receive();
        $file = [];
        if ($type === FILE) {
            $file = ['file' => $content];
            [$type, $content] = $this->receive();
        }
        check('type of the answer', MESSAGE, $type);
        return json_decode($content, true, 512, JSON_THROW_ON_ERROR) + $file;
    }

    public function call(string $method, array $params = [], array $context = []): array
    {
        return $this->ask(json_encode([
            'jsonrpc' => '2.0', 'method' => "UserInterface@$method", 'params' => $params,
            'context' => $context, 'id' => '',
        ], JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR));
    }

    private function read(int $length): string
    {
        $bytes = '';
        while (strlen($bytes) < $length) {
            $more = fread($this->socket, $length - strlen($bytes));
            if ($more === false || $more === '') {
                fwrite(STDERR, "the connection ended or is silent\n");
                exit(1);
            }
            $bytes .= $more;
        }
        return $bytes;
    }
}

$server = new Connection((int) $argv[1]);

check('hello', ['jsonrpc' => '2.0', 'id' => '', 'result' => 'hello, world'], $server->call('hello', ['world']));
check('case of a method', 'hello, x', $server->call('HELLO', ['x'])['result']);
$nested = ['a' => [1, 2, ['b' => true]], 'e' => [], 'f' => 1.5, 'n' => null, '0' => 'zero'];
check('echo', $nested, $server->call('echo', [$nested])['result']);
$text = "世界 a/b \"q\" \u{1} 😀 é";
check('unicode', $text, $server->call('mixed', [$text])['result']);
check('named', 3, $server->call('add', ['b' => 2, 'a' => 1])['result']);
check('weak types', 5, $server->call('add', ['2', 3.0])['result']);
check('defaults', 'nobody-in-particular Li', $server->call('greet', ['Li'])['result']);
check('a named default', 'Mr Li Mr Li', $server->call('greet', ['times' => 2, 'name' => 'Li', 'title' => 'Mr'])['result']);
check('nullable', null, $server->call('greet', [''])['result']);
check('void', ['jsonrpc' => '2.0', 'id' => '', 'result' => null], $server->call('ping'));
check('whole float', 2, $server->call('half', [4])['result']);
check('float', 0.25, $server->call('half', [0.5])['result']);
check('context', ['trace' => 'abc', 'uid' => 7], $server->call('context', [], ['trace' => 'abc', 'uid' => 7])['result']);
check('no context', [], $server->call('context')['result']);
check('counter', [1, 2], [$server->call('counter')['result'], $server->call('counter')['result']]);
check('counter of another connection', 1, (new Connection((int) $argv[1]))->call('counter')['result']);

$bytes = random_bytes(100000);
$server->send(FILE, $bytes);
check('upload', 100000, $server->call('upload', ['@file'])['result']);
$server->send(FILE, $bytes);
$server->send(FILE, 'second');
check('two uploads', ['label' => 'L', 'a' => md5($bytes), 'b' => md5('second'), 'size_a' => 100000, 'size_b' => 6],
    $server->call('upload2', ['L', '@file', '@file'])['result']);
$file = '';
for ($i = 0; $i < 200000; $i++) {
    $file .= chr($i & 255);
}
$answer = $server->call('download', [200000]);
check('download', ['@file', md5($file)], [$answer['result'], md5($answer['file'])]);
check('a file that is "0"', '0', $server->call('text', ['0'])['file']);

$code = fn (array $answer) => $answer['error']['code'] ?? null;
check('exception', ['code' => 42, 'message' => 'failed on purpose', 'data' => null], $server->call('fail')['error']);
check('code and text', ['code' => -5, 'message' => '失败/x', 'data' => null], $server->call('failWith', ['失败/x', -5])['error']);
check('unknown method', -32601, $code($server->call('nope')));
check('wrong type', -32602, $code($server->call('add', ['x', 1])));
check('missing', -32602, $code($server->call('add', [1])));
check('no JSON', -32700, $code($server->ask('{')));
check('unknown service', 'Service NopeInterface is not founded!',
    $server->ask('{"method":"NopeInterface@hello"}')['error']['message']);
check('empty frame', -32600, $code($server->ask('')));

$methods = $server->ask('@action_interface')['result']['UserInterface'];
check('number of methods', 20, count($methods));
check('greet', [
    'parameters' => [
        ['name' => 'name', 'type' => 'string'],
        ['name' => 'title', 'type' => 'string', 'default' => null, 'nullable' => true],
        ['name' => 'times', 'type' => 'int', 'default' => 1],
    ],
    'returnType' => 'string', 'comment' => false,
], $methods['greet']);
check('a file type', 'think\\File', $methods['upload']['parameters'][0]['type']);

echo "$checks checks passed\n";
