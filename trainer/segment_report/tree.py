"""How one segment came to be: the groups that it was made of, and what merged with what, as a tree."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from index.embedding import ItemEmbedding
from index.errors import ArtifactError
from index.merge_tree import MergeTree
from index.model import Model
from trainer.errors import ConfigurationError
from trainer.segment_report.listing import best_known, names, shortened
from trainer.segmentation.describe import Describer
from trainer.segmentation.group import by_dominant_dim
from trainer.summary import printable

_TITLES, _LONGEST_LABEL = 3, 60
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Node:
    """Items that were together at some time: a group with its signed dim, or what two parts merged to."""

    label: str
    items: int
    groups: int
    cosine: float | None = None  # of the descriptors of its parts
    parts: list["Node"] = field(default_factory=list)  # the one with more items first; none where they are folded
    signed_dim: tuple[int, int] | None = None  # of a group
    best_known: list[dict[str, str | None]] = field(default_factory=list)  # of a group


class Tree:
    """The tree of a segment, unfolded as far as it is looked at."""

    def __init__(self, model: Model, segment: int) -> None:
        """Raises ConfigurationError where the artifact has no trees, ArtifactError for one that does not fit."""
        self._model, self._segment = model, segment
        tree = model.segments.tree
        if tree is None:
            raise ConfigurationError(
                "this artifact does not say how its segments merged, it is of an earlier format: "
                "make it again with `python -m trainer fit` or `import`"
            )
        self._signed_dims = tree.groups(segment)
        self._merges = tree.merges(segment)
        self._leaves = self._groups(tree)

    def _groups(self, tree: MergeTree) -> list[Rows]:
        """The items of each group. All of the segment's items are in one, or the tree is not this segment's."""
        segments = self._model.segments
        groups = {group.only: group.rows for group in by_dominant_dim(self._model.embedding)}
        found = [groups.get(signed_dim, np.empty(0, np.int64)) for signed_dim in tree.groups(self._segment)]
        if not all(map(len, found)) or not np.array_equal(
            np.sort(np.concatenate(found)), segments.members(self._segment)
        ):
            raise ArtifactError(
                f"segment {printable(segments.ids[self._segment])}: its groups do not have the items that it has; "
                "the artifact was not written by this program"
            )
        return found

    def root(self, depth: int) -> Node:
        """The segment with `depth` levels of parts; what is deeper stays folded."""
        model, embedding = self._model, self._model.embedding
        floats = (
            embedding
            if isinstance(embedding, ItemEmbedding)
            else ItemEmbedding.from_entries(
                *embedding.codes_of(np.arange(embedding.n_items, dtype=np.int32)), embedding.n_dims
            )
        )
        describer = Describer(floats, model.catalog, model.vocabulary.item_ids, model.popularity)

        def label(rows: Rows) -> str:
            return describer.labels([rows])[0]

        return self._node(len(self._leaves) + len(self._merges) - 1, depth, label)

    def _node(self, number: int, depth: int, label: Callable[[Rows], str]) -> Node:
        groups = self._groups_below(number)
        rows = np.concatenate([self._leaves[group] for group in groups])
        is_root = len(groups) == len(self._leaves)
        said = self._model.segments.labels[self._segment] if is_root else label(np.sort(rows))
        if number < len(self._leaves):
            known = [
                {"item_id": self._model.vocabulary.item_id(item), "title": self._model.catalog.title(item)}
                for item in best_known(self._model, rows)[:_TITLES]
            ]
            return Node(said, len(rows), 1, signed_dim=self._signed_dims[number], best_known=known)
        merge = self._merges[number - len(self._leaves)]
        parts = [self._node(part, depth - 1, label) for part in (merge.first, merge.second)] if depth else []
        return Node(said, len(rows), len(groups), merge.cosine, sorted(parts, key=lambda part: -part.items))

    def _groups_below(self, number: int) -> list[int]:
        waiting, found = [number], []
        while waiting:
            node = waiting.pop()
            if node < len(self._leaves):
                found.append(node)
            else:
                merge = self._merges[node - len(self._leaves)]
                waiting += [merge.first, merge.second]
        return sorted(found)


def text(root: Node, *, tau: object = None) -> str:
    """Indented lines: how many items, at which cosine its parts merged, the label, a group's best-known items."""
    lines = [" items  cosine", ""]

    def write(node: Node, own: str, below: str) -> None:
        cosine = "" if node.cosine is None else f"{node.cosine:.2f}"
        titles = f":  {names(node.best_known)}" if node.best_known else ""
        lines.append(f"{node.items:6,}  {cosine:>6}  {own}{shortened(node.label, _LONGEST_LABEL)}{titles}")
        for part in node.parts:
            last = part is node.parts[-1]
            write(part, below + ("└ " if last else "├ "), below + ("  " if last else "│ "))
        if node.groups > 1 and not node.parts:
            lines.append(f"{'':16}{below}… {node.groups:,} groups, {node.items:,} items")

    write(root, "", "")
    lines += ["", "cosine: of the descriptors of its two parts, when they merged"]
    if isinstance(tau, int | float) and any(cosine < tau for cosine in _cosines(root)):
        lines.append(f"under {tau:g} (tau): one of the parts had too few items, and joined what was closest")
    return "\n".join(lines)


def _cosines(node: Node) -> Iterator[float]:
    if node.cosine is not None:
        yield node.cosine
    for part in node.parts:
        yield from _cosines(part)


def facts(node: Node) -> dict[str, object]:
    """The tree for programs; `folded` says that a node has parts which are not shown."""
    found: dict[str, object] = {"label": node.label, "items": node.items, "groups": node.groups}
    if node.signed_dim is not None:
        return {**found, "signed_dim": node.signed_dim, "best_known": node.best_known}
    shown = {"parts": [facts(part) for part in node.parts]} if node.parts else {"folded": True}
    return {**found, "cosine": node.cosine, **shown}
