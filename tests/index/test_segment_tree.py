"""A segment's groups and merges with items, on a model whose segments are made of groups."""

from dataclasses import replace

import numpy as np
import pytest

from index.directory import Directory
from index.embedding import ItemEmbedding
from index.merge_tree import Merge, MergeTree
from index.model import Model
from index.packed import PackedEmbedding
from index.search import search_of
from tests.worlds import by_hand, random_model

N_DIMS = 8
DENSE = np.random.default_rng(5).normal(size=(200, N_DIMS)).round(1)
DENSE[5::31] = 0.0
STRONGEST = np.abs(DENSE).argmax(axis=1)
SIGNS = np.sign(DENSE[np.arange(200), STRONGEST]).astype(int)


def grouped(packed: bool) -> Model:
    """Segment s of dim s, both signs, and dim s + 4, both signs."""
    model = random_model(0, n_dims=N_DIMS, n_segments=4)
    embedding = ItemEmbedding.from_dense(DENSE, 5)
    tree = MergeTree.of(
        [
            ([(s, -1), (s, 1), (s + 4, -1), (s + 4, 1)], [Merge(0, 3, 0.5), Merge(1, 2, 0.25), Merge(5, 4, -0.1)])
            for s in range(4)
        ],
        np.uint16,
    )
    membership = np.where(DENSE.any(axis=1), STRONGEST % 4, -1).astype(np.int32)
    segments = replace(model.segments, membership=membership, guests=None, tree=tree)
    return replace(model, embedding=PackedEmbedding.pack(embedding) if packed else embedding, segments=segments)


@pytest.mark.parametrize("packed", [False, True])
def test_groups_have_the_items_whose_strongest_weight_was_on_their_dim(packed: bool) -> None:
    model = grouped(packed)
    directory = Directory(model, search_of(model.embedding))
    never = np.array([7, 40, 41, 42, 90], np.int32)
    for segment in range(4):
        tree = directory.tree(segment, never)
        signed_dims = [(segment, -1), (segment, 1), (segment + 4, -1), (segment + 4, 1)]
        assert [(group.node, group.dim, group.sign) for group in tree.groups] == [
            (node, *signed_dim) for node, signed_dim in enumerate(signed_dims)
        ]
        for group in tree.groups:
            rows = np.flatnonzero((group.dim == STRONGEST) & (group.sign == SIGNS))
            assert group.n_items == len(rows)
            known = sorted(set(rows.tolist()) - set(never.tolist()), key=lambda row: (-model.popularity[row], row))
            assert [item.item_id for item in group.items] == [f"item-{row}" for row in known[:3]]
        sizes = [group.n_items for group in tree.groups]
        assert [(merge.node, merge.first, merge.second, merge.cosine, merge.n_items) for merge in tree.merges] == [
            (4, 0, 3, 0.5, sizes[0] + sizes[3]),
            (5, 1, 2, 0.25, sizes[1] + sizes[2]),
            (6, 5, 4, pytest.approx(-0.1), model.segments.sizes[segment]),
        ]


def test_what_packing_made_equal_is_in_the_group_that_it_was_in() -> None:
    """Else this test says nothing of packed codes: their levels tie where weights did not."""
    stored = np.abs(grouped(packed=True).embedding.to_dense()).argmax(axis=1)
    assert (stored != STRONGEST)[DENSE.any(axis=1)].any()


def test_an_artifact_of_before_trees_has_none() -> None:
    model = by_hand()
    tree = Directory(model, search_of(model.embedding)).tree(0)
    assert (tree.groups, tree.merges) == ([], [])
