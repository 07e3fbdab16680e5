"""Real redis-servers that belong together: a primary with its replica and Sentinels, and a Cluster."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import redis

from tests.conftest import RedisServer

NAME = "shop-primary"
_SLOTS = 16384
_AT_ONCE = ("--repl-diskless-sync-delay", "0")


class Group(NamedTuple):
    """`doomed` is a primary that has a replica, which takes its place."""

    url: str
    doomed: RedisServer
    servers: list[RedisServer]


@contextmanager
def sentinels(binary: str, folder: Path, *, password: str = "", sentinel_password: str = "") -> Iterator[Group]:
    """A primary and its replica, and three Sentinels that give it up after half a second."""
    needs = [*_AT_ONCE, *(["--requirepass", password, "--masterauth", password] if password else [])]
    primary = RedisServer(binary, _folder(folder, "primary"), *needs)
    replica = RedisServer(binary, _folder(folder, "replica"), "--replicaof", "127.0.0.1", str(primary.port), *needs)
    watching: list[RedisServer] = []
    try:
        _until(lambda: told(replica, password).info("replication")["master_link_status"] == "up")
        for number in range(3):
            place = _folder(folder, f"sentinel-{number}")
            (place / "sentinel.conf").write_text(
                f"sentinel monitor {NAME} 127.0.0.1 {primary.port} 2\n"
                f"sentinel down-after-milliseconds {NAME} 500\nsentinel failover-timeout {NAME} 3000\n"
                + (
                    f"sentinel auth-pass {NAME} {password}\nsentinel sentinel-pass {sentinel_password}\n"
                    * bool(password)
                )
            )
            needs_itself = ["--requirepass", sentinel_password] if sentinel_password else []
            watching.append(
                RedisServer(binary, place, *needs_itself, before=[str(place / "sentinel.conf"), "--sentinel"])
            )
        _until(lambda: all(_sees_all(sentinel, sentinel_password) for sentinel in watching))
        places = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in watching)
        yield Group(f"redis+sentinel://{places}/{NAME}/0", primary, [primary, replica, *watching])
    finally:
        for server in (*watching, replica, primary):
            server.kill()


@contextmanager
def cluster(binary: str, folder: Path) -> Iterator[Group]:
    """Three primaries, and a replica of the first."""
    options = [*_AT_ONCE, "--cluster-enabled", "yes", "--cluster-node-timeout", "500"]
    nodes = [RedisServer(binary, _folder(folder, f"node-{number}"), *options) for number in range(4)]
    try:
        asked = [told(node) for node in nodes]
        for place, node in enumerate(asked[:3]):
            node.execute_command("CLUSTER ADDSLOTS", *range(place * _SLOTS // 3, (place + 1) * _SLOTS // 3))
            node.execute_command("CLUSTER SET-CONFIG-EPOCH", place + 1)
        for other in nodes[1:]:
            asked[0].execute_command("CLUSTER MEET", "127.0.0.1", other.port)
        first = asked[0].execute_command("CLUSTER MYID")
        _until(lambda: _replicates(asked[3], first))
        _until(lambda: asked[3].info("replication").get("master_link_status") == "up")
        _until(lambda: all(node.cluster("INFO")["cluster_state"] == "ok" for node in asked))
        yield Group(f"redis+cluster://127.0.0.1:{nodes[0].port},127.0.0.1:{nodes[1].port}", nodes[0], nodes)
    finally:
        for node in nodes:
            node.kill()


def told(server: RedisServer, password: str = "") -> Any:
    return redis.Redis(port=server.port, password=password or None, socket_timeout=5)


def _folder(parent: Path, name: str) -> Path:
    place = parent / name
    place.mkdir(parents=True)
    return place


def _sees_all(sentinel: RedisServer, password: str) -> bool:
    state = told(sentinel, password).sentinel_masters()[NAME]
    return bool(state["num-other-sentinels"] == 2 and state["num-slaves"] == 1)


def _replicates(node: Any, primary: bytes) -> bool:
    try:
        node.execute_command("CLUSTER REPLICATE", primary)
    except redis.ResponseError:  # it has not heard of it yet
        return False
    return True


def _until(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("the servers do not come together")
        time.sleep(0.05)
