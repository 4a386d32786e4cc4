<?php

declare(strict_types=1);

namespace understudy;

use Closure;
use think\swoole\rpc\Protocol;

/**
 * For the middleware list of a think-swoole RPC client (3.1.1 or later): gives each call a key of
 * its own, so that a gateway can tell a repeat from a second call. think-swoole's client sends
 * the same bytes again after its timeout; the key is among them, and the gateway gives the repeat
 * the answer of the first. Middleware runs once for a call, outside of the tries.
 *
 * A key makes a call durable unless it names another mode, and a durable call is stored first: say
 * which methods are worth it. config/swoole.php:
 *
 *     'client' => ['orders' => ['host' => '127.0.0.1', 'port' => 9500, 'middleware' => [
 *         [\understudy\FreshKey::class, ['durable', 'OrderInterface@place', 'StockInterface@*']],
 *     ]]],
 *
 * A caller who gives a key or a mode of its own keeps it:
 * `$orders->withContext(['understudy' => ['key' => 'order-42']])`. That stays with the proxy, so
 * it holds for every later call through it, too.
 */
final class FreshKey
{
    /**
     * @param string $mode       'durable', 'queued', 'direct'; '' leaves it to the gateway's rules
     * @param string ...$methods `Interface@method`, `*` for any characters, upper or lower case;
     *                           none: every call
     */
    public function handle(Protocol $protocol, Closure $next, string $mode = '', string ...$methods): mixed
    {
        if ($methods === [] || self::isAmong($protocol, $methods)) {
            $context = $protocol->getContext();
            $ours = $context['understudy'] ?? [];
            if (is_array($ours)) {  // what else it may be is for the gateway to refuse
                $ours += ['key' => bin2hex(random_bytes(16))] + ($mode === '' ? [] : ['mode' => $mode]);
                $protocol->setContext(['understudy' => $ours] + $context);
            }
        }
        return $next($protocol);
    }

    /** @param string[] $methods */
    private static function isAmong(Protocol $protocol, array $methods): bool
    {
        $called = strtolower($protocol->getInterface() . '@' . $protocol->getMethod());
        foreach ($methods as $pattern) {
            if (fnmatch(strtolower($pattern), $called)) {
                return true;
            }
        }
        return false;
    }
}
