"""How long it takes to find the segments of a large catalogue, and the memory at the peak.

python -m benchmarks.bench_segmenting 100000

Made-up items of 400 topics: 16 weights of 4,096 dims, most of them on 40 dims of the topic with the topic's signs, and
four tags of 900. Nearly every signed dim is some item's strongest, so that as many groups merge as there can be.
"""

import argparse
import resource
import time

import numpy as np

from index.catalog import Catalog, ListColumn
from index.embedding import ItemEmbedding
from index.vocabulary import Strings
from trainer.segmentation import SegmentOptions, segment
from trainer.segmentation.group import by_dominant_dim

N_DIMS, K, TOPICS, DIMS_OF_A_TOPIC, TAGS = 4096, 16, 400, 40, 900
_CHUNK = 2000


def made_up(n_items: int) -> tuple[ItemEmbedding, Catalog]:
    rng = np.random.default_rng(0)
    topic = rng.integers(0, TOPICS, n_items)
    typical = np.stack([rng.choice(N_DIMS, DIMS_OF_A_TOPIC, replace=False) for _ in range(TOPICS)])
    signs = rng.choice([-1, 1], (TOPICS, N_DIMS))
    dims = np.empty((n_items, K), np.int64)
    for start in range(0, n_items, _CHUNK):
        part = topic[start : start + _CHUNK]
        likely = rng.random((len(part), N_DIMS), np.float32)
        likely[np.arange(len(part))[:, None], typical[part]] += 0.994  # most of the topic's, and a few others
        dims[start : start + _CHUNK] = np.sort(np.argpartition(-likely, K, axis=1)[:, :K], axis=1)
    weights = rng.gamma(1, 1, (n_items, K)) * signs[topic[:, None], dims]
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    tags = np.sort((topic[:, None] * 7 + np.arange(4)) % TAGS, axis=1)
    names = Strings.pack(f"tag {chr(97 + tag % 26)}{chr(97 + tag // 26)}" for tag in range(TAGS))
    column = ListColumn(np.arange(0, 4 * n_items + 1, 4, dtype=np.int64), tags.ravel().astype(np.int32), names)
    embedding = ItemEmbedding(dims.astype(np.uint16), weights.astype(np.float32), N_DIMS)
    return embedding, Catalog(Strings.pack([""] * n_items), {"tags": column})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("n_items", type=int, nargs="?", default=100_000)
    n_items = parser.parse_args().n_items
    embedding, catalog = made_up(n_items)
    popularity = np.random.default_rng(1).random(n_items).astype(np.float32)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    found = segment(
        embedding, catalog, [str(row) for row in range(n_items)], popularity, SegmentOptions(max_share=0.05)
    )
    print(
        f"{n_items:,} items, {len(by_dominant_dim(embedding)):,} groups, {len(found):,} segments: "
        f"{time.perf_counter() - began:.0f} s; memory at the peak "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB ({before / 2**20:.1f} to make the items)"
    )


if __name__ == "__main__":
    main()
