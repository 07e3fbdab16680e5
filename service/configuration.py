"""What is wrong with a configuration beyond each value by itself: what a start refuses, and what it warns of."""

import difflib
import ipaddress
import re
from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from service.secret_files import ENDING, PREFIX
from service.settings import SECRETS, Settings

_WITHOUT_KEYS = (
    "there are no keys: make one with `python -m service keys add NAME --file keys.txt` and set "
    "SPARSESHELF_KEYS_FILE=keys.txt"
)
_OF_OTHERS = re.compile(
    r"SPARSESHELF_(LLM_(URL|MODEL|KEY)|EXPORT_KEY|TEST_\w+|REQUIRE_BROWSER)"
)  # the trainer's and the tests'
_OF_KUBERNETES = re.compile(r"\w+_(SERVICE_(HOST|PORT\w*)|PORT(_\d+_\w+)?)")  # of a Service named sparseshelf…
_OF_QDRANT = ("qdrant_api_key", "qdrant_name", "qdrant_budget_seconds", "qdrant_pause_seconds")
_IN_REDIS = ("redis_password", "namespace", "redis_budget_seconds", "redis_pause_seconds", "histories_budget_seconds")


def invalid(error: ValidationError) -> dict[str, str]:
    """Each variable that cannot be read, and why."""
    return {
        f"{PREFIX}{_field(each['loc']).upper()}": each["msg"].removeprefix("Value error, ")
        for each in error.errors(include_url=False, include_input=False, include_context=False)
    }


def read(**given: object) -> tuple[Settings, dict[str, str]]:
    """The settings with defaults where a value is no good, and what is wrong with those, by variable."""
    try:
        return Settings(**given), {}  # type: ignore[arg-type]
    except ValidationError as error:
        fields = {_field(each["loc"]) for each in error.errors(include_input=False, include_context=False)}
        sound = {name: Settings.model_fields[name].get_default() for name in fields}
        return Settings(**{**given, **sound}), invalid(error)


def refusal(settings: Settings, host: str) -> str | None:
    """Why the service must not start as it is asked to: it would lack what it needs, or whoever can reach it could
    ask it.
    """
    if settings.contradiction is not None:
        return f"SPARSESHELF_REDIS_URL: {settings.contradiction}"
    if settings.keys_file is not None:
        return None
    reached = settings.published_on or host
    if not _is_loopback(reached):
        in_compose = " (docker compose: KEYS=./keys.txt)" if settings.published_on else ""
        return f"{_WITHOUT_KEYS}{in_compose}; --no-auth is for loopback addresses, and {reached} is none"
    if not settings.no_auth:
        return f"{_WITHOUT_KEYS}, or pass --no-auth to answer anyone on this machine"
    return None


def warnings(settings: Settings, environment: Mapping[str, str]) -> list[str]:
    """Variables that are none of the settings, and settings without effect; a line each."""
    return [*_unknown(environment), *_idle(settings)]


def _unknown(environment: Mapping[str, str]) -> Iterator[str]:
    known = [*map(str.upper, Settings.model_fields), *(f"{name.upper()}{ENDING}" for name in SECRETS)]
    in_kubernetes = "KUBERNETES_SERVICE_HOST" in environment
    for variable in sorted(environment):
        name = variable.upper()
        if not name.startswith(PREFIX) or name.removeprefix(PREFIX) in known or _OF_OTHERS.fullmatch(name):
            continue
        if in_kubernetes and _OF_KUBERNETES.fullmatch(name):
            continue
        nearest = difflib.get_close_matches(name.removeprefix(PREFIX), known, n=1)  # all are alike with the prefix
        meant = f"; did you mean {PREFIX}{nearest[0]}?" if nearest else "; docs/operating.md lists them"
        yield f"{variable} is no setting and has no effect{meant}"


def _idle(settings: Settings) -> Iterator[str]:
    """What was set and does nothing, because of what was not."""
    without = {
        "SPARSESHELF_RATE_PER_SECOND": ("burst", "shared_rate") if settings.rate_per_second is None else (),
        "SPARSESHELF_REDIS_URL": _IN_REDIS if settings.redis_url is None else (),
        "SPARSESHELF_CHALLENGER": ("challenger_share",) if settings.challenger is None else (),
        "SPARSESHELF_QDRANT": _OF_QDRANT if settings.qdrant is None else (),
        "SPARSESHELF_UI=true": () if settings.ui else ("image_origins",),
        "SPARSESHELF_HISTORIES=true": () if settings.histories else ("history_items", "history_days"),
    }
    for needed, names in without.items():
        for name in names:
            if name in settings.model_fields_set and getattr(settings, name) is not False:
                yield f"{PREFIX}{name.upper()} has no effect without {needed}"
    if settings.redis_url is not None and "cache_pages" in settings.model_fields_set:
        yield "SPARSESHELF_CACHE_PAGES has no effect beside SPARSESHELF_REDIS_URL: pages lie in Redis"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _field(location: tuple[int | str, ...]) -> str:
    return str(location[0]) if location else ""
