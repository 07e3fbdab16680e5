"""Several ranks beside one: accuracy on the same test users, and time. The table of docs/scale.md.

python -m benchmarks.bench_ranks ml-1m --ranks 1,2,4 --seeds 1,2,3 [--namespaces] [--fit "--dims 512"]

Runs `fit` by torchrun for each number of ranks, each with one thread, and, with --namespaces, on two "machines": that
is, network namespaces with addresses of their own, connected by a pair of virtual interfaces (needs root). Columns:
mean nDCG@100 of the test users of all seeds, the difference to one rank paired over users with its standard error, the
largest difference of a seed, and seconds of the whole command.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.public_data import NAMES, interactions_of
from index import artifact
from trainer.evaluate import quality, rank_scores
from trainer.interactions import Csr
from trainer.split import split

PLACES = ("shelf-a", "shelf-b")
ADDRESSES = ("10.77.0.1", "10.77.0.2")
_LIMIT_SECONDS = 3600


def command(launch: Sequence[str], ratings: Path, seed: int, out: Path, more: Sequence[str]) -> list[str]:
    data = ["--data", str(ratings)]
    fitting = ["--seed", str(seed), "--threads", "1", "--out", str(out), "--quiet", "--no-checkpoints"]
    return [
        sys.executable,
        "-m",
        "torch.distributed.run",
        *launch,
        "-m",
        "--",
        "trainer",
        "fit",
        *data,
        *fitting,
        *more,
    ]


def on_one_machine(n_ranks: int, *run: object) -> list[list[str]]:
    return [command(["--standalone", "--nproc-per-node", str(n_ranks)], *run)]  # type: ignore[arg-type]


def on_two_machines(*run: object) -> list[list[str]]:
    """A command for each namespace; in a container the names of hosts are no help, so that all addresses are said."""
    commands = []
    for host, (place, address) in enumerate(zip(PLACES, ADDRESSES, strict=True)):
        meeting = f"--rdzv-backend c10d --rdzv-endpoint {ADDRESSES[0]}:29400 --rdzv-id shelf --local-addr {address}"
        launch = f"--nnodes 2 --nproc-per-node 1 {meeting} --rdzv-conf is_host={1 - host}".split()
        within = ["ip", "netns", "exec", place, "env", f"GLOO_SOCKET_IFNAME={place}"]
        commands.append([*within, *command(launch, *run)])  # type: ignore[arg-type]
    return commands


@contextmanager
def namespaces() -> Iterator[None]:
    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True)

    try:
        for place in PLACES:
            ip("netns", "add", place)
        ip("link", "add", PLACES[0], "type", "veth", "peer", "name", PLACES[1])
        for place, address in zip(PLACES, ADDRESSES, strict=True):
            ip("link", "set", place, "netns", place)
            ip("-n", place, "addr", "add", f"{address}/24", "dev", place)
            for name in (place, "lo"):
                ip("-n", place, "link", "set", name, "up")
        yield
    finally:
        for place in PLACES:
            subprocess.run(["ip", "netns", "del", place], check=False)


def seconds_of(commands: list[list[str]]) -> float:
    """Of all of them, side by side."""
    began = time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(one, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for one in commands
    ]
    for one in running:
        _, told = one.communicate(timeout=_LIMIT_SECONDS)
        if one.returncode:
            sys.exit(told.decode())
    return time.perf_counter() - began


def scores(A: NDArray[np.float32], histories: Csr) -> NDArray[np.float32]:
    found: NDArray[np.float32] = (histories @ A) @ A.T
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=NAMES)
    parser.add_argument("--ranks", default="1,2,4")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--namespaces", action="store_true", help="also two ranks in namespaces of their own")
    parser.add_argument("--fit", default="", metavar="OPTIONS", help="of every fit, in one text")
    arguments = parser.parse_args()
    numbers, seeds = ([int(one) for one in text.split(",")] for text in (arguments.ranks, arguments.seeds))
    ways = [(f"{number}", number) for number in numbers] + [("2, on two machines", 0)] * arguments.namespaces
    interactions = interactions_of(arguments.dataset)
    kept = tempfile.TemporaryDirectory()
    ratings = Path(kept.name) / "ratings.parquet"
    users, items = interactions.matrix.nonzero()
    pl.DataFrame(
        {"user_id": np.array(interactions.user_ids)[users], "item_id": np.array(interactions.item_ids)[items]}
    ).write_parquet(ratings)
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name, _ in ways}
    taken: dict[str, list[float]] = {name: [] for name, _ in ways}
    for seed, (name, number) in itertools.product(seeds, ways):
        with tempfile.TemporaryDirectory() as folder:
            run = ratings, seed, Path(folder) / "out", arguments.fit.split()
            if number:
                taken[name].append(seconds_of(on_one_machine(number, *run)))
            else:
                with namespaces():
                    taken[name].append(seconds_of(on_two_machines(*run)))
            test = split(interactions, seed=seed).test
            assert test is not None
            opened = artifact.open_current(Path(folder) / "out")
            rows = opened.model.vocabulary.rows(interactions.item_ids)
            A = opened.model.embedding.to_dense()[rows]
            found[name].append(quality(rank_scores(partial(scores, A), test), test.targets).ndcg_100)
        print(f"{name} ranks, seed {seed}: {found[name][-1].mean():.4f}, {taken[name][-1]:.0f} s", file=sys.stderr)
    first = found[ways[0][0]]
    print("| ranks | nDCG@100 | beside the first | largest of a seed | seconds |\n|---|---:|---:|---:|---:|")
    for name, _ in ways:
        differences = [one - other for one, other in zip(found[name], first, strict=True)]
        every = np.concatenate(differences)
        largest = max((float(one.mean()) for one in differences), key=abs)
        beside = f"{every.mean():+.4f} ± {every.std() / len(every) ** 0.5:.4f}"
        mean = np.concatenate(found[name]).mean()
        print(f"| {name} | {mean:.4f} | {beside} | {largest:+.4f} | {np.mean(taken[name]):.0f} |")


if __name__ == "__main__":
    main()
