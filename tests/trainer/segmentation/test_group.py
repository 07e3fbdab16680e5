"""Raw groups: an item belongs to the signed dim of its largest weight."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.embedding import ItemEmbedding
from tests.worlds import BY_HAND
from trainer.segmentation.group import Group, SignedDim, by_dominant_dim

COUNTS = st.dictionaries(
    st.tuples(st.integers(0, 3), st.sampled_from([-1, 1])), st.integers(1, 5), min_size=1, max_size=6
)


def groups_by_loop(embedding: ItemEmbedding) -> dict[SignedDim, list[int]]:
    """f(i) = (argmax_j |A_ij|, its sign), item by item; the first dim wins a tie."""
    groups: dict[SignedDim, list[int]] = {}
    for row, values in enumerate(embedding.to_dense()):
        best, size = -1, np.float32(0)
        for dim, value in enumerate(values):
            if abs(value) > size:
                best, size = dim, abs(value)
        if best >= 0:
            groups.setdefault((best, 1 if values[best] > 0 else -1), []).append(row)
    return groups


@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 12), st.data())
def test_every_item_belongs_to_the_signed_dim_of_its_largest_weight(
    seed: int, n_items: int, n_dims: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    k = data.draw(st.integers(1, n_dims))
    dense = rng.choice([-1.0, -0.5, 0.0, 0.0, 0.5, 1.0], size=(n_items, n_dims)) + 0.1 * rng.normal(
        size=(n_items, n_dims)
    ) * (rng.random((n_items, 1)) < 0.5)
    embedding = ItemEmbedding.from_dense(dense, k)
    found = by_dominant_dim(embedding)
    expected = groups_by_loop(embedding)
    assert {next(iter(group.counts)): group.rows.tolist() for group in found} == expected
    assert [list(group.counts) for group in found] == [[signed_dim] for signed_dim in sorted(expected)]
    assert all(list(group.counts.values()) == [len(group.rows)] for group in found)


def test_groups_by_hand() -> None:
    found = by_dominant_dim(ItemEmbedding.from_dense(BY_HAND, 2))
    assert [(group.counts, group.rows.tolist()) for group in found] == [
        ({(0, 1): 2}, [0, 2]),
        ({(1, -1): 2}, [3, 4]),
        ({(3, -1): 1}, [1]),
    ]


def test_items_without_a_code_are_in_no_group() -> None:
    assert by_dominant_dim(ItemEmbedding.from_dense(np.zeros((4, 3)), 2)) == []


@given(st.lists(COUNTS, min_size=1, max_size=5))
def test_a_merged_group_counts_every_item_once(parts: list[dict[SignedDim, int]]) -> None:
    groups, start = [], 0
    for counts in parts:
        size = sum(counts.values())
        groups.append(Group(np.arange(start, start + size)[::1], counts))
        start += size
    merged = groups[0]
    for group in groups[1:]:
        merged = group.merged(merged)
    assert merged.rows.tolist() == list(range(start))
    total: dict[SignedDim, int] = {}
    for counts in parts:
        for signed_dim, count in counts.items():
            total[signed_dim] = total.get(signed_dim, 0) + count
    assert merged.counts == total


@given(COUNTS)
def test_of_two_polarities_the_one_with_more_items_wins(counts: dict[SignedDim, int]) -> None:
    found = Group(np.arange(sum(counts.values())), counts).signed_dims()
    for dim in {dim for dim, _ in counts}:
        plus, minus = counts.get((dim, 1), 0), counts.get((dim, -1), 0)
        if plus == minus:
            assert (dim, 1) not in found
            assert (dim, -1) not in found
        else:
            assert ((dim, 1) in found, (dim, -1) in found) == (plus > minus, minus > plus)
    assert found == sorted(found)
    assert len({dim for dim, _ in found}) == len(found)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({(4, 1): 3, (4, -1): 2, (1, -1): 1}, [(1, -1), (4, 1)]),
        ({(4, 1): 2, (4, -1): 3}, [(4, -1)]),
        ({(4, 1): 2, (4, -1): 2, (5, 1): 1}, [(5, 1)]),
        ({(4, 1): 2, (4, -1): 2}, []),
    ],
)
def test_polarities_by_hand(counts: dict[SignedDim, int], expected: list[SignedDim]) -> None:
    assert Group(np.arange(sum(counts.values())), counts).signed_dims() == expected
