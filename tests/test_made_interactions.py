"""The generator of interactions at scale, at a size that can be looked at."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.make_interactions import histories, world_of

ROOT = Path(__file__).parents[1]


def made(folder: Path, *more: str) -> pl.DataFrame:
    sizes = "--users 2000 --items 800 --interactions 60000".split()
    command = [sys.executable, "-m", "benchmarks.make_interactions", *sizes, "--out", str(folder), *more]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return pl.read_parquet(folder / "*.parquet")


def test_it_has_the_sizes_asked_for_each_pair_once_and_is_the_same_again(tmp_path: Path) -> None:
    found = made(tmp_path / "one")
    assert found.equals(made(tmp_path / "two"))
    assert not found.equals(made(tmp_path / "three", "--seed", "2"))
    assert found.height == found.unique().height == pytest.approx(60_000, rel=0.05)
    assert found["user_id"].n_unique() == 2000
    assert 700 < found["item_id"].n_unique() <= 800
    counts = found.group_by("item_id").len()["len"]
    assert counts.max() > 20 * counts.median()  # type: ignore[operator]


def test_what_users_have_is_of_their_tastes() -> None:
    """Two items of one user share a taste far more often than two of anybody."""
    rng = np.random.default_rng(1)
    world = world_of(20_000, rng)
    taste = np.zeros((20_000, world.n_tastes), bool)
    taste[world.members, np.ceil(world.bounds).astype(int).clip(1, world.n_tastes) - 1] = True
    users, items = histories(world, np.full(500, 30), rng)
    same = np.equal(users[1:], users[:-1])
    share = np.asarray((taste[items[1:]] & taste[items[:-1]]).any(axis=1))
    other = (taste[items] & taste[rng.permutation(items)]).any(axis=1)
    assert share[same].mean() > 2 * np.mean(other)
