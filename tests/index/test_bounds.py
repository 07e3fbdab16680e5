"""What is said of lists that were not read holds for items that are as bad as can be."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from index import block_kernels, bound_kernels
from index.bound_kernels import Active, Answerable, Searchable
from index.embedding import ItemEmbedding
from index.packed import PackedEmbedding


def extreme_rows(rng: np.random.Generator, profile: NDArray[np.float64], n: int, k: int) -> ItemEmbedding:
    """A part of each lies on dims of any size, the rest where the dims that come after some place are largest."""
    order = np.argsort(-np.abs(profile), kind="stable")
    dense = np.zeros((n, len(profile)))
    for row in dense:
        m, n_seen = int(rng.integers(1, len(order) - k)), int(rng.integers(0, k))
        seen, rest = rng.choice(order[:m], min(m, n_seen), replace=False), order[m : m + k - n_seen]
        share = rng.uniform(0, 1) if len(seen) else 0.0
        sizes = rng.uniform(0.2, 1, len(seen)) * np.sign(profile[seen])
        row[seen] = np.sqrt(share) * sizes / max(float(np.linalg.norm(sizes)), 1e-9)
        row[rest] = np.sqrt(1 - share) * profile[rest] / np.linalg.norm(profile[rest])
    return ItemEmbedding.from_dense(dense, k)


@given(
    st.integers(0, 2**16),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([1, 8]),
    st.floats(0.05, 0.9),
    st.sampled_from([0.0, 0.5, 1.5]),
)
@example(0, 1, 8, 0.4, 0.0)
@example(0, 1, 1, 0.4, 0.0)
def test_no_item_scores_more_than_its_block_may(seed: int, size: int, k: int, tail: float, slope: float) -> None:
    rng = np.random.default_rng(seed)
    profile = rng.choice([-1.0, 1.0], 60) * np.exp(-slope * np.linspace(0, 2, 60)) * rng.uniform(0.9, 1, 60)
    packed = PackedEmbedding.pack(extreme_rows(rng, profile, 50, k))
    index = Searchable(packed.rows, block_kernels.invert_blocks(packed.rows, 60, size))
    dims = np.argsort(-np.abs(profile), kind="stable")
    answerable = Answerable(np.empty(0, np.int32), np.empty(0, np.uint64))
    query = bound_kernels.query_of(index, profile, Active(dims, True), answerable)
    scores = packed.to_dense().astype(np.float64) @ profile
    most = np.array([scores[first : first + size].max() for first in range(0, 50, size)])
    n_read = bound_kernels.chosen(index, query, tail * query.sizes[0] * index.postings.largest_l1)
    for n_lists, level in ((n_read, query.sizes[n_read]), (20, 0.0)):
        sums = np.empty(len(most), np.uint16)
        bound_kernels.begin(query, level, index.postings, sums)
        parts = bound_kernels.parts_of(query, n_lists, level, index.postings.largest)
        block_kernels.add_lists(index.postings, query.lists[:n_lists], parts, sums)
        rest = 0.0 if level else query.sizes[n_lists] * index.postings.largest_l1
        assert (sums * query.unit + rest >= most * (1 - 1e-9)).all()
