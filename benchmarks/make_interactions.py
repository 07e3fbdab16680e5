"""Synthetic interactions at any size, streamed to a folder of Parquet files.

python -m benchmarks.make_interactions --users 2000000 --items 1000000 --interactions 100000000 --out /data/large

After MovieLens 1M: the popularity of items and the lengths of histories are log-normal with its spreads, and no user
has an item twice. Users have a few of many tastes; an item belongs to one to three of them; a tenth of what a user has
comes from anywhere, by popularity. Columns user_id and item_id, as text; a seed says all of it. Memory goes with the
items, not with the interactions.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
ITEM_SPREAD, USER_SPREAD = (
    1.80,
    1.08,
)  # standard deviations of logarithms: of counts, of lengths less LEAST_ITEMS
LEAST_ITEMS = 5  # of a user
TASTES_PER_USER, TASTES_PER_ITEM = 4, 3  # at most
FROM_ANYWHERE = 0.1
_CHUNK_USERS = 20_000
_PILOTS = 4
_FILE_ROWS = 5_000_000


class World(NamedTuple):
    """Who may have what."""

    n_items: int
    popularity: NDArray[np.float64]  # (n_items,) cumulated, up to 1
    members: Numbers  # items, taste by taste
    bounds: NDArray[np.float64]  # (n_members,) of a taste t cumulated from t to t + 1
    n_tastes: int


def world_of(n_items: int, rng: np.random.Generator) -> World:
    """About 300 items a taste, of which there are at least eight."""
    n_tastes = max(n_items * (1 + TASTES_PER_ITEM) // 2 // 300, 8)
    weight = np.exp(rng.normal(0.0, ITEM_SPREAD, n_items))
    times = rng.integers(1, TASTES_PER_ITEM + 1, n_items)
    items = np.repeat(np.arange(n_items), times)
    tastes = rng.integers(0, n_tastes, len(items))
    pairs = np.unique(tastes * n_items + items)  # taste by taste, each member once
    tastes, members = pairs // n_items, pairs % n_items
    total = np.bincount(tastes, weight[members], n_tastes)
    share = weight[members] / total[tastes]
    starts = np.searchsorted(tastes, np.arange(n_tastes))
    cumulated = np.cumsum(share)
    before = np.concatenate([[0.0], cumulated])[starts]
    bounds = np.minimum(cumulated - before[tastes], 1.0) + tastes
    return World(n_items, np.cumsum(weight) / weight.sum(), members, bounds, n_tastes)


def histories(world: World, lengths: Numbers, rng: np.random.Generator) -> tuple[Numbers, Numbers]:
    """Users, from 0, and what they have: at most `lengths` (n_users,) items each; who draws one twice has it once."""
    n_users = len(lengths)
    tastes = rng.integers(0, world.n_tastes, (n_users, TASTES_PER_USER))
    users = np.repeat(np.arange(n_users), lengths)
    preferred = (rng.random(len(users)) ** 2 * TASTES_PER_USER).astype(np.int64)  # the first ones more often
    drawn = rng.random(len(users))
    place = np.searchsorted(world.bounds, tastes[users, preferred] + drawn, side="right")
    items = world.members[np.minimum(place, len(world.members) - 1)]
    anywhere = rng.random(len(users)) < FROM_ANYWHERE
    drawn = rng.random(int(anywhere.sum()))
    items[anywhere] = np.minimum(np.searchsorted(world.popularity, drawn, side="right"), world.n_items - 1)
    pairs = np.unique(users * world.n_items + items)
    return pairs // world.n_items, pairs % world.n_items


def lengths_of(n_users: int, mean: float, rng: np.random.Generator) -> Numbers:
    """Log-normal, with that mean."""
    found = np.exp(rng.normal(np.log(max(mean - LEAST_ITEMS, 0.1)) - USER_SPREAD**2 / 2, USER_SPREAD, n_users))
    return LEAST_ITEMS + np.rint(found).astype(np.int64)


def chunks(n_users: int, n_items: int, n_interactions: int, seed: int) -> Iterator[tuple[Numbers, Numbers]]:
    """Users and items of some thousand users at a time, ascending."""
    rng = np.random.default_rng(seed)
    world, mean = world_of(n_items, rng), n_interactions / n_users
    for _ in range(_PILOTS):  # more, because of what is drawn twice
        pilot = np.minimum(lengths_of(min(n_users, _CHUNK_USERS), mean, rng), n_items)
        mean *= n_interactions / n_users * len(pilot) / len(histories(world, pilot, rng)[0])
    for first in range(0, n_users, _CHUNK_USERS):
        lengths = np.minimum(lengths_of(min(_CHUNK_USERS, n_users - first), mean, rng), n_items)
        users, items = histories(world, lengths, rng)
        yield users + first, items


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=2_000_000)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--interactions", type=int, default=100_000_000, help="about so many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    if min(arguments.users, arguments.items) < 1 or arguments.interactions < LEAST_ITEMS * arguments.users:
        parser.error(f"at least a user, an item, and {LEAST_ITEMS} interactions a user")
    arguments.out.mkdir(parents=True, exist_ok=True)
    if any(arguments.out.iterdir()):
        parser.error(f"{arguments.out} is not empty")
    waiting: list[tuple[Numbers, Numbers]] = []
    began, written, numbers = time.monotonic(), 0, itertools.count()

    def write() -> None:
        users, items = (np.concatenate(parts) for parts in zip(*waiting, strict=True))
        frame = pl.DataFrame({"user_id": users, "item_id": items}).select(
            pl.format("u{}", "user_id").alias("user_id"), pl.format("i{}", "item_id").alias("item_id")
        )
        frame.write_parquet(arguments.out / f"part-{next(numbers):05}.parquet")
        waiting.clear()

    sizes = arguments.users, arguments.items, arguments.interactions
    for users, items in chunks(*sizes, arguments.seed):
        waiting.append((users, items))
        written += len(users)
        if sum(len(part) for part, _ in waiting) >= _FILE_ROWS:
            write()
            print(f"{written:,} interactions, {time.monotonic() - began:.0f} s", file=sys.stderr)
    if waiting:
        write()
    print(f"{written:,} interactions of {sizes[0]:,} users with {sizes[1]:,} items in {arguments.out}")


if __name__ == "__main__":
    main()
