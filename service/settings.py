"""Every setting of the service. Environment variables begin with SPARSESHELF_."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="SPARSESHELF_", extra="ignore", frozen=True)

    artifacts: Path = Path("artifacts")
    """Folder with CURRENT and the versions; read at start."""
    redis_url: SecretStr | None = None
    """Where homepages, histories and the deny list lie, `redis://[:password@]host:port/db`; without it pages are cached
    in the process."""
    namespace: str = Field(default="sparseshelf", min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$")
    """What every key in Redis begins with."""
    redis_budget_seconds: float = Field(default=0.05, gt=0, le=5)
    """What a look-up, and a store, may take; beyond it the page is computed without the cache."""
    redis_pause_seconds: float = Field(default=1.0, ge=0, le=60)
    """For how long Redis is left alone after it failed, so that a slow one does not slow every request."""
    cache_ttl_seconds: int = Field(default=300, gt=0, le=86_400)
    """How long a homepage is served from the cache, give or take a tenth."""
    cache_stale_seconds: int = Field(default=300, ge=0, le=86_400)
    """For how much longer it is sent once more while it is computed anew."""
    cache_page_bytes: int = Field(default=262_144, ge=1024, le=64 * 1_048_576)
    """Longer pages are not cached."""
    cache_pages: int = Field(default=1000, ge=0, le=1_000_000)
    """Most pages that the cache in the process holds; 0 turns it off. Does not concern Redis."""
    histories: bool = False
    """Whether the histories of users are kept, in Redis."""
    history_items: int = Field(default=500, ge=1, le=1000)
    """Most items that a user's history has; the latest stay."""
    history_days: float = Field(default=90, gt=0, le=3650)
    """After so many days without an event a history is forgotten."""
    histories_budget_seconds: float = Field(default=0.5, gt=0, le=5)
    """What reading or changing a history, or the deny list, may take."""
    max_body_bytes: int = Field(default=1_048_576, ge=1024, le=64 * 1_048_576)
    """Longer request bodies are refused with 413."""
