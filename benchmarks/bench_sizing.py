"""How long `fit` takes and how much memory, by the size of the data: the table of docs/sizing.md.

python -m benchmarks.bench_sizing small medium large

Interactions are drawn: every user likes a few of a hundred themes, and within a theme some items far more than others.
Each line is one `python -m trainer fit` of a Parquet file in a process of its own, from reading to the artifact.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from trainer.fit_options import FitOptions
from trainer.footprint import bytes_needed

THEMES = 100


class Size(NamedTuple):
    n_items: int
    n_users: int
    n_interactions: int
    options: tuple[str, ...] = ()


SIZES = {
    "small": Size(1_000, 10_000, 400_000),
    "medium": Size(5_000, 50_000, 2_000_000),
    "large": Size(20_000, 50_000, 2_000_000, ("--dims", "512")),
    "wide": Size(50_000, 50_000, 2_000_000, ("--dims", "256", "--max-outputs", "16384")),
    "tall": Size(10_000, 500_000, 20_000_000, ("--dims", "256")),  # half an hour and more on two cores
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="+", choices=sorted(SIZES))
    print(
        "| items | users | interactions | dims | minutes | memory, GiB | said before, GiB | artifact, MiB |", flush=True
    )
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name in parser.parse_args().sizes:
        with tempfile.TemporaryDirectory() as scratch:
            _measure(SIZES[name], Path(scratch))


def _measure(size: Size, scratch: Path) -> None:
    ratings = scratch / "ratings.parquet"
    draw(size).write_parquet(ratings)
    command = [sys.executable, "-m", "trainer", "fit", "--data", str(ratings), "--out", str(scratch / "out"), "--json"]
    began = time.perf_counter()
    running = subprocess.Popen([*command, "--quiet", *size.options], stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    printed = json.loads(running.stdout.read())
    _, status, usage = os.wait4(running.pid, 0)
    assert status == 0
    minutes = (time.perf_counter() - began) / 60
    options, sizes = printed["options"], printed["sizes"]
    said = bytes_needed(
        sizes["n_items"],
        FitOptions(
            dims=options["dims"],
            nonzeros=options["nonzeros"],
            batch_size=options["batch_size"],
            max_outputs=options["max_outputs"],
        ),
    )
    stored = sum(path.stat().st_size for path in (scratch / "out").rglob("*.npy"))
    words = " ".join(size.options)
    print(
        f"| {sizes['n_items']:,} | {printed['data']['n_users']:,} | {printed['data']['n_interactions']:,} "
        f"| {options['dims']}{f' ({words})' if words else ''} | {minutes:.1f} | {usage.ru_maxrss / 2**20:.1f} "
        f"| {said / 2**30:.1f} | {stored / 2**20:.1f} |",
        flush=True,
    )


def draw(size: Size) -> pl.DataFrame:
    """user_id and item_id; about as many interactions as asked for, some of them twice."""
    rng = np.random.default_rng(0)
    likes = rng.integers(0, THEMES, (size.n_users, 3))
    users = np.sort(rng.integers(0, size.n_users, size.n_interactions))
    themes = likes[users, rng.integers(0, 3, size.n_interactions)]
    stray = rng.random(size.n_interactions) < 0.2
    themes[stray] = rng.integers(0, THEMES, int(stray.sum()))
    place = (size.n_items / THEMES * rng.random(size.n_interactions) ** 2.5).astype(np.int64)
    return pl.DataFrame({"user_id": users, "item_id": place * THEMES + themes})


if __name__ == "__main__":
    main()
