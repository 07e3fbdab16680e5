"""How one segment came to be: its groups with their items, and what merged with what (index/merge_tree.py)."""

import numpy as np

from index.answers import SegmentTree, TreeGroup, TreeMerge
from index.kernels import Rows
from index.known_items import listed_items
from index.model import Model
from index.search import rank

_MOST_ITEMS = 3  # of a group, that are named


def segment_tree(model: Model, segment: int, never: Rows) -> SegmentTree:
    """Of one segment; items of `never` are counted and not named. Without anything where the model has no trees."""
    tree, members = model.segments.tree, model.segments.members(segment)
    if tree is None:
        return SegmentTree([], [])
    dims, signs = model.embedding.dominant(members)
    groups, sizes = [], []
    for node, (dim, sign) in enumerate(tree.groups(segment)):
        rows = members[(dims == dim) & (signs == sign)]
        named = np.setdiff1d(rows, never, assume_unique=True)
        best = named[rank(model.popularity[named].astype(np.float64), _MOST_ITEMS).rows]
        groups.append(TreeGroup(node, dim, sign, len(rows), listed_items(model, best)))
        sizes.append(len(rows))
    merges = []
    for node, (first, second, cosine) in enumerate(tree.merges(segment), start=len(groups)):
        sizes.append(sizes[first] + sizes[second])
        merges.append(TreeMerge(node, first, second, cosine, sizes[-1]))
    return SegmentTree(groups, merges)
