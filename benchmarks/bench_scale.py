"""Epochs of large catalogues on a small machine: time and memory from ten thousand items to a million. docs/scale.md.

python -m benchmarks.bench_scale [--items 10000,100000,1000000] [--plot docs/scale-growth.svg]

Synthetic interactions (benchmarks/make_interactions.py), two users an item or `--users N`, 50 items a user. Each size
has a process of its own, which makes them in memory as the trainer holds them, and then trains two epochs: one at the
start's weights an item, before which supports grow once, and after pruning to `--nonzeros` another one. Columns:
seconds of each, and the largest memory of the process; `--results` keeps a line of JSON a size, and `--plot` draws what
it holds.
"""

import argparse
import json
import logging
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from benchmarks.make_interactions import chunks
from trainer.fit import TrainingRun
from trainer.fit_options import FitOptions
from trainer.interactions import Csr
from trainer.machine import default_precision

USERS_PER_ITEM, ITEMS_PER_USER = 2, 50
_LIMIT_SECONDS = 6 * 3600


def interactions(n_users: int, n_items: int) -> Csr:
    """(n_users, n_items), of int32 indices."""
    parts, counts = [], []
    for users, items in chunks(n_users, n_items, n_users * ITEMS_PER_USER, seed=1):
        counts.append(np.unique(users, return_counts=True)[1])
        parts.append(items.astype(np.int32))
    starts = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    indices = np.concatenate(parts)
    parts.clear()
    return sp.csr_matrix((np.ones(len(indices), np.float32), indices, starts), shape=(n_users, n_items))


def measure(n_items: int, arguments: argparse.Namespace) -> dict[str, float | int | str]:
    torch.set_num_threads(arguments.threads)
    began = time.perf_counter()
    train = interactions(arguments.users or USERS_PER_ITEM * n_items, n_items)
    facts: dict[str, float | int | str] = {"n_items": n_items, "n_users": train.shape[0], "n_interactions": train.nnz}
    facts |= {"dims": arguments.dims, "start": arguments.start_nonzeros, "nonzeros": arguments.nonzeros}
    facts |= {"batch_size": arguments.batch_size, "max_outputs": arguments.max_outputs, "threads": arguments.threads}
    facts["precision"] = precision = default_precision()
    facts["seconds to make them"] = time.perf_counter() - began
    facts["MiB before"] = _peak_mib()
    options = FitOptions(
        dims=arguments.dims,
        nonzeros=arguments.nonzeros,
        start_nonzeros=arguments.start_nonzeros,
        prune_epochs=2,
        regrow_epochs=1,
        final_epochs=1,
        batch_size=arguments.batch_size,
        max_outputs=arguments.max_outputs,
        precision=precision,
    )
    run = TrainingRun(train, None, options)
    for _ in range(2):
        began = time.perf_counter()
        epoch = run.advance()
        facts[f"seconds at {epoch.k}"] = time.perf_counter() - began
        facts[f"way at {epoch.k}"] = epoch.way
        facts[f"loss at {epoch.k}"] = epoch.loss
        print(json.dumps(facts), file=sys.stderr)
    facts["MiB"] = _peak_mib()
    return facts


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", default="10000,100000,1000000")
    parser.add_argument("--users", type=int, help="default: two an item")
    parser.add_argument("--dims", type=int, default=4096)
    parser.add_argument("--start-nonzeros", type=int, default=256)
    parser.add_argument("--nonzeros", type=int, default=32)
    parser.add_argument("--max-outputs", type=int, default=4096)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--results", type=Path, default=Path("reports/scale.jsonl"))
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    sizes = [int(size) for size in arguments.items.split(",")]
    if len(sizes) == 1 and arguments.json:
        print(json.dumps(measure(sizes[0], arguments)))
        return
    print("| items | users | interactions | s an epoch, start | s at the end | GiB |\n|---:|---:|---:|---:|---:|---:|")
    given = [word for word in sys.argv[1:] if word != "--json"]
    for size in sizes:
        command = [sys.executable, "-m", "benchmarks.bench_scale", *given, "--items", str(size), "--json"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=_LIMIT_SECONDS)
        facts = json.loads(done.stdout)
        arguments.results.parent.mkdir(parents=True, exist_ok=True)
        with arguments.results.open("a") as file:
            file.write(done.stdout)
        seconds = [facts[f"seconds at {k}"] for k in (arguments.start_nonzeros, arguments.nonzeros)]
        sizes_of = " | ".join(f"{facts[name]:,}" for name in ("n_items", "n_users", "n_interactions"))
        print(f"| {sizes_of} | {seconds[0]:,.0f} | {seconds[1]:,.0f} | {facts['MiB'] / 1024:.1f} |", flush=True)
    if arguments.plot:
        draw([json.loads(line) for line in arguments.results.read_text().splitlines()], arguments.plot)


def draw(found: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Of each size the last line."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - only for whoever wants the plot

    from trainer.drawing import BLUE, GRAY, RED, rendered  # noqa: PLC0415

    by_size = {facts["n_items"]: facts for facts in found}
    sizes = sorted(by_size)
    named = [name for name in by_size[sizes[0]] if name.startswith("seconds at")]
    counts = sorted((int(name.split()[-1]) for name in named), reverse=True)

    def figure() -> Figure:
        made = Figure(figsize=(7.6, 3.2), layout="constrained")
        time_axes, memory_axes = made.subplots(1, 2)
        for count, colour, style in zip(counts, (RED, BLUE), ("o-", "s-"), strict=True):
            seconds = [by_size[size][f"seconds at {count}"] for size in sizes]
            time_axes.plot(sizes, seconds, style, color=colour, label=f"{count} weights an item")
        time_axes.set(xscale="log", yscale="log", xlabel="items", ylabel="seconds an epoch")
        time_axes.set_yticks([10, 100, 1000], ["10", "100", "1,000"])
        memory_axes.plot(sizes, [by_size[size]["MiB"] / 1024 for size in sizes], "o-", color=GRAY, label="at most")
        data = [by_size[size]["MiB before"] / 1024 for size in sizes]
        memory_axes.plot(sizes, data, "s--", color=GRAY, label="interactions and imports")
        memory_axes.set(xscale="log", yscale="log", xlabel="items", ylabel="GiB")
        memory_axes.set_yticks([0.5, 1, 2, 4, 8], ["½", "1", "2", "4", "8"])
        for axes in (time_axes, memory_axes):
            axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
            axes.minorticks_off()
            axes.legend(loc="upper left")
        return made

    path.write_bytes(rendered(figure))


if __name__ == "__main__":
    main()
