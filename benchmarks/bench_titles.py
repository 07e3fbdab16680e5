"""Search by titles at a size: seconds and memory of building it, milliseconds of queries.

python -m benchmarks.bench_titles 1000000

Titles of one to eight made-up words, whose frequencies fall as in a language. Queries of each kind are taken from
titles drawn at random; `memory` is what the process has more of once the search is there, `peak` the most on the way.
"""

import argparse
import ctypes
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from index.catalog import Catalog
from index.embedding import ItemEmbedding
from index.model import Model
from index.title_search import TitleSearch
from index.vocabulary import Strings, Vocabulary
from tests.worlds import by_hand

SYLLABLES = "ka ro mi den tor el sa vi no lu par ash gre ton mar ine sto ry wal ker".split()
N_WORDS, LONGEST, QUERIES = 200_000, 8, 200
KINDS: dict[str, Callable[[list[str]], str]] = {
    "a whole title": " ".join,
    "its first two words": lambda words: " ".join(words[:2]),
    "two words, the last begun": lambda words: f"{words[0]} {words[-1][:2]}",
    "three letters": lambda words: words[0][:3],
    "one letter": lambda words: words[0][:1],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("n_items", nargs="*", type=int, default=[10_000, 1_000_000])
    print("| items | build, s | memory, MiB | peak, MiB | " + " | ".join(f"{kind}, ms" for kind in KINDS) + " |")
    print("|---:" * (4 + len(KINDS)) + "|")
    for n_items in parser.parse_args().n_items:
        rng = np.random.default_rng(0)
        model = made_up(n_items, rng)
        before = resident()
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
        began = time.perf_counter()
        search = TitleSearch(model)
        seconds = time.perf_counter() - began
        peak, after = most_resident(), resident()
        drawn = [model.catalog.titles[row].split() for row in rng.integers(0, n_items, QUERIES)]
        taken = [f"{milliseconds(search, [kind(words) for words in drawn]):.2f}" for kind in KINDS.values()]
        print(
            f"| {n_items:,} | {seconds:.1f} | {after - before:.0f} | {peak - before:.0f} | " + " | ".join(taken) + " |"
        )


def made_up(n_items: int, rng: np.random.Generator) -> Model:
    words = ["".join(rng.choice(SYLLABLES, rng.integers(1, 5))).title() for _ in range(N_WORDS)]
    lengths = rng.integers(1, LONGEST, n_items)
    ends = np.cumsum(lengths)
    drawn = np.minimum(rng.zipf(1.15, ends[-1]) - 1, N_WORDS - 1)
    pieces = zip(ends - lengths, ends, strict=True)
    return Model(
        embedding=ItemEmbedding.from_dense(np.zeros((n_items, 1)), 1),
        popularity=rng.random(n_items).astype(np.float32),
        vocabulary=Vocabulary.of(f"{row:07}" for row in range(n_items)),
        catalog=Catalog(Strings.pack(" ".join(words[word] for word in drawn[begin:end]) for begin, end in pieces)),
        segments=by_hand().segments,
    )


def milliseconds(search: TitleSearch, queries: list[str]) -> float:
    """The median."""
    taken = []
    for query in queries:
        began = time.perf_counter()
        search.find(query, 20, np.empty(0, np.int32))
        taken.append(time.perf_counter() - began)
    return float(np.median(taken)) * 1000


def most_resident() -> float:
    """MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def resident() -> float:
    """MiB, without what the C library keeps of freed memory."""
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    main()
