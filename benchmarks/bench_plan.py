"""What `python -m trainer plan` computes with: points that are measured, and how the others tell each. docs/scale.md.

python -m benchmarks.bench_plan                               what is stored, each point told by those of other sizes
python -m benchmarks.bench_plan --measure serving,reading,epochs,fits [--items 10000,30000,…]            and store it

An epoch is one of benchmarks.bench_scale (two: one at the start's weights, one at the last), reading one of
benchmarks.bench_reading in parts, a fit a whole one, as it is by itself. `import` finds the segments of synthetic codes
and writes a version, which is then served: one worker for requests a second (wrk, 8 connections, histories of 20, 20
items, pages of the default size, never from a cache), two for what each holds of memory. Two cores do all of it. A
point that is there already is replaced.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import scipy.sparse as sp

from benchmarks import synthetic_codes
from benchmarks.synthetic_codes import TRAINED
from benchmarks.wrk import wrk
from tests.service.processes import service
from trainer.plan.points import POINTS, Point, read_points
from trainer.plan.told import QUANTITIES, left_out

Facts = dict[str, Any]
HISTORY, CONNECTIONS, SECONDS, BODIES = 20, 8, 6.0, 500
EPOCHS = (  # items, users, dims, start, nonzeros, batch, outputs, threads
    (10_000, 20_000, 4096, 256, 32, 128, 4096, 2),
    (20_000, 40_000, 4096, 256, 32, 128, 4096, 2),
    (50_000, 100_000, 4096, 256, 32, 128, 4096, 2),
    (100_000, 200_000, 4096, 256, 32, 128, 4096, 2),
    (200_000, 400_000, 4096, 256, 32, 128, 4096, 2),
    (20_000, 160_000, 4096, 256, 32, 128, 4096, 2),
    (50_000, 50_000, 4096, 256, 16, 128, 4096, 2),
    (50_000, 100_000, 2048, 128, 16, 128, 4096, 2),
    (50_000, 100_000, 1024, 128, 32, 128, 4096, 2),
    (20_000, 100_000, 4096, 256, 64, 128, 8192, 2),
    (50_000, 100_000, 4096, 256, 32, 64, 4096, 2),
    (50_000, 100_000, 4096, 256, 32, 128, 4096, 1),
)
FITS = (  # items, users, dims (None: by itself)
    (1_000, 10_000, None),
    (3_500, 6_000, None),
    (5_000, 50_000, None),
    (10_000, 20_000, None),
    (10_000, 60_000, None),
    (20_000, 20_000, None),
    (20_000, 50_000, 512),
)
SIZES = [(items, k) for items in (10_000, 30_000, 100_000, 300_000, 1_000_000) for k in (16, 32)] + [(2_000_000, 32)]
ROWS = (  # interactions, users, items
    (1_000_000, 20_000, 10_000),
    (3_000_000, 60_000, 30_000),
    (10_000_000, 200_000, 100_000),
    (10_000_000, 1_000_000, 20_000),
    (20_000_000, 400_000, 200_000),
    (30_000_000, 600_000, 300_000),
    (100_000_000, 2_000_000, 1_000_000),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", default="", help="some of serving (with import), reading, epochs, fits")
    parser.add_argument("--items", help="only these sizes")
    parser.add_argument("--points", type=Path, default=POINTS)
    arguments = parser.parse_args()
    sizes = None if arguments.items is None else {int(float(size)) for size in arguments.items.split(",")}
    wanted = set(filter(None, arguments.measure.split(",")))
    for facts in _measured(wanted, sizes):
        print(json.dumps(facts), flush=True)
        _keep(arguments.points, facts)
    _report(read_points(arguments.points))


def _measured(wanted: set[str], sizes: set[int] | None) -> Iterator[Facts]:
    if "reading" in wanted:
        for table in ROWS:
            if sizes is None or table[0] in sizes:
                yield _reading(*table)
    if "serving" in wanted:
        for n_items, k in SIZES:
            if sizes is None or n_items in sizes:
                yield from _served(n_items, k)
    if "fits" in wanted:
        for shop in FITS:
            if sizes is None or shop[0] in sizes:
                yield _fitted(*shop)
    if "epochs" in wanted:
        for case in EPOCHS:
            if sizes is None or case[0] in sizes:
                yield from _epochs(*case)
        for size in (sizes or set()) - {case[0] for case in EPOCHS}:
            yield from _epochs(size, 2 * size, 4096, 256, 32, 128, 4096, 2)


def _epochs(
    items: int, users: int, dims: int, start: int, k: int, batch: int, outputs: int, threads: int
) -> list[Facts]:
    options = {
        "--items": items, "--users": users, "--dims": dims, "--start-nonzeros": start, "--nonzeros": k,
        "--batch-size": batch, "--max-outputs": outputs, "--threads": threads,
    }  # fmt: skip
    words = [word for name, value in options.items() for word in (name, str(value))]
    command = [sys.executable, "-m", "benchmarks.bench_scale", "--json", *words]
    told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    shared = {
        "items": items, "users": users, "interactions": told["n_interactions"], "dims": dims, "start": start,
        "nonzeros": k, "batch_size": batch, "max_outputs": outputs, "threads": threads,
        "precision": told["precision"],
        "mib": told["MiB"], "mib_before": told["MiB before"],
    }  # fmt: skip
    return [{"quantity": "epoch", "k": at, "seconds": told[f"seconds at {at}"]} | shared for at in (start, k)]


def _fitted(items: int, users: int, dims: int | None) -> Facts:
    with tempfile.TemporaryDirectory() as scratch:
        made = {"--users": users, "--items": items, "--interactions": 40 * users, "--out": f"{scratch}/data"}
        words = [word for name, value in made.items() for word in (name, str(value))]
        making = [sys.executable, "-m", "benchmarks.make_interactions", *words]
        subprocess.run(making, check=True, stdout=subprocess.DEVNULL)
        chosen = ["--data", f"{scratch}/data", "--out", f"{scratch}/artifacts"]
        chosen += [] if dims is None else ["--dims", str(dims)]
        seconds, mib = _timed(["fit", *chosen, "--threads", "2"], Path(scratch))
        manifest = json.loads(next(Path(scratch).glob("artifacts/*/manifest.json")).read_text())
    options, data = manifest["options"], manifest["data"]
    return {
        "quantity": "fit", "items": items, "users": users, "interactions": data["n_interactions"],
        "dims": options["dims"], "nonzeros": options["nonzeros"], "precision": options["precision"], "threads": 2,
        "seconds": seconds, "mib": mib,
    }  # fmt: skip


def _timed(words: list[str], folder: Path) -> tuple[float, float]:
    """Seconds and most MiB of a command of the trainer."""
    began = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "trainer", *words], cwd=folder, env=environment, stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"trainer {' '.join(words)} failed")
    return time.perf_counter() - began, used.ru_maxrss / 1024


def _reading(rows: int, users: int, items: int) -> Facts:
    with tempfile.TemporaryDirectory() as folder:
        made = {"--users": users, "--items": items, "--interactions": rows, "--out": folder}
        words = [word for name, value in made.items() for word in (name, str(value))]
        making = [sys.executable, "-m", "benchmarks.make_interactions", *words]
        subprocess.run(making, check=True, stdout=subprocess.DEVNULL)
        command = [sys.executable, "-m", "benchmarks.bench_reading", folder, "--alone", "parts"]
        told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return {
        "quantity": "reading", "interactions": told["kept"], "users": users, "items": items,
        "seconds": told["seconds"], "mib": told["MiB"],
    }  # fmt: skip


def _served(n_items: int, k: int) -> Iterator[Facts]:
    dims = 4096 if n_items > 10_000 else 2048
    made = synthetic_codes.items(n_items, dims, k, TRAINED)
    histories = [rows.tolist() for rows in synthetic_codes.histories(made, BODIES, HISTORY, TRAINED)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        yield _imported(made, k, folder)
        facts = {"quantity": "serving", "items": n_items, "dims": dims, "nonzeros": k}
        size = sum(file.stat().st_size for file in (folder / "artifacts").rglob("*") if file.is_file())
        bodies = [{"history": [f"item-{row:07}" for row in rows]} for rows in histories]
        with service(folder / "artifacts", SPARSESHELF_CACHE_PAGES="0") as running:
            for route in ("recommend", "homepage"):
                wrk(f"{running.url}/{route}", bodies, folder, connections=CONNECTIONS, seconds=1)
                load = wrk(f"{running.url}/{route}", bodies, folder, connections=CONNECTIONS, seconds=SECONDS)
                alone = wrk(f"{running.url}/{route}", bodies, folder, connections=1, seconds=2)
                facts |= {f"{route}_per_second": load.per_second, f"{route}_milliseconds": alone.p50_milliseconds}
            facts["page_bytes"] = len(httpx.post(f"{running.url}/homepage", json=bodies[0]).content)
        yield facts | {"artifact_mib": size / 2**20} | _memory(folder / "artifacts")


def _imported(made: synthetic_codes.Items, k: int, folder: Path) -> Facts:
    codes, n_items = made.codes, made.codes.n_items
    starts = np.arange(n_items + 1) * codes.k
    matrix = sp.csr_matrix((codes.weights.ravel(), codes.dims.ravel(), starts), shape=(n_items, codes.n_dims))
    sp.save_npz(folder / "matrix.npz", matrix, compressed=False)
    (folder / "ids.txt").write_text("".join(f"item-{row:07}\n" for row in range(n_items)))
    words = ["--matrix", "matrix.npz", "--item-ids", "ids.txt", "--out", "artifacts"]
    seconds, mib = _timed(["import", *words], folder)
    return {
        "quantity": "import", "items": n_items, "dims": codes.n_dims, "nonzeros": k, "seconds": seconds, "mib": mib,
    }  # fmt: skip


def _memory(artifacts: Path) -> Facts:
    """Of one of two workers that have answered, and the seconds until both are ready."""
    began = time.perf_counter()
    with service(artifacts, SPARSESHELF_WORKERS="2") as running:
        seconds = time.perf_counter() - began
        workers: list[Facts] = []
        while len(workers) < 2:
            workers = httpx.post(f"{running.url}/admin/reload", timeout=60).json()["workers"]
        lines = Path(f"/proc/{workers[0]['worker']}/smaps_rollup").read_text().splitlines()[1:]
        kib = {line.split()[0].rstrip(":"): int(line.split()[1]) for line in lines}
    private = kib["Private_Clean"] + kib["Private_Dirty"]
    return {"ready_seconds": seconds, "private_mib": private / 1024, "shared_mib": (kib["Rss"] - private) / 1024}


# ---------------------------------------------------------------- what is kept, and how well it tells the rest


def _keep(path: Path, facts: Facts) -> None:
    """In the place of one that was measured of the same."""
    results = ("seconds", "mib", "mib_before", "precision", "_second", "_mib", "_milliseconds", "page_bytes")

    def of(point: Point) -> frozenset[tuple[str, object]]:
        return frozenset((name, value) for name, value in point.items() if not name.endswith(results))

    kept = [point for point in read_points(path) if of(point) != of(facts)] if path.exists() else []
    rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in facts.items()}
    lines = [json.dumps(point) for point in [*kept, rounded]]
    path.write_text("\n".join(sorted(lines)) + "\n")


def _report(points: list[Point]) -> None:
    print("| | points | told by the others: median | worst | worst of the largest size |\n|---|---:|---:|---:|---:|")
    for quantity in QUANTITIES:
        errors = left_out(quantity, points)
        if not errors:
            continue
        of_all = [abs(error) for _, error in errors]
        largest = [abs(error) for size, error in errors if size == max(size for size, _ in errors)]
        print(f"| {quantity} | {len(errors)} | {np.median(of_all):.0%} | {max(of_all):.0%} | {max(largest):.0%} |")


if __name__ == "__main__":
    main()
