"""A file of users to their histories: a row a user and item, or a row a user with a list."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from index.taste import History
from trainer.errors import DataError
from trainer.interactions import Columns, find_column, numbers_of
from trainer.tables import as_text, listed, read_table, reading

_LISTS = ("history", "items", "item_ids")


@dataclass(frozen=True)
class Histories:
    """Users in the order in which the file names them first."""

    frame: pl.DataFrame  # user_id, items (list of text), weights (list of numbers)
    story: list[str]

    def __len__(self) -> int:
        return self.frame.height

    def __iter__(self) -> Iterator[tuple[str, History]]:
        for user_id, items, weights in self.frame.iter_rows():
            yield user_id, dict(zip(items, weights, strict=True))


def trained_min_rating(options: Mapping[str, object]) -> float | None:
    """The rating from which on something was to a model's users' taste, by the options in its manifest."""
    trained = options.get("min_rating")
    return float(trained) if isinstance(trained, int | float) else None


def read_histories(
    path: Path,
    columns: Columns,
    *,
    weight: str | None = None,
    separator: str | None = None,
    min_rating: float | None = None,
) -> Histories:
    """Reads histories. What is rated below `min_rating` weighs 0: it says nothing of taste and is still not answered.

    Weights are 1, or the column `weight`. Raises DataError naming the file, and the column or row at fault.
    """
    frame = read_table(path, separator)
    with reading(str(path)):
        return _read(frame, columns, weight, min_rating, str(path))


def _read(
    frame: pl.DataFrame, columns: Columns, weight: str | None, min_rating: float | None, source: str
) -> Histories:
    user = str(find_column(frame, "user", columns.user, source))
    lists = next((name for name in _LISTS if _is_list(frame, name)), None)
    item = str(find_column(frame, "item", columns.item or lists, source))
    weights = pl.Series("weights", [1.0]).extend_constant(1.0, frame.height - 1)
    story = [f"read {frame.height:,} rows of {source}"]
    weight = weight or ("weight" if "weight" in frame.columns else None)
    rating = find_column(frame, "rating", columns.rating, source)
    if weight is not None:
        if weight not in frame.columns:
            raise DataError(f"{source}: no column {weight!r}; it has {listed(frame)}")
        weights = numbers_of(frame, weight, source).fill_null(0.0)
    elif rating is not None and min_rating is not None:
        weights = (numbers_of(frame, rating, source) >= min_rating).fill_null(value=False).cast(pl.Float64)
        low = int((weights == 0).sum())
        story.append(f"{low:,} of them are rated below {min_rating:g}: not what the user likes, and not answered")
    rows = pl.DataFrame({"user_id": as_text(frame[user], source), "items": frame[item], "weights": weights})
    if _is_list(frame, item):
        rows = rows.with_columns(_or_null("items")).explode("items")
    rows = rows.with_columns(as_text(rows["items"], source).alias("items"))
    named = rows.filter((pl.col("user_id").str.len_chars() > 0).fill_null(value=False))
    if lost := rows.height - named.height:
        story.append(f"dropped {lost:,} rows without a user")
    if not named.height:
        raise DataError(f"{source}: no row names a user")
    # An item that comes twice counts by its best rating, as in training.
    once = named.group_by("user_id", "items", maintain_order=True).agg(pl.col("weights").max())
    known = pl.col("items").is_not_null() & (pl.col("items").str.len_chars() > 0)
    users = once.group_by("user_id", maintain_order=True).agg(
        pl.col("items").filter(known), pl.col("weights").filter(known)
    )
    return Histories(users, story)


def _is_list(frame: pl.DataFrame, name: str) -> bool:
    return name in frame.columns and isinstance(frame[name].dtype, pl.List)


def _or_null(name: str) -> pl.Expr:
    """A list, or null where it is empty: a user without a history is a user still."""
    return pl.when(pl.col(name).list.len() > 0).then(pl.col(name))
