"""How much of a catalogue segments hold: their sizes, and which of the popular and of the rare items lie in one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.model import Model
from index.segments import NO_SEGMENT

SHELVES = (12, 20)  # items that a shelf usually wants to choose from
BANDS = ("20 items and more", "12 to 19 items", "under 12 items", "in no segment")
_TENTHS = 10


@dataclass(frozen=True)
class Coverage:
    n_items: int
    sizes: NDArray[np.int64]  # (n_segments,)
    by_popularity: NDArray[np.float64] | None  # (10, 4) of each tenth of the items, best known first, shares by BANDS
    attention: float | None  # share of all popularity that belongs to items of a segment

    @property
    def n_within(self) -> int:
        return int(self.sizes.sum())

    def at_least(self, least: int) -> tuple[int, float]:
        """How many segments have so many items, and the share of all items that they hold."""
        large = self.sizes[self.sizes >= least]
        return len(large), float(large.sum()) / self.n_items

    def facts(self) -> Mapping[str, object]:
        sizes = self.sizes
        return {
            "n_items": self.n_items,
            "n_segments": len(sizes),
            "items_within": self.n_within,
            "sizes": sizes.tolist(),
            "smallest": int(sizes.min()) if len(sizes) else None,
            "median": float(np.median(sizes)) if len(sizes) else None,
            "largest": int(sizes.max()) if len(sizes) else None,
            "largest_share": int(sizes.max()) / self.n_items if len(sizes) else None,
            "at_least": [
                {"items": least, "segments": self.at_least(least)[0], "items_share": self.at_least(least)[1]}
                for least in SHELVES
            ],
            "popularity_within": self.attention,
            "by_popularity": None
            if self.by_popularity is None
            else [dict(zip(BANDS, tenth, strict=True)) for tenth in self.by_popularity.tolist()],
        }


def coverage(model: Model) -> Coverage:
    """Popularity is left out where nothing is known of it."""
    sizes, membership, popularity = model.segments.sizes, model.segments.membership, model.popularity.astype(np.float64)
    whole, tenths = float(popularity.sum()), None
    if whole:
        of_items = np.append(sizes, 0)[membership]  # NO_SEGMENT is the last one
        few, enough = SHELVES
        band = np.select([membership == NO_SEGMENT, of_items < few, of_items < enough], [3, 2, 1], 0)
        order = np.lexsort((np.arange(len(popularity)), -popularity))
        parts = [part for part in np.array_split(order, _TENTHS) if len(part)]
        tenths = np.array([np.bincount(band[part], minlength=len(BANDS)) / len(part) for part in parts])
    attention = float(popularity[membership != NO_SEGMENT].sum()) / whole if whole else None
    return Coverage(len(membership), sizes, tenths, attention)
