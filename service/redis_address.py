"""The address of a Redis: what is wrong with one, and its parts. No message repeats any part of it.

One server, `redis://[user:password@]host:port/db` (`rediss://` over TLS, `unix:///path`); the Sentinels that know which
server is the primary, `redis+sentinel://[user:password@]host:port,host:port/name/db`; or some nodes of a Cluster,
`redis+cluster://[user:password@]host:port,host:port`.
"""

from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

Kind = Literal["server", "sentinel", "cluster"]
_OF_SENTINELS = ("sentinel_username", "sentinel_password")
_PORTS = {"sentinel": 26379, "cluster": 6379}
_FORM = (
    "redis://[:password@]host:port/db goes here (rediss:// over TLS, unix:///path for a socket, "
    "redis+sentinel://host:port,host:port/name for Sentinels, redis+cluster://host:port,host:port for a Cluster)"
)


class Place(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Address(NamedTuple):
    """`url` has one server, and of many the first, with the user, password and parameters that hold for all."""

    kind: Kind
    url: str
    places: tuple[Place, ...] = ()
    primary: str = ""
    """What the Sentinels call it."""
    sentinel_login: tuple[tuple[str, str], ...] = ()
    """`username` and `password` of the Sentinels themselves, from `?sentinel_password=`."""


def sound(url: str) -> str:
    """The address itself. Raises ValueError with what is wrong with it."""
    address_of(url)
    return url


def address_of(url: str) -> Address:
    """Raises ValueError with what is wrong with it."""
    if not url.isprintable() or " " in url:
        raise ValueError("there is white space in it, or what cannot be printed")
    scheme, _, rest = url.partition(":")
    base, _, kind = scheme.partition("+")
    if base not in ("redis", "rediss", "unix") or kind not in (
        ("", "sentinel", "cluster") if base != "unix" else ("",)
    ):
        raise ValueError(_FORM)
    try:
        parts = urlsplit(f"{base}:{rest}")
        login, at, hosts = parts.netloc.rpartition("@")
        places = tuple(_place(host, _PORTS.get(kind, 6379)) for host in hosts.split(",")) if base != "unix" else ()
    except ValueError:
        raise ValueError(
            "its host or its port cannot be read. A password with / # ? or @ in it is written with %2F %23 %3F %40, "
            "or given by itself in SPARSESHELF_REDIS_PASSWORD"
        ) from None
    if parts.fragment:
        raise ValueError("there is a # in it; one in a password is written %23")
    if kind == "":
        if len(places) > 1:
            raise ValueError("it has several hosts: redis+sentinel:// asks Sentinels, redis+cluster:// a Cluster")
        _database(parts.path if base != "unix" else "")
        return Address("server", url, places)
    given = parse_qsl(parts.query)
    of_all = [(key, value) for key, value in given if key not in _OF_SENTINELS]
    path, primary = parts.path, ""
    if kind == "sentinel":
        primary, _, path = path.removeprefix("/").partition("/")
        if not primary:
            raise ValueError("it says no name by which the Sentinels know the primary, as in …host:26379/mymaster")
    elif path.removeprefix("/") not in ("", "0"):
        raise ValueError("a Cluster has no database but 0")
    _database(path)
    first = urlunsplit((base, f"{login}{at}{places[0]}", path, urlencode(of_all), ""))
    login_there = tuple((key.removeprefix("sentinel_"), value) for key, value in given if key in _OF_SENTINELS)
    return Address("sentinel" if kind == "sentinel" else "cluster", first, places, unquote(primary), login_there)


def _place(text: str, port: int) -> Place:
    read = urlsplit(f"//{text}")
    if (not read.hostname and text) or read.path or read.query:
        raise ValueError
    return Place(read.hostname or "localhost", read.port or port)


def _database(path: str) -> None:
    database = path.removeprefix("/")
    if database and not (database.isascii() and database.isdigit()):
        raise ValueError("what comes after the host is a database, by its number, as in redis://host:6379/0")


def has_password(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.password) or "password" in dict(parse_qsl(parts.query))


def with_password(url: str, password: str) -> str:
    """An address without a password, with one."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.removesuffix(':')}:{quote(password, safe='')}@{host}"))
