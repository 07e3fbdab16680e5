"""The address of a Redis: what is wrong with one, and one with a password put in. No message repeats any part of it."""

from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

_SCHEMES = ("redis", "rediss", "unix")
_FORM = "redis://[:password@]host:port/db goes here (rediss:// over TLS, unix:///path for a socket)"


def sound(url: str) -> str:
    """The address itself. Raises ValueError with what is wrong with it."""
    if not url.isprintable() or " " in url:
        raise ValueError("there is white space in it, or what cannot be printed")
    if url.split(":", maxsplit=1)[0] not in _SCHEMES:
        raise ValueError(_FORM)
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError(
            "its host or its port cannot be read. A password with / # ? or @ in it is written with %2F %23 %3F %40, "
            "or given by itself in SPARSESHELF_REDIS_PASSWORD"
        ) from None
    if parts.fragment:
        raise ValueError("there is a # in it; one in a password is written %23")
    database = parts.path.removeprefix("/")
    if parts.scheme != "unix" and database and not (database.isascii() and database.isdigit()):
        raise ValueError("what comes after the host is a database, by its number, as in redis://host:6379/0")
    return url


def has_password(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.password) or "password" in parse_qs(parts.query)


def with_password(url: str, password: str) -> str:
    """An address without a password, with one."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.removesuffix(':')}:{quote(password, safe='')}@{host}"))
