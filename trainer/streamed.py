"""Ratings that are larger than memory: Parquet read some rows at a time, and interactions that lie in a file.

The result is that of `binarise`, to the bit. In memory are some rows, and all ids; pairs wait in files by ranges of
users, are sorted there one range after the other, and stay in a file that is mapped into memory. These files have no
names, so that nothing is left of them however the process ends.
"""

import errno
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from trainer.errors import ConfigurationError, DataError
from trainer.interactions import (
    Columns,
    Interactions,
    find_column,
    fingerprint,
    named,
    normalise,
    nothing_left,
    threshold_of,
)
from trainer.tables import listed, names_of, reading

LARGE_ROWS = 10_000_000  # of one file, from which on it is read in parts
_PART_ROWS = 2_000_000
_RANGE_ROWS = 8_000_000  # of a range of users, about
_COPIED_AT_ONCE = 2**24
_PARTS = ("user", "item", "rating")
_Pairs = NDArray[np.int64]


class _Seen(NamedTuple):
    """What a first pass knows of all rows."""

    n_rows: int
    n_named: int  # with a user and an item
    ratings: tuple[float | None, float | None] | None  # the least and the largest; None: there is no such column
    users: pl.Series  # ids, ascending
    items: pl.Series


class _Kept(NamedTuple):
    """Pairs of users and items by their numbers among all ids, users and their items ascending."""

    items: IO[bytes]  # int32
    users: _Pairs  # who is kept
    counts: _Pairs  # (n_users,) items of each
    of_items: _Pairs  # users of each item there is
    n_repeated: int
    n_few: int  # users with too few items,
    n_of_few: int  # and rows of theirs


def is_large(path: Path) -> bool:
    """Whether a table is better read here: a folder, or a Parquet file of many rows. Raises DataError."""
    if not _is_parquet(path):
        return path.is_dir()
    return _height(path) > LARGE_ROWS


def read_streamed(
    path: Path, columns: Columns, *, min_rating: float | None = None, min_items_per_user: int = 5
) -> Interactions:
    """Of a folder of Parquet files, or of one, what `read_interactions` gives of all their rows.

    Raises DataError naming the file and what is wrong with it, ConfigurationError where the temporary folder is full.
    """
    files, source = _files(path), str(path)
    stamps = _stamps(files)
    with _room(), ExitStack() as opened:
        fractions = _fractions(files, columns)
        seen = _first_pass(_parts(files, columns, fractions))
        story = [f"read {seen.n_rows:,} rows of {source}"]
        _tell(story, seen.n_rows - seen.n_named, "without a user or an item")
        if not seen.n_named:
            raise nothing_left(source, story, min_items_per_user)
        threshold = threshold_of(seen.ratings, min_rating, source)
        ranges = [_file(opened) for _ in range(-(-seen.n_named // _RANGE_ROWS))]
        for frame in _parts(files, columns, fractions):
            _deal_out(frame, ranges, seen, threshold, source)
        if _stamps(files) != stamps:
            raise _changed(source)
        n_positive = sum(file.tell() for file in ranges) // 8
        if threshold is not None:
            _tell(story, seen.n_named - n_positive, f"rated below {threshold:g} or not at all")
        kept = _sorted(ranges, _file(opened), len(seen.items), min_items_per_user)
        _tell(story, kept.n_repeated, "that repeat a user and an item")
        _tell(story, kept.n_of_few, f"of {kept.n_few:,} users with fewer than {min_items_per_user} items")
        if not len(kept.users):
            raise nothing_left(source, story, min_items_per_user)
        item_ids = seen.items.filter(pl.Series(kept.of_items > 0)).to_list()
        user_ids = seen.users.gather(kept.users).to_list()
        matrix = _matrix(kept, _file(opened), len(item_ids))
    story.append(f"kept {matrix.nnz:,} interactions of {len(user_ids):,} users with {len(item_ids):,} items")
    return Interactions(matrix, user_ids, item_ids, fingerprint(matrix, user_ids, item_ids), threshold, story)


def _tell(story: list[str], lost: int, why: str) -> None:
    if lost:
        story.append(f"dropped {lost:,} rows {why}")


# ------------------------------------------------------------ rows


def _files(path: Path) -> list[Path]:
    """The Parquet files, by name; what begins with a dot or an underscore is of who wrote them."""
    if path.is_file():
        return [path]
    found = sorted(one for one in path.iterdir() if one.name[0] not in "._")
    if other := [one.name for one in found if not _is_parquet(one)]:
        raise DataError(f"{path}: {other[0]!r} is no Parquet file; put nothing else into the folder")
    if not found:
        raise DataError(f"{path}: there is no Parquet file in this folder")
    return found


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == ".parquet" and path.is_file()


def _stamps(files: list[Path]) -> list[tuple[int, ...]]:
    """What changes when a file does."""
    found: list[tuple[int, ...]] = []
    for path in files:
        with _parquet(path):
            about = path.stat()
        found.append((about.st_ino, about.st_size, about.st_mtime_ns))
    return found


def _changed(source: str) -> DataError:
    return DataError(f"{source}: it has changed while it was read; try again when nobody writes to it")


def _tables(files: list[Path], columns: Columns) -> Iterator[tuple[Path, pl.LazyFrame, Columns]]:
    """Each file's columns that matter, and which is which. Raises DataError."""
    had: tuple[Path, list[str]] | None = None
    for path in files:
        with _parquet(path):
            written = pl.scan_parquet(path)
            head = written.head(0).collect()
        names = head.columns
        head.columns = names_of(names, str(path))
        found = {part: find_column(head, part, getattr(columns, part), str(path)) for part in _PARTS}
        if columns.timestamp is not None:
            find_column(head, "timestamp", columns.timestamp, str(path))
        wanted = [name for name in found.values() if name is not None]
        if had is not None and had[1] != wanted:
            raise DataError(
                f"{path}: it has {listed(head)}, where {had[0].name} has {', '.join(had[1])}; make them alike"
            )
        had = had or (path, wanted)
        yield path, written.rename(dict(zip(names, head.columns, strict=True))).select(wanted), Columns(**found)


def _fractions(files: list[Path], columns: Columns) -> set[str]:
    """Columns of ids with a number that is not whole, in any file."""
    found = set()
    for path, table, parts in _tables(files, columns):
        with _parquet(path):
            schema = table.collect_schema()
            of_floats = [str(name) for name in (parts.user, parts.item) if schema[str(name)].is_float()]
            for name in of_floats:
                whole = table.select((pl.col(name).drop_nulls() % 1 == 0).all()).collect(engine="streaming")
                found |= set() if whole.item() else {name}
    return found


def _parts(files: list[Path], columns: Columns, fractions: set[str]) -> Iterator[pl.DataFrame]:
    """Some rows at a time, as `normalise` gives them where ids may be `fractions`. Raises DataError."""
    for path, table, found in _tables(files, columns):
        texts = pl.col(list(fractions)).cast(pl.String)
        for first in range(0, _height(path), _PART_ROWS):
            with _parquet(path):
                frame = table.slice(first, _PART_ROWS).collect().with_columns(texts)
            yield normalise(frame, found, str(path), first)


@contextmanager
def _parquet(path: Path) -> Iterator[None]:
    try:
        with reading(str(path)):
            yield
    except (OSError, pl.exceptions.PanicException) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        raise DataError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from error


def _height(path: Path) -> int:
    with _parquet(path):
        return int(pl.scan_parquet(path).select(pl.len()).collect().item())


def _first_pass(parts: Iterator[pl.DataFrame]) -> _Seen:
    n_rows = n_named = 0
    ids = {name: pl.Series(name, [], pl.String) for name in ("user_id", "item_id")}
    waiting: dict[str, list[pl.Series]] = {name: [] for name in ids}
    extremes: list[float] = []
    rated = False
    for frame in parts:
        kept = frame.filter(named())
        n_rows, n_named = n_rows + frame.height, n_named + kept.height
        if rated := "rating" in kept.columns:
            extremes += [value for value in (kept["rating"].min(), kept["rating"].max()) if isinstance(value, float)]
        for name, found in waiting.items():
            found.append(kept[name].unique())
            if sum(map(len, found)) > max(len(ids[name]), _PART_ROWS):
                ids[name] = pl.concat([ids[name], *found]).unique()
                found.clear()
    users, items = (pl.concat([ids[name], *waiting[name]]).unique().sort() for name in ids)
    ratings = (min(extremes, default=None), max(extremes, default=None)) if rated else None
    return _Seen(n_rows, n_named, ratings, users, items)


# ------------------------------------------------------------ pairs


def _deal_out(frame: pl.DataFrame, ranges: list[IO[bytes]], seen: _Seen, threshold: float | None, source: str) -> None:
    """Writes rows that count as (user, item), int32, into the file of the user's range."""
    kept = frame.filter(named())
    if threshold is not None:
        kept = kept.filter(pl.col("rating") >= threshold)
    numbers = []
    for name, ids in (("user_id", seen.users), ("item_id", seen.items)):
        table = ids.to_frame(name).with_row_index("number")
        found = kept.select(name).join(table, on=name, how="left", maintain_order="left")["number"]
        if found.null_count():
            raise _changed(source)
        numbers.append(found.to_numpy())
    pairs = np.column_stack(numbers).astype(np.int32)
    place = pairs[:, 0].astype(np.int64) * len(ranges) // len(seen.users)
    pairs = pairs[np.argsort(place, kind="stable")]
    ends = np.searchsorted(np.sort(place), np.arange(len(ranges) + 1))
    for number, file in enumerate(ranges):
        file.write(pairs[ends[number] : ends[number + 1]].tobytes())


def _sorted(ranges: list[IO[bytes]], items: IO[bytes], n_items: int, least: int) -> _Kept:
    """Each pair once, of users with at least `least` items, which go into the file `items`."""
    users, counts = [], []
    of_items = np.zeros(n_items, np.int64)
    n_repeated = n_few = n_of_few = 0
    for file in ranges:
        file.seek(0)
        pairs = np.frombuffer(file.read(), np.int32).reshape(-1, 2).astype(np.int64)
        file.close()
        single = np.unique(pairs[:, 0] * n_items + pairs[:, 1])
        n_repeated += len(pairs) - len(single)
        found, of_each = np.unique(single // n_items, return_counts=True)
        enough = of_each >= least
        n_few, n_of_few = n_few + int((~enough).sum()), n_of_few + int(of_each[~enough].sum())
        kept = (single % n_items)[np.repeat(enough, of_each)]
        of_items += np.bincount(kept, minlength=n_items)
        items.write(kept.astype(np.int32).tobytes())
        users.append(found[enough])
        counts.append(of_each[enough])
    return _Kept(items, np.concatenate(users), np.concatenate(counts), of_items, n_repeated, n_few, n_of_few)


def _matrix(kept: _Kept, in_file: IO[bytes], n_items: int) -> "sp.csr_matrix[np.float32]":
    """Items numbered among those that are kept; indices and ones in files."""
    final = (np.cumsum(kept.of_items > 0) - 1).astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(kept.counts)])
    n = int(starts[-1])
    kept.items.flush()
    indices, ones = np.memmap(kept.items, np.int32, "r+", shape=n), np.memmap(in_file, np.float32, "w+", shape=n)
    for first in range(0, n, _COPIED_AT_ONCE):
        part = slice(first, first + _COPIED_AT_ONCE)
        indices[part], ones[part] = final[indices[part]], 1
    kind = np.int32 if n <= np.iinfo(np.int32).max else np.int64
    return sp.csr_matrix((ones, indices, starts.astype(kind)), shape=(len(kept.counts), n_items))


def _file(opened: ExitStack) -> IO[bytes]:
    """One without a name; what is mapped of it stays when it is closed."""
    return opened.enter_context(tempfile.TemporaryFile())


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ConfigurationError(
            f"{tempfile.gettempdir()}: no room is left, and up to 16 bytes a row are needed while a table is read "
            "in parts; name a larger folder with TMPDIR"
        ) from error
