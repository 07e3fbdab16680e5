"""What is asked of a data set and what it answers: a request, tables in one form, and the counts that verify them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from trainer.errors import DataError

Say = Callable[[str], None]
POSITIVE = 4.0  # stars from which on the published counts count


@dataclass(frozen=True)
class Request:
    """Where the files are kept, and who hears what takes time."""

    data_dir: Path
    say: Say
    seed: int = 1
    quiet: bool = False

    @property
    def folder_made(self) -> Path:
        """`data_dir`, made where it was missing. Raises DataError where it cannot be."""
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"--data-dir {self.data_dir}: cannot be made ({error.strerror})") from error
        return self.data_dir


@dataclass(frozen=True)
class Tables:
    """A data set in one form, wherever it came from."""

    ratings: pl.DataFrame  # user_id, item_id (text) and, where there are any, rating (Float64), timestamp (Int64, s)
    items: pl.DataFrame  # item_id (text), title, attributes

    @classmethod
    def of(cls, ratings: pl.DataFrame, items: pl.DataFrame) -> "Tables":
        """From ratings whose ids, stars and seconds are numbers of any width."""
        types = {"user_id": pl.String, "item_id": pl.String, "rating": pl.Float64, "timestamp": pl.Int64}
        kept = [pl.col(name).cast(kind) for name, kind in types.items() if name in ratings.columns]
        return cls(ratings.select(kept), items)


@dataclass(frozen=True)
class Counts:
    """What the complete data set holds of ratings of four stars or more."""

    pairs: int  # distinct (user, item)
    users: int
    items: int

    @classmethod
    def of(cls, ratings: pl.DataFrame) -> "Counts":
        """Of ratings whose ids are integers below 2^31."""
        positive = ratings.filter(pl.col("rating") >= POSITIVE).select("user_id", "item_id")
        pair = (pl.col("user_id").cast(pl.Int64) * 2**32 + pl.col("item_id")).n_unique().alias("pairs")
        counted = positive.select(pair, users=pl.col("user_id").n_unique(), items=pl.col("item_id").n_unique())
        return cls(*counted.row(0))

    def __str__(self) -> str:
        return f"{self.pairs:,} pairs of {self.users:,} users and {self.items:,} items"

    def verify(self, ratings: pl.DataFrame, source: str, otherwise: str) -> None:
        """Raises DataError, with the way out that `otherwise` names, where `ratings` holds more or less than this."""
        found = Counts.of(ratings)
        if found != self:
            raise DataError(
                f"{source}: with four stars or more there are {found}, the complete data set has {self}; it is "
                f"probably cut short, or another edition. {otherwise}"
            )
