"""What this worker takes of the machine, told to the metrics every ten seconds."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

from service import metrics

EVERY_SECONDS = 10.0
_UNTIL_READY_SECONDS = 0.5
_SMAPS = Path("/proc/self/smaps_rollup")  # Linux only


async def tell(ready: Callable[[], bool]) -> None:
    """Until it is cancelled."""
    told_seconds = 0.0
    while True:
        metrics.worker_ready(ready())
        if (memory := await asyncio.to_thread(memory_bytes)) is not None:
            metrics.worker_takes(os.getpid(), *memory)
        used_seconds = time.process_time()
        metrics.processor_used(used_seconds - told_seconds)
        told_seconds = used_seconds
        await asyncio.sleep(EVERY_SECONDS if ready() else _UNTIL_READY_SECONDS)


def memory_bytes() -> tuple[int, int] | None:
    """Resident, and proportional: what n processes share counts 1/n. None where the system does not say."""
    try:
        words = [line.split() for line in _SMAPS.read_text(encoding="ascii").splitlines()]
    except OSError:
        return None
    kibibytes = {line[0]: int(line[1]) for line in words if line[-1] == "kB"}
    try:
        return 1024 * kibibytes["Rss:"], 1024 * kibibytes["Pss:"]
    except KeyError:
        return None
