"""How many requests a key may make: a bucket of tokens each, that fills at a steady rate."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Rate:
    """Tokens that come back in a second, and how many a bucket holds."""

    per_second: float
    burst: int


class RateLimit(Protocol):
    async def take(self, name: str) -> float:
        """Takes a token of the bucket of this name: 0, or the seconds until there is one and none was taken."""
        ...

    async def charge(self, name: str, tokens: int) -> None:
        """Takes tokens that may not be there: whoever owes some waits longer for the next."""
        ...


class TokenBuckets:
    """The buckets of this process. A name that was not seen has a full one."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate, self.clock = rate, clock
        self._buckets: dict[str, tuple[float, float]] = {}  # tokens, and when there were that many

    async def take(self, name: str) -> float:
        now = self.clock()
        tokens = self._tokens(name, now)
        if tokens < 1:
            return (1 - tokens) / self.rate.per_second
        self._buckets[name] = (tokens - 1, now)
        return 0.0

    async def charge(self, name: str, tokens: int) -> None:
        now = self.clock()
        self._buckets[name] = (self._tokens(name, now) - tokens, now)

    def _tokens(self, name: str, now: float) -> float:
        tokens, since = self._buckets.get(name, (float(self.rate.burst), now))
        return min(self.rate.burst, tokens + (now - since) * self.rate.per_second)
