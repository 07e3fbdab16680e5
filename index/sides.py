"""The two sides of a dim: the items with the largest weights of either sign, and the segments that have it."""

from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from index.answers import DimItem, DimSide, SegmentName
from index.errors import UnknownDimError
from index.kernels import Rows
from index.known_items import listed_items
from index.model import Model

_KEPT_BYTES, _FEWEST_KEPT = 2**25, 8  # of the items of dims that were asked for
_SIGNS = (1, -1)
_DECIMALS = 6
Side = tuple[Rows, NDArray[np.float32]]


class Sides:
    """Of one model. The items of a dim are looked for once, and kept while others are not asked for more recently."""

    def __init__(self, model: Model) -> None:
        self._model = model
        bytes_of_dim = 8 * model.embedding.n_items * model.embedding.k // model.embedding.n_dims
        self._kept = lru_cache(max(_KEPT_BYTES // max(bytes_of_dim, 1), _FEWEST_KEPT))(partial(_strongest, model))

    def of(self, dim: int, n: int, never: Rows) -> list[DimSide]:
        """The positive side, then the negative one, with their `n` strongest items, without those of `never`.

        Largest |weight| first, ties by popularity, then row. Raises UnknownDimError.
        """
        model = self._model
        if not 0 <= dim < model.embedding.n_dims:
            raise UnknownDimError(dim, model.embedding.n_dims)
        found = []
        for sign, (rows, weights) in zip(_SIGNS, self._kept(dim), strict=True):
            shown = ~np.isin(rows, never) if len(never) else np.ones(len(rows), np.bool_)
            best = np.flatnonzero(shown)[:n]
            written = np.round(weights[best].astype(np.float64), _DECIMALS).tolist()
            items = zip(listed_items(model, rows[best]), written, strict=True)
            having = model.segments.having(dim, sign)
            found.append(
                DimSide(
                    sign,
                    int(shown.sum()),
                    [SegmentName(model.segments.ids[row], model.segments.labels[row]) for row in having],
                    [DimItem(item.item_id, item.title, item.popularity, weight) for item, weight in items],
                )
            )
        return found


def _strongest(model: Model, dim: int) -> list[Side]:
    """All items of the positive side and of the negative one, in order. No method: a model would be in a cycle."""
    rows, weights = model.embedding.having(dim)
    order = np.lexsort((rows, -model.popularity[rows], -np.abs(weights)))
    rows, weights = rows[order], weights[order]
    return [(rows[weights * sign > 0], weights[weights * sign > 0]) for sign in _SIGNS]
