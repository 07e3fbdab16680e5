"""A ratings file to users x items: which columns, what counts as positive, what is dropped and why."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from index.vocabulary import Strings
from trainer.errors import ConfigurationError, DataError
from trainer.tables import as_text, listed, place_of, read_table, reading

Csr: TypeAlias = "sp.csr_matrix[np.float32]"


@dataclass(frozen=True)
class Columns:
    """Which column is which; None: find it by the usual names."""

    user: str | None = None
    item: str | None = None
    rating: str | None = None
    timestamp: str | None = None


PRESETS: Mapping[str, Columns] = {
    "movielens": Columns("userId", "movieId", "rating", "timestamp"),
    "goodbooks": Columns("user_id", "book_id", "rating"),
    "netflix": Columns("user_id", "item_id", "rating", "timestamp"),
    "recbole": Columns("user_id", "item_id", "rating", "timestamp"),
}
_USUAL = {
    "user": ("user_id", "userId", "user", "uid", "customer_id", "visitorid"),
    "item": ("item_id", "itemId", "item", "movie_id", "movieId", "book_id", "product_id", "article_id", "track_id"),
    "rating": ("rating", "stars", "score"),
    "timestamp": ("timestamp", "time", "date", "datetime"),
}
DEFAULT_MIN_RATING = 4.0  # of 1 to 5 stars, as the paper counts


@dataclass(frozen=True)
class Interactions:
    """Binary users x items, both sorted by id, and the story of how it came about."""

    matrix: Csr  # (n_users, n_items) ones
    user_ids: list[str]
    item_ids: list[str]
    fingerprint: str  # of the ids and the matrix
    min_rating: float | None
    story: list[str] = field(default_factory=list)

    @property
    def n_users(self) -> int:
        return int(self.matrix.shape[0])

    @property
    def n_items(self) -> int:
        return int(self.matrix.shape[1])


def read_interactions(
    path: Path,
    columns: Columns | None = None,
    *,
    separator: str | None = None,
    min_rating: float | None = None,
    min_items_per_user: int = 5,
) -> Interactions:
    """Reads and binarises a ratings file. Raises DataError naming the file, and the column or row at fault."""
    table = normalise(read_table(path, separator), columns or Columns(), str(path))
    return binarise(table, str(path), min_rating=min_rating, min_items_per_user=min_items_per_user)


def normalise(frame: pl.DataFrame, columns: Columns, source: str, first: int = 0) -> pl.DataFrame:
    """The table as `user_id` and `item_id` (text) and, where there are any, `rating` and `timestamp` (numbers).

    `first` is the row of the source that `frame` begins with. Raises DataError.
    """
    with reading(source):
        return _normalise(frame, columns, source, first)


def _normalise(frame: pl.DataFrame, columns: Columns, source: str, first: int) -> pl.DataFrame:
    names = {part: find_column(frame, part, getattr(columns, part), source) for part in _USUAL}
    out = {"user_id": as_text(frame[str(names["user"])], source), "item_id": as_text(frame[str(names["item"])], source)}
    for part in ("rating", "timestamp"):
        name = names[part]
        if name is not None and (part == "rating" or _is_number(frame[name])):
            out[part] = numbers_of(frame, name, source, first)
    return pl.DataFrame(out)


def find_column(frame: pl.DataFrame, part: str, asked: str | None, source: str) -> str | None:
    """The column that was asked for, or one of the usual names of `part`; None where only user and item are a must.

    Raises DataError.
    """
    if asked is not None:
        if asked in frame.columns:
            return asked
        raise DataError(f"{source}: no column {asked!r}; it has {listed(frame)}")
    found = next((name for name in _USUAL[part] if name in frame.columns), None)
    if found is None and part in ("user", "item"):
        raise DataError(
            f"{source}: which column is the {part}? It has {listed(frame)}; say so with --{part}-col "
            f"(the first line of a text file has to hold the names){_separated_otherwise(frame)}"
        )
    return found


def _separated_otherwise(frame: pl.DataFrame) -> str:
    """A hint where a text file's one column looks like several."""
    mark = next((mark for mark in ";|\t," if mark in frame.columns[0]), None)
    return f", or --separator {mark!r}" if mark and frame.width == 1 else ""


def _is_number(column: pl.Series) -> bool:
    simple = not column.dtype.is_nested() and column.dtype != pl.Binary
    return simple and column.cast(pl.Float64, strict=False).null_count() == column.null_count()


def numbers_of(frame: pl.DataFrame, name: str, source: str, first: int = 0) -> pl.Series:
    """A column as finite numbers, or nothing. Raises DataError naming the first line that holds neither."""
    column = frame[name]
    if column.dtype.is_nested() or column.dtype == pl.Binary:
        raise DataError(f"{source}: {column.name!r} holds {column.dtype} and not numbers; name another column")
    stripped = column.str.strip_chars() if column.dtype == pl.String else column
    numbers = stripped.cast(pl.Float64, strict=False)
    wrong = (numbers.is_null() | ~numbers.is_finite().fill_null(value=True)) & column.is_not_null()
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        place, value = place_of(frame, row, source, first), str(column[row])[:40]
        raise DataError(f"{source}, {place}: {name!r} is {value!r}, which is no number; mend it or name another column")
    return numbers


def binarise(
    table: pl.DataFrame, source: str, *, min_rating: float | None = None, min_items_per_user: int = 5
) -> Interactions:
    """Keeps positive pairs once, of users with at least `min_items_per_user` of them."""
    story = [f"read {table.height:,} rows of {source}"]

    def dropped(kept: pl.DataFrame, why: str) -> pl.DataFrame:
        if lost := frame.height - kept.height:
            story.append(f"dropped {lost:,} rows {why}")
        return kept

    frame = table
    frame = dropped(frame.filter(named()), "without a user or an item")
    if not frame.height:
        raise nothing_left(source, story, min_items_per_user)
    ratings = (frame["rating"].min(), frame["rating"].max()) if "rating" in frame.columns else None
    threshold = threshold_of(ratings, min_rating, source)
    if threshold is not None:
        frame = dropped(frame.filter(pl.col("rating") >= threshold), f"rated below {threshold:g} or not at all")
    frame = dropped(frame.unique(["user_id", "item_id"]), "that repeat a user and an item")
    counts = frame.group_by("user_id").len()
    few = counts.filter(pl.col("len") < min_items_per_user)
    kept = frame.join(few, on="user_id", how="anti")
    frame = dropped(kept, f"of {few.height:,} users with fewer than {min_items_per_user} items")
    if not frame.height:
        raise nothing_left(source, story, min_items_per_user)
    users, user_ids = _numbered(frame["user_id"])
    items, item_ids = _numbered(frame["item_id"])
    ones = np.ones(frame.height, np.float32)
    matrix = sp.csr_matrix((ones, (users, items)), shape=(len(user_ids), len(item_ids)))
    matrix.sort_indices()
    story.append(f"kept {frame.height:,} interactions of {len(user_ids):,} users with {len(item_ids):,} items")
    return Interactions(matrix, user_ids, item_ids, fingerprint(matrix, user_ids, item_ids), threshold, story)


def fingerprint(matrix: Csr, *ids: list[str]) -> str:
    """sha256 of who interacted with what, however the table was ordered and whatever was dropped from it."""
    packed = [Strings.pack(names) for names in ids]
    parts: list[NDArray[np.generic]] = [part for strings in packed for part in (strings.offsets, strings.blob)]
    parts += [matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32, copy=False)]
    found = hashlib.sha256()
    for part in parts:
        found.update(np.ascontiguousarray(part).data)
    return found.hexdigest()


def nothing_left(source: str, story: Sequence[str], min_items_per_user: int) -> DataError:
    way_out = "lower --min-rating" + " or --min-items-per-user" * (min_items_per_user > 1)
    return DataError(f"{source}: nothing is left to learn from ({'; '.join(story)}); {way_out}")


def named() -> pl.Expr:
    """Whether a row has a user and an item."""
    both = (pl.col("user_id").str.len_chars() > 0) & (pl.col("item_id").str.len_chars() > 0)
    return both.fill_null(value=False)


def threshold_of(ratings: tuple[object, object] | None, min_rating: float | None, source: str) -> float | None:
    """The least rating that is positive, where `ratings` are the least and the largest; None: all rows are.

    Raises ConfigurationError, DataError.
    """
    if ratings is None:
        if min_rating is not None:
            raise ConfigurationError(f"{source} has no rating column, so --min-rating means nothing; leave it out")
        return None
    if min_rating is not None:
        return min_rating
    low, high = ratings
    if isinstance(low, float) and isinstance(high, float):
        if low > 0 and DEFAULT_MIN_RATING <= high <= 5:
            return DEFAULT_MIN_RATING
        raise ConfigurationError(
            f"{source}: ratings go from {low:g} to {high:g}; say from which one on they are positive with --min-rating"
        )
    raise DataError(f"{source}: the rating column is empty")


def _numbered(ids: pl.Series) -> tuple[NDArray[np.int64], list[str]]:
    vocabulary = ids.unique().sort()
    numbers = ids.to_frame("id").join(
        vocabulary.to_frame("id").with_row_index("number"), on="id", how="left", maintain_order="left"
    )
    return numbers["number"].to_numpy().astype(np.int64), vocabulary.to_list()


def restricted(columns: Columns, **overrides: str | None) -> Columns:
    """`columns` with the options that were given put over it."""
    return replace(columns, **{part: name for part, name in overrides.items() if name is not None})
