"""What is said of lists that were not read holds for items that are as bad as can be."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from index import block_kernels, bound_kernels
from index.bound_kernels import Active, Answerable, Bound, Searchable
from index.embedding import ItemEmbedding
from index.packed import PackedEmbedding

K = 8


def extreme_rows(rng: np.random.Generator, profile: NDArray[np.float64], n: int) -> ItemEmbedding:
    """A part of each lies on dims of any size, the rest where the dims that come after some place are largest."""
    order = np.argsort(-np.abs(profile), kind="stable")
    dense = np.zeros((n, len(profile)))
    for row in dense:
        m, n_seen = int(rng.integers(1, len(order) - K)), int(rng.integers(0, K))
        seen, rest = rng.choice(order[:m], min(m, n_seen), replace=False), order[m : m + K - n_seen]
        share = rng.uniform(0, 1) if len(seen) else 0.0
        sizes = rng.uniform(0.2, 1, len(seen)) * np.sign(profile[seen])
        row[seen] = np.sqrt(share) * sizes / max(float(np.linalg.norm(sizes)), 1e-9)
        row[rest] = np.sqrt(1 - share) * profile[rest] / np.linalg.norm(profile[rest])
    return ItemEmbedding.from_dense(dense, K)


@given(st.integers(0, 2**16), st.sampled_from([1, 2, 4]), st.floats(0.05, 0.9), st.sampled_from([0.0, 0.5, 1.5]))
@example(0, 1, 0.4, 0.0)
def test_no_item_scores_more_than_its_block_may(seed: int, size: int, tail: float, slope: float) -> None:
    rng = np.random.default_rng(seed)
    profile = rng.choice([-1.0, 1.0], 60) * np.exp(-slope * np.linspace(0, 2, 60)) * rng.uniform(0.9, 1, 60)
    packed = PackedEmbedding.pack(extreme_rows(rng, profile, 50))
    index = Searchable(packed.rows, block_kernels.invert_blocks(packed.rows, 60, size))
    dims = np.argsort(-np.abs(profile), kind="stable")
    answerable = Answerable(np.empty(0, np.int32), np.empty(0, np.uint64))
    query = bound_kernels.query_of(index, profile, Active(dims, True), answerable)
    scores = packed.to_dense().astype(np.float64) @ profile
    most = np.array([scores[first : first + size].max() for first in range(0, 50, size)])
    for n_read, bound in (bound_kernels.chosen(index, query, tail * query.tails[0]), (20, Bound(0.0, 0.0))):
        sums = np.zeros(len(most), np.uint16)
        parts = bound_kernels.parts_of(query, bound, index.postings.largest, 0, n_read)
        block_kernels.add_lists(index.postings, query.lists[:n_read], parts, sums)
        assert (sums * query.unit + query.tails[n_read] >= most * (1 - 1e-9)).all()
