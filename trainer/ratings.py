"""Where the ratings of a run come from: a file of whoever calls, or a named public data set."""

import logging
from dataclasses import dataclass
from pathlib import Path

from trainer import datasets
from trainer.interactions import PRESETS, Columns, Interactions, binarise, read_interactions, restricted
from trainer.streamed import is_large, read_streamed

logger = logging.getLogger(__name__)

OF_COLUMNS = ("preset", "user_col", "item_col", "rating_col", "timestamp_col")


@dataclass(frozen=True)
class Ratings:
    """Either `file` or `dataset`; None: found out, or what is usual."""

    file: Path | None = None
    dataset: str | None = None
    data_dir: Path = Path("data")
    """Where fetched archives are kept."""
    preset: str | None = None
    user_col: str | None = None
    item_col: str | None = None
    rating_col: str | None = None
    timestamp_col: str | None = None
    separator: str | None = None
    min_rating: float | None = None
    min_items_per_user: int = 5
    seed: int = 1
    """Of the synthetic data set."""

    def read(self, *, quiet: bool = False) -> Interactions:
        """Reads, binarises and tells line by line what was kept. Raises DataError, ConfigurationError."""
        interactions = self._file(self.file) if self.file is not None else self._public(str(self.dataset), quiet=quiet)
        for line in interactions.story:
            logger.info("%s", line)
        return interactions

    def _file(self, path: Path) -> Interactions:
        columns = restricted(
            PRESETS.get(str(self.preset), Columns()),
            user=self.user_col,
            item=self.item_col,
            rating=self.rating_col,
            timestamp=self.timestamp_col,
        )
        least, least_items = self.min_rating, self.min_items_per_user
        if is_large(path):
            return read_streamed(path, columns, min_rating=least, min_items_per_user=least_items)
        return read_interactions(
            path, columns, separator=self.separator, min_rating=least, min_items_per_user=least_items
        )

    def _public(self, name: str, *, quiet: bool) -> Interactions:
        tables = datasets.load(name, self.data_dir, logger.info, seed=self.seed, quiet=quiet)
        return binarise(tables.ratings, name, min_rating=self.min_rating, min_items_per_user=self.min_items_per_user)
