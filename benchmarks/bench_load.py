"""How long a model takes to be ready, and how much of its memory processes share.

python -m benchmarks.bench_load goodbooks-sample synthetic-1m

Writes an artifact of the matrix, then starts processes that open it and warm up as the service does, with the compiled
kernels in numba's cache: seconds of the imports, of opening (checksums and all), of warming up. Three are held open at
the same time; of each what only it has (Private), and what it shares with the others (Shared), from smaps_rollup.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench_batch import recommender_of
from benchmarks.search_matrices import NAMES, load
from index import artifact

PROCESSES = 3
PROGRAM = """
import json, sys, time
began = time.perf_counter()
from index.recommender import Recommender
imported = time.perf_counter()
recommender = Recommender.open(sys.argv[1])
opened = time.perf_counter()
recommender.warm_up()
warm = time.perf_counter()
print(json.dumps([imported - began, opened - imported, warm - opened]), flush=True)
sys.stdin.readline()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("matrices", nargs="+", choices=NAMES, metavar="MATRIX", help=", ".join(NAMES))
    arguments = parser.parse_args()
    print("| items | imports, s | open, s | warm up, s | private, MiB | shared, MiB | of the artifact, MiB |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for name in arguments.matrices:
        model = recommender_of(load(name)).model
        with TemporaryDirectory() as folder:
            artifact.write(Path(folder), model, name="load", options={}, data={}, metrics={}, libraries={})
            size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
            _started(folder, 1)  # compiles, where nothing is kept
            seconds, private, shared = _started(folder, PROCESSES)
        times = " | ".join(f"{value:.2f}" for value in seconds)
        print(
            f"| {model.embedding.n_items:,} | {times} | {private:.0f} | {shared:.0f} | {size / 2**20:.0f} |", flush=True
        )


def _started(folder: str, n: int) -> tuple[list[float], float, float]:
    """Seconds of the last of `n` processes that are held open, and its private and shared MiB."""
    processes = []
    for _ in range(n):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        seconds: list[float] = json.loads(process.stdout.readline())
        processes.append(process)
    lines = [line.split() for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()[1:]]
    kib = {words[0].rstrip(":"): int(words[1]) for words in lines}
    for process in processes:
        process.communicate("\n")
    private, shared = (kib[f"{kind}_Clean"] + kib[f"{kind}_Dirty"] for kind in ("Private", "Shared"))
    return seconds, private / 1024, shared / 1024


if __name__ == "__main__":
    main()
