"""What may go wrong under a service, done to real processes on loopback, and undone again."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import httpx
import redis

from benchmarks.dropping_proxy import DroppingProxy
from tests.conftest import RedisServer

FAULT_SECONDS, AFTER_SECONDS = 5.0, 6.0
# In a mount namespace of its own, gone with the process.
_FILL_A_DISK = 'mount -t tmpfs -o size=4m none "$1" && shift && exec "$@"'


class Fault(NamedTuple):
    """`begin` does it, `end` undoes it. `redis` says whether pages are to come from the cache again afterwards."""

    name: str
    begin: Callable[[], None]
    end: Callable[[], None]
    redis: bool = True


class Span(NamedTuple):
    """While a fault lasted and for a while after, by time.monotonic(); `ended`, where pages are to be cached again."""

    name: str
    began: float
    until: float
    ended: float | None = None


def suffered(fault: Fault) -> Span:
    began = time.monotonic()
    fault.begin()
    time.sleep(FAULT_SECONDS)
    fault.end()
    ended = time.monotonic()
    time.sleep(AFTER_SECONDS)
    return Span(fault.name, began, time.monotonic(), ended if fault.redis else None)


def of_redis(server: RedisServer, proxy: DroppingProxy) -> Sequence[Fault]:
    """Of the store that pages lie in."""
    admin = redis.Redis(port=server.port)

    def full() -> None:
        admin.flushall()
        admin.config_set("maxmemory-policy", "noeviction")
        admin.config_set("maxmemory", "100kb")

    def room() -> None:
        admin.config_set("maxmemory", "0")

    def another_password() -> None:
        admin.config_set("requirepass", "another")
        admin.client_kill_filter(_type="normal", skipme=True)

    def no_password() -> None:
        admin.config_set("requirepass", "")

    def send(number: signal.Signals) -> Callable[[], None]:
        def sent() -> None:
            assert server.process is not None
            server.process.send_signal(number)

        return sent

    return [
        Fault("Redis killed, started again after 5 s", server.kill, server.start),
        Fault("Redis stopped for 5 s (SIGSTOP)", send(signal.SIGSTOP), send(signal.SIGCONT)),
        Fault("Redis full for 5 s (maxmemory, noeviction)", full, room),
        Fault("Redis with another password for 5 s", another_password, no_password),
        Fault("everything to Redis dropped for 5 s", proxy.drop, proxy.forward),
    ]


def of_a_worker(url: str) -> Fault:
    """One of several is killed; the supervisor starts another."""

    def kill() -> None:
        workers = httpx.post(f"{url}/admin/reload", timeout=30).raise_for_status().json()["workers"]
        os.kill(workers[0]["worker"], signal.SIGKILL)

    return Fault("a worker of two killed", kill, lambda: None, redis=False)


def of_the_trainers_disk(artifacts: Path, data: Path | None) -> Fault:
    """A fit writes to a disk of 4 MiB; what is served is left as it is. Needs the right to mount."""

    def fill() -> None:
        disk = artifacts.parent / "disk"
        disk.mkdir(exist_ok=True)
        source = ["--dataset", "ml-100k", "--data-dir", str(data)] if data else ["--dataset", "synthetic"]
        options = [
            "--codes",
            "float32",
            "--dims",
            "1024",
            "--nonzeros",
            "512",
            "--prune-epochs",
            "1",
            "--final-epochs",
            "1",
        ]
        fit = [sys.executable, "-m", "trainer", "fit", *source, *options, "--regrow-epochs", "0", "--threads", "1"]
        shell = ["unshare", "--mount", "sh", "-c", _FILL_A_DISK, "sh", str(disk)]
        done = subprocess.run([*shell, *fit, "--out", str(disk)], capture_output=True, text=True, check=False)
        if "No space left on device" not in done.stderr and "MiB" not in done.stderr:
            raise SystemExit(f"the disk did not fill up: {done.stderr[-500:]}")
        if list(disk.iterdir()):
            raise SystemExit("something was left behind on the disk")

    return Fault("the trainer's disk full", fill, lambda: None, redis=False)


def of_the_clock(offset: Path) -> Sequence[Fault]:
    """The time of day jumps, of a service that runs under libfaketime."""

    def jump(to: str) -> Callable[[], None]:
        return lambda: _replace(offset, to)

    return [
        Fault("the clock a day ahead for 5 s", jump("+1d"), jump("+0")),
        Fault("the clock a day behind for 5 s", jump("-1d"), jump("+0")),
    ]


def under_a_clock(offset: Path) -> dict[str, str] | None:
    """The environment of a process whose time of day `offset` moves; None without libfaketime."""
    found = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if found is None:
        return None
    _replace(offset, "+0")
    return {
        "LD_PRELOAD": str(found),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def _replace(path: Path, content: str) -> None:
    partial = path.with_suffix(".new")
    partial.write_text(content)
    partial.replace(path)


BROKEN = ("cut short", "altered", "without a manifest", "a file that is a link", "not there")


def break_version(version: Path, how: str) -> None:
    """Damages a version of an artifact in one of the ways of BROKEN."""
    codes = version / "codes.npy"
    match how:
        case "cut short":
            codes.write_bytes(codes.read_bytes()[:-100])
        case "altered":
            content = bytearray(codes.read_bytes())
            content[-1] ^= 1
            codes.write_bytes(content)
        case "without a manifest":
            (version / "manifest.json").unlink()
        case "a file that is a link":
            moved = codes.rename(version.parent / "elsewhere.npy")
            codes.symlink_to(moved)
        case "not there":
            shutil.rmtree(version)
