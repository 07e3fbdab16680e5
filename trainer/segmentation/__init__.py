"""Items to labelled segments: group by dominant signed dim, describe, merge until nothing merges; B comes out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.catalog import Catalog
from index.embedding import ItemEmbedding, as_dims
from index.segments import NO_SEGMENT, Segments
from index.vocabulary import Strings
from trainer.errors import ConfigurationError
from trainer.segmentation.describe import Describer
from trainer.segmentation.group import by_dominant_dim
from trainer.segmentation.merge import merge


@dataclass(frozen=True)
class SegmentOptions:
    tau: float = 0.6
    """Groups whose descriptors' cosine exceeds it merge."""
    max_share: float = 0.15
    """Largest share of the items with a code that a merged segment may hold; `min_items` are always allowed."""
    min_items: int = 12
    """Segments with fewer items join the closest one: a shelf wants something to show."""

    def __post_init__(self) -> None:
        if not 0 <= self.tau <= 1 or not 0 < self.max_share <= 1 or self.min_items < 1:
            raise ConfigurationError(
                "--tau must lie between 0 and 1, --max-share above 0 and at most 1, --min-segment-items at 1 or more"
            )


def segment(
    embedding: ItemEmbedding,
    catalog: Catalog,
    item_ids: Sequence[str],
    popularity: NDArray[np.float32],
    options: SegmentOptions,
) -> Segments:
    """The segments of an embedding, largest first."""
    describer = Describer(embedding, catalog, item_ids, popularity)
    groups = by_dominant_dim(embedding)
    largest = max(int(options.max_share * int(embedding.coded.sum())), options.min_items)
    merged = merge(groups, describer.descriptor, tau=options.tau, smallest=options.min_items, largest=largest)
    membership = np.full(embedding.n_items, NO_SEGMENT, np.int32)
    for row, group in enumerate(merged):
        membership[group.rows] = row
    signed_dims = [group.signed_dims() for group in merged]
    return Segments(
        starts=np.cumsum([0] + [len(row) for row in signed_dims]).astype(np.int64),
        dims=as_dims(np.array([dim for row in signed_dims for dim, _ in row], np.int64), embedding.n_dims),
        signs=np.array([sign for row in signed_dims for _, sign in row], np.int8),
        membership=membership,
        ids=Strings.pack(f"s{row + 1}" for row in range(len(merged))),
        labels=Strings.pack(describer.labels([group.rows for group in merged])),
        n_dims=embedding.n_dims,
    )
