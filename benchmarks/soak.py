"""Half of what one worker can answer, for minutes: does its memory grow, do its answers become slower?"""

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread

import httpx
import numpy as np
from scipy.stats import linregress, t

from benchmarks.wrk import Load, wrk
from tests.service.processes import service

CONNECTIONS, SAMPLE_SECONDS, SETTLING_SHARE = 16, 2.0, 0.2


def report(artifacts: Path, histories: Sequence[Sequence[str]], folder: Path, *, minutes: float) -> str:
    """Tables: p50 and p99 a minute; the slope of a worker's memory with its 95 % interval; what two workers share."""
    bodies = [{"history": history, "n": 20} for history in histories]
    with service(artifacts) as running:
        url = f"{running.url}/recommend"
        most = wrk(url, bodies, folder, connections=CONNECTIONS, seconds=5).per_second
        pause = 1e3 * CONNECTIONS / (most / 2)
        memory = _Memory(running.process.pid)
        loads = []
        for minute in range(max(1, round(minutes))):
            print(f"minute {minute + 1}", file=sys.stderr)
            seconds = min(60.0, 60 * minutes)
            loads.append(wrk(url, bodies, folder, connections=CONNECTIONS, seconds=seconds, pause_milliseconds=pause))
        samples = memory.stopped()
    return "\n".join([*_minutes(most, loads), "", _slope(samples), "", *_shared(artifacts), ""])


def _minutes(most: float, loads: Sequence[Load]) -> list[str]:
    lines = [f"At most {most:,.0f} requests a second; the soak asked for half.", ""]
    lines += ["| minute | requests/s | p50 ms | p99 ms | errors |", "|---:|---:|---:|---:|---:|"]
    return lines + [
        f"| {i} | {load.per_second:,.0f} | {load.p50_milliseconds:.2f} | {load.p99_milliseconds:.2f} | {load.errors} |"
        for i, load in enumerate(loads, start=1)
    ]


def _slope(samples: Sequence[tuple[float, float]]) -> str:
    """Of the memory that a worker has allocated, after it has settled."""
    seconds, mebibytes = np.array(samples[int(SETTLING_SHARE * len(samples)) :]).T
    if not np.ptp(mebibytes):
        return f"A worker allocated {mebibytes[0]:.2f} MiB, and not a page more in {np.ptp(seconds) / 60:.0f} minutes."
    line = linregress(seconds / 3600, mebibytes)
    width = t.ppf(0.975, len(seconds) - 2) * line.stderr
    return (
        f"A worker allocated {mebibytes[0]:.2f} MiB, then {mebibytes[-1]:.2f}; slope {line.slope:+.2f} MiB an hour "
        f"(95 %: {line.slope - width:+.2f} to {line.slope + width:+.2f})."
    )


def _shared(artifacts: Path) -> list[str]:
    lines = [
        "| worker of two | resident MiB | of it shared | proportional share |",
        "|---:|---:|---:|---:|",
    ]
    with service(artifacts, SPARSESHELF_WORKERS="2") as running:
        workers: list[dict[str, int]] = []
        while len(workers) < 2:
            workers = httpx.post(f"{running.url}/admin/reload", timeout=30).json()["workers"]
            time.sleep(0.1)
        for number, worker in enumerate(workers, start=1):
            found = _rollup(worker["worker"])
            shared = found["Shared_Clean"] + found["Shared_Dirty"]
            lines.append(f"| {number} | {found['Rss']:.0f} | {shared:.0f} | {found['Pss']:.0f} |")
    return lines


class _Memory:
    """Samples (seconds, MiB) of what a process has allocated.

    Not of what is private: pages of libraries become shared, and private again, as other processes come and go.
    """

    def __init__(self, process: int) -> None:
        self._process, self._stop, self._samples = process, Event(), list[tuple[float, float]]()
        self._thread = Thread(target=self._sample, daemon=True)
        self._thread.start()

    def stopped(self) -> list[tuple[float, float]]:
        self._stop.set()
        self._thread.join()
        return self._samples

    def _sample(self) -> None:
        began = time.monotonic()
        while not self._stop.wait(SAMPLE_SECONDS):
            found = _rollup(self._process)
            self._samples.append((time.monotonic() - began, found["Anonymous"]))


def _rollup(process: int) -> dict[str, float]:
    """MiB by name."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    return {name: int(kibibytes) / 1024 for name, kibibytes in re.findall(r"^(\w+): +(\d+) kB$", text, re.MULTILINE)}
