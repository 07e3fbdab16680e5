"""An items file to a Catalog: titles, and attributes with their types found or told."""

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from index.arrays import MOST_ATTRIBUTES
from index.catalog import Catalog, CategoryColumn, Column, LinkColumn, ListColumn, NumberColumn
from index.vocabulary import Strings
from trainer.errors import ConfigurationError, DataError
from trainer.tables import as_text, listed, place_of, reading

_USUAL_IDS = (
    "item_id",
    "itemId",
    "item",
    "movie_id",
    "movieId",
    "book_id",
    "product_id",
    "article_id",
    "track_id",
    "id",
)
_USUAL_TITLES = ("title", "movie_title", "name", "product_name", "original_title", "book_title", "primary")
_LIST_MARKS = ("|", ";", ",")
_BRACKETED = r"^\s*\[.*\]\s*$"  # a list as Python or JSON writes it: ['Card Game', "Children's Game"]
TYPES = ("number", "category", "list", "link", "skip")


@dataclass(frozen=True)
class ItemColumns:
    """How to read an items file; None and what is not named in `types` is found out."""

    item: str | None = None
    title: str | None = None
    types: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReadCatalog:
    catalog: Catalog
    story: list[str]


def without_items_file(n_items: int) -> Catalog:
    return Catalog(Strings.pack([""] * n_items))


def read_catalog(frame: pl.DataFrame, item_ids: Sequence[str], columns: ItemColumns, source: str) -> ReadCatalog:
    """The rows of `frame` in the order of `item_ids`; what the file does not know stays empty.

    Raises DataError where no column names the item, ConfigurationError for a column or type that is not there.
    """
    with reading(source):
        return _read(frame, item_ids, columns, source)


def items_of(frame: pl.DataFrame, columns: ItemColumns, source: str) -> list[str]:
    """The ids that an items file has, each once, in its order. Raises DataError where no column names the item."""
    with reading(source):
        ids = as_text(frame[_id_column(frame, columns, source)], source)
    return ids.filter(ids.str.len_chars() > 0).unique(maintain_order=True).to_list()


def _id_column(frame: pl.DataFrame, columns: ItemColumns, source: str) -> str:
    found = columns.item or next((name for name in _USUAL_IDS if name in frame.columns), None)
    if found is None or found not in frame.columns:
        raise DataError(f"{source}: which column is the item? It has {listed(frame)}; say so with --items-id-col")
    return found


def _read(frame: pl.DataFrame, item_ids: Sequence[str], columns: ItemColumns, source: str) -> ReadCatalog:
    id_column = _id_column(frame, columns, source)
    for name in [*columns.types, *([columns.title] if columns.title else [])]:
        if name not in frame.columns:
            raise ConfigurationError(f"{source}: no column {name!r}; it has {listed(frame)}")
    title_column = columns.title or next((name for name in _USUAL_TITLES if name in frame.columns), None)
    keyed = frame.with_columns(as_text(frame[id_column], source).alias("_item_id")).drop_nulls("_item_id")
    once = keyed.unique("_item_id", keep="first", maintain_order=True)
    wanted = pl.DataFrame({"_item_id": item_ids}, schema={"_item_id": pl.String})
    aligned = wanted.join(
        once.with_columns(pl.lit(value=True).alias("_known")), on="_item_id", how="left", maintain_order="left"
    )
    known = aligned["_known"].fill_null(value=False)
    story = [f"read {frame.height:,} rows of {source}; they describe {known.sum():,} of the {len(item_ids):,} items"]
    if repeats := keyed.height - once.height:
        story.append(f"dropped {repeats:,} rows that repeat an item; its first row counts")
    attributes: dict[str, Column] = {}
    skipped: list[str] = []
    for name in frame.columns:
        if name in (id_column, title_column) or not name:  # a column without a name numbers the rows
            continue
        kind = columns.types.get(name) or infer_type(aligned[name])
        if kind == "skip":
            skipped.append(name)
        else:
            if kind == "number":
                _check_numbers(frame, name, source)
            attributes[name] = _column(aligned[name], kind, source)
    if len(attributes) > MOST_ATTRIBUTES:
        raise ConfigurationError(
            f"{source}: {len(attributes)} attributes; up to {MOST_ATTRIBUTES} can be served. "
            "Leave columns out of the file, or skip some with --attribute NAME=skip"
        )
    if attributes:
        story.append("attributes: " + ", ".join(f"{name} ({column.kind})" for name, column in attributes.items()))
    if skipped:
        story.append(
            f"left out as free text or all different: {', '.join(skipped)}; --attribute NAME=TYPE takes one in"
        )
    return ReadCatalog(Catalog(_titles(aligned, title_column), attributes), story)


def infer_type(column: pl.Series) -> str:
    """number, link, list, category, or skip for free text and for values that are nearly all different."""
    values = column.drop_nulls()
    if column.dtype.is_numeric():
        return "number"
    if isinstance(column.dtype, pl.List):
        return "list"
    if column.dtype != pl.String or not len(values):
        return "skip"
    if values.cast(pl.Float64, strict=False).null_count() == 0:
        return "number"
    if bool(values.str.contains(r"^https?://\S+$").all()):
        return "link"
    if bool(values.str.contains(_BRACKETED).all()) or _list_mark(values) is not None:
        return "list"
    few = values.n_unique() <= len(values) / 2
    return "category" if few and _mean_length(values) <= 60 else "skip"


def _list_mark(values: pl.Series) -> str | None:
    """The mark between the parts of lists: one in use whose parts come back often enough to be categories."""
    if bool(values.str.contains("\n", literal=True).any()):
        return None
    for mark in _LIST_MARKS:
        n_marked = values.str.contains(mark, literal=True).sum()
        parts = values.str.split(mark).explode().str.strip_chars()
        if n_marked >= 0.05 * len(values) and parts.n_unique() <= len(parts) / 1.5 and _mean_length(parts) <= 40:
            return mark
    return None


def _mean_length(texts: pl.Series) -> float:
    return float(texts.str.len_chars().sum()) / max(len(texts), 1)


def _column(values: pl.Series, kind: str, source: str) -> Column:
    match kind:
        case "number":
            numbers = values.cast(pl.Float64, strict=False)
            return NumberColumn(numbers.fill_null(float("nan")).to_numpy().astype(np.float64))
        case "category":
            text = as_text(values, source)
            codes, categories = _coded(text)
            return CategoryColumn(codes, categories)
        case "list":
            lists = _lists(values)
            lengths = lists.list.len().fill_null(0).to_numpy().astype(np.int64)
            flat = lists.list.drop_nulls().explode().drop_nulls()
            codes, categories = _coded(flat)
            return ListColumn(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), codes, categories)
        case "link":
            return LinkColumn(Strings.pack(as_text(values, source).fill_null("").to_list()))
        case _:
            raise ConfigurationError(f"{kind!r} is not a type of attribute; choose from {', '.join(TYPES)}")


def _check_numbers(frame: pl.DataFrame, name: str, source: str) -> None:
    """Raises DataError naming the first line whose value is no number."""
    wrong = frame[name].cast(pl.Float64, strict=False).is_null() & frame[name].is_not_null()
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise DataError(
            f"{source}, {place_of(frame, row, source)}: {name!r} is {str(frame[name][row])[:40]!r}, "
            "which is no number; mend it or give the column another --attribute type"
        )


def _lists(values: pl.Series) -> pl.Series:
    if not isinstance(values.dtype, pl.List):
        text = values.cast(pl.String)
        if bool(text.drop_nulls().str.contains(_BRACKETED).all()):
            return _unique(pl.Series(values.name, [written_list(one) for one in text], pl.List(pl.String)))
        in_use = (mark for mark in _LIST_MARKS if text.str.contains(mark, literal=True).any())
        values = text.str.split(_list_mark(text.drop_nulls()) or next(in_use, ","))
    return _unique(values.cast(pl.List(pl.String)))


def written_list(text: str | None) -> list[str] | None:
    """The parts of a list as Python or JSON writes it; of records their names; without quotes, what commas part."""
    if text is None:
        return None
    for read in (json.loads, ast.literal_eval):  # neither runs code
        try:
            parts = read(text.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(parts, list):
            names = [part.get("name") if isinstance(part, dict) else part for part in parts]
            return [str(name) for name in names if isinstance(name, str | int | float)]
    return text.strip()[1:-1].split(",")


def _unique(lists: pl.Series) -> pl.Series:
    """Lists without empty, missing and repeated parts."""
    stripped = lists.list.eval(pl.element().str.strip_chars())
    unique = stripped.list.eval(pl.element().filter(pl.element().str.len_chars() > 0)).list.unique(maintain_order=True)
    return unique.list.drop_nulls()


def _coded(text: pl.Series) -> tuple[np.ndarray[tuple[int], np.dtype[np.int32]], Strings]:
    categories = text.drop_nulls().unique().sort().to_list()
    code_of = {category: code for code, category in enumerate(categories)}
    codes = np.fromiter((code_of.get(value, -1) for value in text), np.int32, len(text))
    return codes, Strings.pack(categories)


def _titles(aligned: pl.DataFrame, title_column: str | None) -> Strings:
    if title_column is None:
        return Strings.pack([""] * aligned.height)
    titles = aligned[title_column]
    if isinstance(titles.dtype, pl.List):  # RecBole's token_seq
        titles = titles.list.join(" ")
    return Strings.pack(re.sub(r"\s+", " ", title or "").strip() for title in titles.cast(pl.String))
