"""The buckets of tokens that all processes share, in Redis. Without Redis the process' own decide."""

from service.shared_store import SharedStore, StoreUnavailableError, digest
from service.token_bucket import Rate, TokenBuckets

# Redis' clock is everybody's. A bucket that has filled up again is as good as none, and is forgotten.
_TAKE = """
local per_second, burst, wanted, owing = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = burst
if kept[1] and kept[2] then
    tokens = math.min(burst, tonumber(kept[1]) + math.max(0, now - tonumber(kept[2])) * per_second)
end
if tokens < wanted and not owing then
    return string.format('%.17g', (wanted - tokens) / per_second)
end
tokens = tokens - wanted
redis.call('HSET', KEYS[1], 'tokens', string.format('%.17g', tokens), 'at', string.format('%.17g', now))
redis.call('PEXPIRE', KEYS[1], math.ceil((burst - tokens) / per_second * 1000) + 1000)
return '0'
"""


class SharedTokenBuckets:
    """A RateLimit for all processes together. A call costs Redis one script, within the budget of its store."""

    def __init__(self, store: SharedStore, rate: Rate) -> None:
        self.store, self.rate, self.own = store, rate, TokenBuckets(rate)
        self._take = store.script(_TAKE)

    async def take(self, name: str) -> float:
        try:
            return await self._asked(name, 1, owing=False)
        except StoreUnavailableError:
            return await self.own.take(name)

    async def charge(self, name: str, tokens: int) -> None:
        try:
            await self._asked(name, tokens, owing=True)
        except StoreUnavailableError:
            await self.own.charge(name, tokens)

    async def _asked(self, name: str, tokens: int, *, owing: bool) -> float:
        keys = [self.store.key(digest(name), "rate")]
        arguments = [self.rate.per_second, self.rate.burst, tokens, int(owing)]
        return float(await self.store.ask(lambda _: self._take(keys=keys, args=arguments)))
