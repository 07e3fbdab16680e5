"""How long add-items takes by the size of the catalogue: the whole command. docs/new-items.md.

python -m benchmarks.bench_adding [--items 10000,100000,1000000] [--new 1000] [--users 10000]

The version has synthetic codes (benchmarks/synthetic_codes.py) of 32 of 4,096 dims, titles of three words, a segment
for each of 500 signed dims. Each of the users has 50 of its items and one new one; new items have titles too. Columns:
seconds and largest memory of `add-items`, and seconds to open the version alone, which every command takes.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks import synthetic_codes
from index import artifact
from index.catalog import Catalog
from index.embedding import as_dims
from index.model import Model
from index.packed import PackedEmbedding
from index.segments import Segments
from index.vocabulary import Strings, Vocabulary

DIMS, K, N_SEGMENTS, HISTORY = 4096, 32, 500, 50
_LIMIT_SECONDS = 3600


def titles(n: int, rng: np.random.Generator) -> list[str]:
    words = ["".join(letters) for letters in rng.choice(list("abcdefgh"), (3000, 6))]
    return [" ".join(words[place] for place in places) for places in rng.zipf(1.4, (n, 3)) % len(words)]


def written(folder: Path, n_items: int, rng: np.random.Generator) -> list[str]:
    """A version of so many items; their ids."""
    embedding = PackedEmbedding.pack(synthetic_codes.items(n_items, DIMS, K, synthetic_codes.TRAINED).codes)
    ids = [f"item{number}" for number in range(n_items)]
    popularity = np.minimum(50 / (1 + rng.permutation(n_items)), 0.3).astype(np.float32)
    segments = Segments(
        starts=np.arange(N_SEGMENTS + 1, dtype=np.int64),
        dims=as_dims(np.arange(N_SEGMENTS), DIMS),
        signs=np.ones(N_SEGMENTS, np.int8),
        membership=rng.integers(0, N_SEGMENTS, n_items).astype(np.int32),
        ids=Strings.pack(f"s{number + 1}" for number in range(N_SEGMENTS)),
        labels=Strings.pack(f"Segment {number + 1}" for number in range(N_SEGMENTS)),
        n_dims=DIMS,
    )
    catalog = Catalog(Strings.pack(titles(n_items, rng)))
    model = Model(embedding, popularity, Vocabulary.of(ids), catalog, segments)
    data = {"n_users": 2 * n_items}
    artifact.write(folder, model, name="synthetic", options={}, data=data, metrics={}, libraries={})
    return ids


def measured(n_items: int, n_new: int, n_users: int) -> tuple[float, float]:
    """Seconds of add-items, and of opening the version."""
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        ids = np.array(written(folder / "artifacts", n_items, rng))
        new = np.array([f"new{number}" for number in range(n_new)])
        known = ids[rng.integers(0, n_items, n_users * HISTORY)]
        users = np.concatenate([np.repeat(np.arange(n_users), HISTORY), np.arange(n_users)])
        items = np.concatenate([known, new[np.arange(n_users) % n_new]])
        pl.DataFrame({"user_id": users, "item_id": items}).write_parquet(folder / "met.parquet")
        pl.DataFrame({"item_id": new, "title": titles(n_new, rng)}).write_csv(folder / "new.csv")
        began = time.perf_counter()
        artifact.open_current(folder / "artifacts")
        opening = time.perf_counter() - began
        command = [sys.executable, "-m", "trainer", "add-items", str(folder / "artifacts"), "--quiet"]
        began = time.perf_counter()
        subprocess.run(
            [*command, "--data", str(folder / "met.parquet"), "--items", str(folder / "new.csv")],
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=_LIMIT_SECONDS,
        )
        return time.perf_counter() - began, opening


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", default="10000,100000,1000000")
    parser.add_argument("--new", type=int, default=1000)
    parser.add_argument("--users", type=int, default=10_000)
    arguments = parser.parse_args()
    print("| items | new | their users | seconds | GiB | seconds to open |\n|---:|---:|---:|---:|---:|---:|")
    for n_items in map(int, arguments.items.split(",")):
        seconds, opening = measured(n_items, arguments.new, arguments.users)
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20  # of the largest so far
        sizes = f"{n_items:,} | {arguments.new:,} | {arguments.users:,}"
        print(f"| {sizes} | {seconds:.1f} | {memory:.1f} | {opening:.2f} |", flush=True)


if __name__ == "__main__":
    main()
