"""Segments by words of their labels, as items by those of their titles."""

from collections.abc import Iterator

import numpy as np

from index.segments import Segments
from index.title_search import Found, WordSearch

_NO_ROWS = np.empty(0, np.int32)


class LabelSearch(WordSearch):
    """A segment without a label has its segment_id for one; larger ones come first."""

    def __init__(self, segments: Segments) -> None:
        super().__init__(_texts(segments), segments.row, segments.sizes)

    def best(self, query: str, n: int) -> Found:
        return self.find(query, n, _NO_ROWS)


def _texts(segments: Segments) -> Iterator[list[str]]:
    named = zip(segments.labels, segments.ids, strict=True)
    yield [(label or segment_id).replace("\n", " ") for label, segment_id in named]
