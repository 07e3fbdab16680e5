"""What this process may use: memory and cores, as the container allows them. No tensors here."""

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def memory_bytes() -> int:
    """The memory of the machine, or of the container where it allows less."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = [_number(_CGROUP / name) for name in ("memory.max", "memory/memory.limit_in_bytes")]
    return min([physical, *(limit for limit in limits if limit)])


def cores() -> int:
    """Cores that this process may use: its affinity, and the container's share of time."""
    n_cores = len(os.sched_getaffinity(0))
    quota, period = [*_words(_CGROUP / "cpu.max"), "max", "max"][:2]
    if quota.isdigit() and period.isdigit() and int(period):
        n_cores = min(n_cores, max(1, -(-int(quota) // int(period))))
    return n_cores


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


def _number(path: Path) -> int | None:
    words = _words(path)
    return int(words[0]) if words and words[0].isdigit() else None
