"""Segment ids that outlive a training: a segment that holds much of what an earlier one held keeps its id.

Pairs are chosen by the Hungarian method (Kuhn 1955) so that as many items as possible stay under their id. Who holds
less than KEPT of what either held is another segment, with a number that no earlier one had.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from index import artifact
from index.artifact import Artifact
from index.errors import ArtifactError
from index.kernels import Rows
from index.segments import NO_SEGMENT, Segments
from index.vocabulary import Vocabulary

KEPT = 0.25  # of the items of either segment that both versions know, those that both segments hold
LAST_ID = "last_segment_id"  # in a manifest's data: the largest number that a segment has had
_NUMBERED = re.compile(r"s([1-9][0-9]{0,8})")


@dataclass(frozen=True)
class Earlier:
    """The segments that a version had."""

    ids: Sequence[str]
    membership: Rows
    vocabulary: Vocabulary
    last_id: int

    @classmethod
    def of(cls, version: Artifact | None) -> Self | None:
        if version is None:
            return None
        segments, recorded = version.model.segments, version.manifest.data.get(LAST_ID)
        last = largest_number(segments.ids, max(0, recorded) if isinstance(recorded, int) else 0)
        return cls(segments.ids, segments.membership, version.model.vocabulary, last)

    def segments_of(self, item_ids: Sequence[str]) -> Rows:
        """(n_items,) where each item was, NO_SEGMENT where it was nowhere or is new."""
        rows = self.vocabulary.rows(item_ids)
        if not len(self.membership):
            return np.full(len(rows), NO_SEGMENT, np.int32)
        return np.where(rows >= 0, self.membership[np.maximum(rows, 0)], NO_SEGMENT).astype(np.int32)


@dataclass(frozen=True)
class Lineage:
    """The ids of new segments, and what became of the earlier ones."""

    ids: list[str]
    kept: list[str]
    appeared: list[str]
    vanished: list[str]
    staying: float
    """Share of the items that were and are in a segment whose segment kept its id."""

    def __str__(self) -> str:
        return (
            f"{len(self.kept)} segments keep their ids, with {self.staying:.0%} of the items that both versions have; "
            f"{len(self.appeared)} are new, {len(self.vanished)} are gone"
        )


def current_or_none(folder: Path) -> Artifact | None:
    """The version to serve, where there is one that is whole."""
    try:
        return artifact.open_current(folder)
    except ArtifactError:
        return None


def last_id(segments: Segments, earlier: Earlier | None) -> dict[str, int]:
    """What a manifest's data keep, so that no number comes twice."""
    return {LAST_ID: largest_number(segments.ids, earlier.last_id if earlier else 0)}


def largest_number(ids: Iterable[str], least: int = 0) -> int:
    """The largest that an id has, or `least`."""
    return max([int(found[1]) for one in ids if (found := _NUMBERED.fullmatch(one))] + [least])


def numbered(n_segments: int) -> Lineage:
    """Without any earlier segments."""
    ids = [f"s{row + 1}" for row in range(n_segments)]
    return Lineage(ids, [], ids, [], 1.0)


def inherited(earlier: Earlier | None, membership: Rows, item_ids: Sequence[str], n_segments: int) -> Lineage:
    """The ids of segments whose members `membership` names. Items are the same where their ids are."""
    if earlier is None:
        return numbered(n_segments)
    before = earlier.segments_of(item_ids)
    if not (earlier.vocabulary.rows(item_ids) >= 0).any():
        return numbered(n_segments)
    after = np.where(earlier.vocabulary.rows(item_ids) >= 0, membership, NO_SEGMENT)
    shared = _shared(before, after, (len(earlier.ids), n_segments))
    sizes = _sizes(before, len(earlier.ids)), _sizes(after, n_segments)
    either = sizes[0][:, None] + sizes[1] - shared
    enough_shared = np.where(shared >= np.maximum(KEPT * either, 1), shared, 0)
    old_rows, new_rows = linear_sum_assignment(enough_shared, maximize=True)
    enough = enough_shared[old_rows, new_rows] > 0
    heirs = dict(zip(new_rows[enough].tolist(), old_rows[enough].tolist(), strict=True))
    ids, last_id = [], earlier.last_id
    for row in range(n_segments):
        if row in heirs:
            ids.append(earlier.ids[heirs[row]])
        else:
            last_id += 1
            ids.append(f"s{last_id}")
    kept = [ids[row] for row in sorted(heirs)]
    there = float(shared.sum())
    return Lineage(
        ids,
        kept,
        [segment_id for row, segment_id in enumerate(ids) if row not in heirs],
        [segment_id for segment_id in earlier.ids if segment_id not in set(kept)],
        float(sum(shared[old, new] for new, old in heirs.items())) / there if there else 0.0,
    )


def _sizes(membership: Rows, n_segments: int) -> NDArray[np.int64]:
    return np.bincount(membership[membership != NO_SEGMENT], minlength=n_segments)


def _shared(before: Rows, after: Rows, shape: tuple[int, int]) -> NDArray[np.int64]:
    """(earlier segments, new segments) how many items are in both."""
    both = (before != NO_SEGMENT) & (after != NO_SEGMENT)
    places = before[both].astype(np.int64) * shape[1] + after[both]
    return np.bincount(places, minlength=shape[0] * shape[1]).reshape(shape)
