"""Every setting of the service. Environment variables begin with SPARSESHELF_; secrets may lie in files."""

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from service import engines, redis_address, tracing
from service.secret_files import PREFIX, SecretFiles, Unusable
from service.split import Split
from service.token_bucket import Rate

_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?")


def _origins(value: object) -> object:
    if not isinstance(value, str):
        return value
    origins = tuple(origin.strip() for origin in value.split(",") if origin.strip())
    if not all(_ORIGIN.fullmatch(origin) for origin in origins):
        raise ValueError("origins like https://shop.example go here, in lower case, separated by commas, no path")
    return origins


def _usable(value: object) -> object:
    if isinstance(value, Unusable):
        raise ValueError(value.reason)  # noqa: TRY004  what pydantic makes a message of
    return value


def _address(value: SecretStr) -> SecretStr:
    redis_address.sound(value.get_secret_value())
    return value


def _engine(value: str) -> str:
    remote = value.startswith(("http://", "https://"))
    if remote:
        _http_address(value)
    if not engines.installed(remote=remote):
        package = "qdrant-client" if remote else "qdrant-edge-py"
        raise ValueError(f"{package} is not installed: pip install '.[qdrant]'")
    return value


def _http_address(value: str) -> None:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise ValueError("http://host:6333 or https://host:6333 goes here, or a folder") from None
    if not parts.hostname or parts.username or parts.password:
        raise ValueError("http://host:6333 goes here; a key goes into SPARSESHELF_QDRANT_API_KEY")


SECRETS = ("redis_url", "redis_password", "qdrant_api_key")
Secret = Annotated[SecretStr, BeforeValidator(_usable)]


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


class Settings(BaseSettings):
    # A message that repeated its input would repeat secrets.
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    artifacts: Path = Path("artifacts")
    """Folder with CURRENT and the versions; only read."""
    workers: int = Field(default=1, ge=1, le=256)
    """Processes that answer side by side; the artifact's mapped pages are shared by all."""
    reload_seconds: float = Field(default=2.0, ge=0.1, le=3600)
    """How often CURRENT is looked at; what it names then answers without a restart."""
    challenger: str | None = None
    """A version of the folder that answers beside the current one, as variant b."""
    challenger_share: float = Field(default=0.5, ge=0, le=1)
    """Share of the keys in X-Split-Key, or of user_ids, that the challenger answers."""
    shutdown_seconds: int = Field(default=20, ge=1, le=3600)
    """What requests under way have to end in, when the service is told to stop."""
    redis_url: Annotated[Secret, AfterValidator(_address)] | None = None
    """Where homepages, histories and the deny list lie, `redis://[:password@]host:port/db`; without it pages are cached
    in the process."""
    redis_password: Secret | None = None
    """Goes into an address that has none."""
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
    qdrant: Annotated[str, AfterValidator(_engine)] | None = None
    """A Qdrant that `python -m trainer export` wrote to, an http address or a folder: finds the items of /recommend."""
    qdrant_api_key: Secret | None = None
    """Of a server that asks for one."""
    qdrant_name: str = Field(default="sparseshelf", min_length=1, max_length=100, pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")
    """What the names of its collections begin with."""
    qdrant_budget_seconds: float = Field(default=0.25, gt=0, le=10)
    """What a server may take for a question; then the index answers."""
    qdrant_pause_seconds: float = Field(default=1.0, ge=0, le=60)
    """For how long it is left alone after it failed, or did not hold the version."""
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

    keys_file: Path | None = None
    """Who may ask for what: `python -m service keys` writes it. Looked at again while the service runs."""
    no_auth: bool = False
    """Answer anyone, where only this machine can ask. Of no effect beside a file of keys."""
    published_on: str | None = None
    """The address under which others reach the port, where it is not the one that is listened on: in a container."""
    published_port: int | None = Field(default=None, ge=1, le=65_535)
    """The port under which others reach it, where that is another: the lines that are printed at the start name it."""
    rate_per_second: float | None = Field(default=None, gt=0, le=1_000_000, allow_inf_nan=False)
    """Requests that a key may make in a second, in the long run. None: as many as there is room for."""
    burst: int | None = Field(default=None, ge=1, le=1_000_000)
    """Requests that a key may make at once; by default those of ten seconds."""
    shared_rate: bool = False
    """Whether all processes on one Redis count together. Where it is out of reach each counts for itself."""
    max_in_flight: int = Field(default=64, ge=1, le=100_000)
    """Requests that are answered side by side; the next one is refused at once."""
    max_reading: int = Field(default=256, ge=1, le=100_000)
    """Bodies that are read side by side: with max_body_bytes what they may take of memory."""
    body_seconds: float = Field(default=10.0, gt=0, le=3600)
    """What a body may take to arrive."""
    header_seconds: float = Field(default=10.0, gt=0, le=3600)
    """What the head of a request may take to arrive; then the connection is closed."""
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_origins)] = ()
    """Pages of these origins may ask from a browser. None: no CORS headers."""
    ui: bool = True
    """Whether there is a page at `/`."""
    image_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_origins)] = ()
    """Where that page may load pictures from that the catalogue links. None: covers are drawn."""

    log_format: Literal["text", "json"] = "text"
    """How lines are logged, to stderr: to be read, or an object each."""
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = "info"
    """What is logged at least; of other libraries never more than info."""
    access_log: bool = False
    """Whether every request is logged. Those that fail with a 5xx, or are slow, always are."""
    slow_seconds: float = Field(default=1.0, gt=0, le=3600)
    """What a request may take before it is logged as a slow one."""
    tracing: bool = False
    """Whether spans are sent by OpenTelemetry, whose own variables OTEL_… say where to."""

    @field_validator("tracing")
    @classmethod
    def _can_be_traced(cls, wanted: bool) -> bool:
        if wanted and not tracing.installed():
            raise ValueError("OpenTelemetry is not installed: pip install '.[otel]', or set it to false")
        return wanted

    @field_validator("redis_password")
    @classmethod
    def _only_one_password(cls, password: SecretStr | None, others: ValidationInfo) -> SecretStr | None:
        url = others.data.get("redis_url")
        if password is not None and url is not None and redis_address.has_password(url.get_secret_value()):
            raise ValueError("SPARSESHELF_REDIS_URL has a password as well; keep one of them")
        return password

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, SecretFiles(settings_cls, SECRETS), env_settings

    @property
    def redis(self) -> SecretStr | None:
        """The address with its password."""
        if self.redis_url is None or self.redis_password is None:
            return self.redis_url
        url, password = self.redis_url.get_secret_value(), self.redis_password.get_secret_value()
        return SecretStr(redis_address.with_password(url, password))

    @property
    def contradiction(self) -> str | None:
        """Why these need SPARSESHELF_REDIS_URL, where it is missing."""
        if self.redis_url is None and self.histories:
            return "histories lie in Redis: set it, or SPARSESHELF_HISTORIES=false"
        if self.redis_url is None and self.shared_rate and self.rate is not None:
            return "buckets that are shared lie in Redis: set it, or SPARSESHELF_SHARED_RATE=false"
        return None

    @property
    def split(self) -> Split | None:
        return None if self.challenger is None else Split(self.challenger, self.challenger_share)

    @property
    def rate(self) -> Rate | None:
        if self.rate_per_second is None:
            return None
        return Rate(self.rate_per_second, self.burst or max(1, round(10 * self.rate_per_second)))
