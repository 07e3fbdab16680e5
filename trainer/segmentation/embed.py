"""What stands for a group when groups merge: its keywords' weights, or what a sentence encoder makes of its words.

The encoder sees short texts: each keyword of the group, and each of its strongest items with its attributes. A group's
descriptor is their mean, keywords by weight and items by attention. One text of all keywords merged worse, and an
encoder that sees each text only once has nothing left to do when groups merge (docs/segments.md).
"""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from index.catalog import Catalog
from index.kernels import Floats, Rows
from index.segments import NO_SEGMENT
from trainer.errors import ConfigurationError
from trainer.segmentation.describe import Describer
from trainer.segmentation.encoder import SentenceEncoder
from trainer.segmentation.group import Group
from trainer.segmentation.merge import Describe
from trainer.segmentation.terms import has_words

logger = logging.getLogger(__name__)

KEYWORDS, SENTENCES = "keywords", "sentence-transformers"
DEFAULT_TAU = {KEYWORDS: 0.5, SENTENCES: 0.64}  # cosines of sentence vectors are all larger
CODE_SHARE = 0.3  # of a descriptor; the rest are words
KEYWORDS_SHARE = 0.3  # of a sentence descriptor; its strongest items have the rest


def descriptors(
    describer: Describer, encoder: SentenceEncoder | None, groups: Sequence[Group], code_share: float
) -> Describe:
    """The descriptors to merge `groups` by. Their cosine is that of the words, and for `code_share` that of the codes.

    Words are keywords where there is no encoder. Where nothing is known of the items, codes are all there is.
    """
    words = describer.descriptor if encoder is None else _sentences(describer, encoder, groups)
    share = code_share if describer.names or encoder is not None else 1.0

    def describe(rows: NDArray[np.integer]) -> NDArray[np.float64]:
        codes = np.sqrt(share) * describer.mean_code(rows)
        return np.concatenate([np.sqrt(1 - share) * words(rows), codes]) if share < 1 else codes

    return describe


def continuing(describe: Describe, before: Rows, attention: Floats, share: float) -> Describe:
    """Descriptors whose cosine is, for `share`, that of which earlier segments (n_items,) the items were in."""
    n_before = int(before.max(initial=NO_SEGMENT)) + 1

    def described(rows: NDArray[np.integer]) -> NDArray[np.float64]:
        held = rows[before[rows] != NO_SEGMENT]
        counts = np.asarray(np.bincount(before[held], attention[held], n_before), np.float64)
        return np.concatenate([np.sqrt(1 - share) * describe(rows), np.sqrt(share) * _unit(counts)])

    return described


def _sentences(describer: Describer, encoder: SentenceEncoder, groups: Sequence[Group]) -> Describe:
    def describe(rows: NDArray[np.integer]) -> NDArray[np.float64]:
        parts = describer.keywords(rows), describer.item_texts(rows)
        return _unit(KEYWORDS_SHARE * mean(parts[0]) + (1 - KEYWORDS_SHARE) * mean(parts[1]))

    def mean(texts: Mapping[str, float]) -> NDArray[np.float64]:
        if not texts:
            return np.zeros(encoder.width)
        return _unit(np.array(list(texts.values())) @ encoder.vectors(list(texts)).astype(np.float64))

    words = [{**describer.keywords(group.rows), **describer.item_texts(group.rows)} for group in groups]
    texts = dict.fromkeys(text for held in words for text in held)
    logger.info("the sentence encoder reads %d texts of %d groups", len(texts), len(groups))
    encoder.vectors(list(texts))  # all at once is several times faster
    return describe


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float64)


def refuse_without_words(encoder: SentenceEncoder | None, catalog: Catalog) -> None:
    """A sentence encoder needs something to read."""
    if encoder is not None and not has_words(catalog):
        raise ConfigurationError(
            f"--embedder {SENTENCES} needs titles or attributes: name their file with --items, or leave --embedder out"
        )
