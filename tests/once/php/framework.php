<?php
// Stand-ins for what examples/php uses of think-swoole, think-orm and Composer: as much as it
// needs, on PDO. A connection counts nested transactions as think-orm does, and connects anew as one
// does whose configuration says break_reconnect: outside of transactions, at texts that it knows.

namespace think {
    class Exception extends \Exception
    {
        protected array $data = [];

        final protected function setData(string $label, array $data): void
        {
            $this->data[$label] = $data;
        }

        final public function getData(): array
        {
            return $this->data;
        }
    }
}

namespace think\db\exception {
    class PDOException extends \think\Exception
    {
        public function __construct(\PDOException $from)
        {
            parent::__construct($from->getMessage(), 10501);
            $info = $from->errorInfo ?? ['HY000', 0, ''];
            $this->setData('PDO Error Info', ['SQLSTATE' => $info[0], 'Driver Error Code' => $info[1] ?? 0]);
        }
    }
}

namespace think\db {
    interface ConnectionInterface
    {
        public function startTrans();
        public function commit();
        public function rollback();
        public function close();
    }

    final class Connection implements ConnectionInterface
    {
        public static bool $breaks_commit = false;  // the next one is lost on its way
        private ?\PDO $pdo = null;
        private int $depth = 0;

        public function __construct(private string $file, private int $timeout_s = 20)
        {
        }

        public function getPdo(): \PDO
        {
            if ($this->pdo === null) {
                $this->pdo = str_starts_with($this->file, 'mysql:') ? $this->mariadb() : $this->sqlite();
            }
            return $this->pdo;
        }

        private function sqlite(): \PDO
        {
            $pdo = new \PDO('sqlite:' . $this->file);
            $pdo->setAttribute(\PDO::ATTR_TIMEOUT, $this->timeout_s);
            return $pdo;
        }

        private function mariadb(): \PDO
        {
            return new \PDO($this->file, 'app', 'secret', [
                \PDO::ATTR_ERRMODE => \PDO::ERRMODE_EXCEPTION,
                \PDO::ATTR_EMULATE_PREPARES => false,
                \PDO::MYSQL_ATTR_INIT_COMMAND => 'SET SESSION innodb_lock_wait_timeout=3, lock_wait_timeout=3,'
                    . " idle_write_transaction_timeout=2, time_zone='+00:00',"
                    . " tx_isolation='READ-COMMITTED'",
            ]);
        }

        private static function isBreak(\Throwable $e): bool
        {
            foreach (['server has gone away', 'Lost connection', 'Error while sending'] as $text) {
                if (stripos($e->getMessage(), $text) !== false) {
                    return true;
                }
            }
            return false;
        }

        public function startTrans()
        {
            if (++$this->depth > 1) {
                return;
            }
            try {
                $this->getPdo()->beginTransaction();
            } catch (\Throwable $e) {
                $this->depth = 0;
                if (!self::isBreak($e)) {
                    throw $e;
                }
                $this->close();
                $this->depth = 1;
                $this->getPdo()->beginTransaction();
            }
        }

        public function commit()
        {
            if ($this->depth === 1) {
                $this->getPdo()->commit();
                if (self::$breaks_commit) {
                    self::$breaks_commit = false;
                    throw new \PDOException('server has gone away');
                }
            }
            $this->depth--;
        }

        public function rollback()
        {
            if ($this->depth === 1) {
                $this->getPdo()->rollBack();
            }
            $this->depth = max(0, $this->depth - 1);
        }

        public function close()
        {
            $this->pdo = null;
            $this->depth = 0;
        }

        public function query(string $sql, array $bind = [], bool $master = false): array
        {
            return $this->run($sql, $bind)->fetchAll(\PDO::FETCH_ASSOC);
        }

        public function execute(string $sql, array $bind = []): int
        {
            return $this->run($sql, $bind)->rowCount();
        }

        private function run(string $sql, array $bind, bool $again = true): \PDOStatement
        {
            try {
                $statement = $this->getPdo()->prepare($sql);
                $statement->execute($bind);
                return $statement;
            } catch (\Throwable $e) {
                if (self::isBreak($e) && $this->depth > 0) {
                    $this->depth = 0;
                } elseif (self::isBreak($e) && $again) {
                    $this->close();
                    return $this->run($sql, $bind, false);
                }
                throw $e instanceof \PDOException ? new exception\PDOException($e) : $e;
            }
        }
    }
}

namespace think\facade {
    final class Db
    {
        /** @var \think\db\Connection[] */
        public static array $connections = [];

        public static function connect(?string $name = null): \think\db\Connection
        {
            return self::$connections[$name ?? 'default'];
        }
    }
}

namespace think\swoole\rpc {
    final class Protocol
    {
        public function __construct(private string $interface, private string $method, private array $context = [])
        {
        }

        public function getInterface(): string
        {
            return $this->interface;
        }

        public function getMethod(): string
        {
            return $this->method;
        }

        public function getContext(): array
        {
            return $this->context;
        }

        public function setContext(array $context): void
        {
            $this->context = $context;
        }
    }
}

namespace Composer {
    final class InstalledVersions
    {
        public static ?string $orm = '3.0.34.0';

        public static function getVersion(string $package): ?string
        {
            return $package === 'topthink/think-orm' ? self::$orm : null;
        }
    }
}
