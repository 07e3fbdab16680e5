"""Items to labelled segments: group by dominant signed dim, describe, merge until nothing merges; B comes out."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.catalog import Catalog
from index.embedding import ItemEmbedding, as_dims, dims_type
from index.merge_tree import MergeTree
from index.segments import NO_SEGMENT, Segments
from index.vocabulary import Strings
from trainer.errors import ConfigurationError
from trainer.segmentation.describe import Describer
from trainer.segmentation.embed import CODE_SHARE, DEFAULT_TAU, KEYWORDS, SENTENCES, continuing, descriptors
from trainer.segmentation.encoder import DEFAULT_MODEL, SentenceEncoder, open_encoder
from trainer.segmentation.group import by_dominant_dim
from trainer.segmentation.guests import guests
from trainer.segmentation.lineage import Earlier, inherited
from trainer.segmentation.merge import merge
from trainer.segmentation.naming import Naming

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SegmentOptions:
    tau: float = DEFAULT_TAU[KEYWORDS]
    """Groups whose descriptors' cosine exceeds it merge; each embedder has a `default_tau`."""
    max_share: float = 0.15
    """Largest share of the items with a code that a merged segment may hold; `min_items` are always allowed."""
    min_items: int = 12
    """Segments with fewer items join the closest one: a shelf wants something to show."""
    embedder: str = KEYWORDS
    """What makes the descriptors, `keywords` or `sentence-transformers`."""
    code_share: float = CODE_SHARE
    """How much of what groups are compared by are their codes; the rest are words."""
    continuity: float = 0.0
    """How much of it is which segments of the version before the items were in."""
    embedder_model: str = ""
    """Name or folder of the sentence encoder; empty for `keywords`."""

    def __post_init__(self) -> None:
        if not 0 <= self.tau <= 1 or not 0 < self.max_share <= 1 or self.min_items < 1:
            raise ConfigurationError(
                "--tau must lie between 0 and 1, --max-share above 0 and at most 1, --min-segment-items at 1 or more"
            )
        if not 0 <= self.code_share <= 1 or not 0 <= self.continuity < 1:
            raise ConfigurationError("--code-share must lie between 0 and 1, --continuity at 0 or more and below 1")


def default_tau(embedder: str) -> float:
    """Measured, docs/segments.md."""
    return DEFAULT_TAU[embedder]


def default_model(embedder: str) -> str:
    return DEFAULT_MODEL if embedder == SENTENCES else ""


def encoder_of(options: SegmentOptions) -> SentenceEncoder | None:
    """What `segment` needs beside the options; before training, because this is where a missing model is told."""
    return open_encoder(options.embedder_model) if options.embedder == SENTENCES else None


def recorded(options: SegmentOptions, encoder: SentenceEncoder | None) -> dict[str, Any]:
    """The options as an artifact keeps them: which model decided the segments, not where it lay."""
    model = {"embedder_model": encoder.name, "embedder_digest": encoder.digest} if encoder else {}
    return {name: value for name, value in asdict(options).items() if name != "embedder_model"} | model


def segment(
    embedding: ItemEmbedding,
    catalog: Catalog,
    item_ids: Sequence[str],
    popularity: NDArray[np.float32],
    options: SegmentOptions,
    *,
    encoder: SentenceEncoder | None = None,
    naming: Naming | None = None,
    earlier: Earlier | None = None,
) -> Segments:
    """The segments of an embedding, largest first; with the ids of those of an `earlier` version that they continue."""
    describer = Describer(embedding, catalog, item_ids, popularity)
    groups = by_dominant_dim(embedding)
    largest = max(int(options.max_share * int(embedding.coded.sum())), options.min_items)
    describe = descriptors(describer, encoder, groups, options.code_share)
    if earlier is not None and options.continuity:
        describe = continuing(describe, earlier.segments_of(item_ids), describer.attention, options.continuity)
    merged = merge(groups, describe, tau=options.tau, smallest=options.min_items, largest=largest)
    membership = np.full(embedding.n_items, NO_SEGMENT, np.int32)
    for row, one in enumerate(merged):
        membership[one.whole.rows] = row
    signed_dims = [one.whole.signed_dims() for one in merged]
    made_of = [([groups[place].only for place in one.groups], one.merges) for one in merged]
    lineage = inherited(earlier, membership, item_ids, len(merged))
    if earlier is not None:
        logger.info("%s", lineage)
    labels = (naming or Naming()).labels(describer, [one.whole.rows for one in merged], lineage.ids)
    return Segments(
        starts=np.cumsum([0] + [len(row) for row in signed_dims]).astype(np.int64),
        dims=as_dims(np.array([dim for row in signed_dims for dim, _ in row], np.int64), embedding.n_dims),
        signs=np.array([sign for row in signed_dims for _, sign in row], np.int8),
        membership=membership,
        ids=Strings.pack(lineage.ids),
        labels=Strings.pack(labels),
        n_dims=embedding.n_dims,
        guests=guests(embedding, membership, len(merged), describer.attention),
        tree=MergeTree.of(made_of, dims_type(embedding.n_dims)),
    )
