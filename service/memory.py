"""What the service remembers between requests: pages, and where they are wanted histories and a deny list."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from service.deny_list import DenyList
from service.histories import Histories, RedisHistories
from service.layout_cache import LayoutCache, ProcessCache, RedisCache
from service.live import LiveModel
from service.pages import Pages
from service.settings import Settings
from service.shared_store import SharedStore, StoreUnavailableError

logger = logging.getLogger(__name__)
_DAY_SECONDS = 86_400


class SwitchedOffError(Exception):
    """What was asked for needs a setting that is not there."""


@dataclass(frozen=True)
class Memory:
    cache: LayoutCache
    pages: Pages
    histories: Histories | None = None
    deny_list: DenyList | None = None
    stores: Sequence[SharedStore] = ()

    @classmethod
    def of(cls, settings: Settings, live: LiveModel) -> "Memory":
        """Opens nothing yet. Raises ValueError where the address of Redis is none."""
        pages = Pages(fresh_seconds=settings.cache_ttl_seconds, stale_seconds=settings.cache_stale_seconds)
        kept_seconds = settings.cache_ttl_seconds * 1.1 + settings.cache_stale_seconds
        page_bytes = settings.cache_page_bytes
        if settings.redis_url is None:
            return cls(ProcessCache(pages=settings.cache_pages, ttl_seconds=kept_seconds, page_bytes=page_bytes), pages)
        cached = _store(settings, settings.redis_budget_seconds)
        kept = _store(settings, settings.histories_budget_seconds)
        histories = RedisHistories(
            kept,
            most_items=settings.history_items,
            ttl_seconds=round(settings.history_days * _DAY_SECONDS),
            page_ttl_seconds=kept_seconds,
            page_bytes=page_bytes,
        )
        chosen = histories if settings.histories else None
        return cls(
            RedisCache(cached, ttl_seconds=kept_seconds, page_bytes=page_bytes),
            pages,
            chosen,
            DenyList(kept, live.deny),
            (cached, kept),
        )

    def stored(self) -> Histories:
        """Raises SwitchedOffError."""
        if self.histories is None:
            raise SwitchedOffError("histories are switched off: SPARSESHELF_HISTORIES=true switches them on")
        return self.histories

    def denying(self) -> DenyList:
        """Raises SwitchedOffError."""
        if self.deny_list is None:
            raise SwitchedOffError("the deny list lies in Redis: set SPARSESHELF_REDIS_URL")
        return self.deny_list

    async def begin(self) -> None:
        """What others changed before, where Redis says so within its budget."""
        if self.deny_list is not None:
            with suppress(StoreUnavailableError, ValueError):  # what lies there may be anything
                await self.deny_list.read()

    async def follow(self) -> None:
        """What others change, until it is cancelled."""
        if self.deny_list is not None:
            await self._warn_of_eviction()
            await self.deny_list.follow()

    async def _warn_of_eviction(self) -> None:
        """Says so where Redis, once it is full, may forget what is not to be forgotten."""
        with suppress(StoreUnavailableError):
            for policy in sorted(await self.stores[-1].policies()):
                if risk := eviction_risk(policy, histories=self.histories is not None):
                    logger.warning("redis: %s", risk)

    async def close(self) -> None:
        await self.pages.settled()
        for store in self.stores:
            await store.close()


def eviction_risk(policy: str, *, histories: bool) -> str | None:
    """What a Redis with such a maxmemory-policy may forget once it is full, although it is not to be forgotten."""
    lost = None
    if policy.startswith("allkeys"):
        lost = "histories and the deny list" if histories else "the deny list"
    elif policy.startswith("volatile") and policy != "volatile-ttl" and histories:
        lost = "histories before pages"
    if lost is None:
        return None
    return f"it may forget {lost} when it is full: its maxmemory-policy is {policy}, volatile-ttl lets pages go first"


def _store(settings: Settings, budget_seconds: float) -> SharedStore:
    assert settings.redis is not None
    return SharedStore(
        settings.redis.get_secret_value(),
        namespace=settings.namespace,
        budget_seconds=budget_seconds,
        pause_seconds=settings.redis_pause_seconds,
    )
