"""Reading a folder of Parquet files, in parts and at once: seconds and memory of a process of its own. docs/scale.md.

python -m benchmarks.bench_reading FOLDER [--at-once]

FOLDER is one of benchmarks/make_interactions.py. With --at-once it is also read as one table in memory. The memory is
what the process has at most, imports included, with and without pages of files, which the machine may take back.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import polars as pl

from trainer.interactions import Columns, Interactions, binarise, normalise
from trainer.streamed import read_streamed

_LIMIT_SECONDS = 3600


def read(folder: Path, at_once: bool) -> Interactions:
    if at_once:
        table = normalise(pl.read_parquet(folder / "*.parquet"), Columns(), str(folder))
        return binarise(table, str(folder))
    return read_streamed(folder, Columns())


def _status(name: str) -> float:
    """MiB of this process."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--at-once", action="store_true")
    parser.add_argument("--alone", choices=["parts", "once"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        began = time.perf_counter()
        found = read(arguments.folder, arguments.alone == "once")
        facts = {"seconds": time.perf_counter() - began, "MiB": _status("VmHWM"), "of files": _status("RssFile")}
        print(json.dumps(facts | {"kept": found.matrix.nnz, "fingerprint": found.fingerprint}))
        return
    print(
        "| read | interactions | seconds | most MiB | of these pages of files at the end |\n|---|---:|---:|---:|---:|"
    )
    fingerprints = set()
    for way in ["parts", "once"][: 1 + arguments.at_once]:
        command = [sys.executable, "-m", "benchmarks.bench_reading", str(arguments.folder), "--alone", way]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=_LIMIT_SECONDS)
        facts = json.loads(done.stdout)
        fingerprints.add(facts["fingerprint"])
        print(
            f"| {way} | {facts['kept']:,} | {facts['seconds']:.0f} | {facts['MiB']:,.0f} | {facts['of files']:,.0f} |"
        )
    assert len(fingerprints) == 1, "they differ"


if __name__ == "__main__":
    main()
