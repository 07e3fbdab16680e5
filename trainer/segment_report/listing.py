"""The list of an artifact's segments: sizes, shares and best-known titles, as a table or as plain values."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from index.model import Model
from trainer.summary import printable

LONGEST_TITLE = 40
_TITLES, _LONGEST_LABEL = 3, 40
_SHORTEST_TITLE, _BETWEEN = 12, " · "
_WIDE = 200  # columns, where the terminal does not say how wide it is


@dataclass(frozen=True)
class Listed:
    """One segment. What there is nothing to say of is None."""

    segment_id: str
    label: str
    items: int
    guests: int | None  # the artifact is older than guests
    items_share: float  # of all items
    popularity_share: float | None  # of the sum of all items' popularity
    best_known: list[dict[str, str | None]]  # item_id and title


def listed(model: Model, n_titles: int) -> list[Listed]:
    """All segments in their order, each with its `n_titles` best-known items."""
    segments, popularity = model.segments, model.popularity.astype(np.float64)
    whole = float(popularity.sum())
    guests = None if segments.guests is None else np.diff(segments.guests.starts)
    found = []
    for row in range(len(segments)):
        members = segments.members(row)
        found.append(
            Listed(
                segments.ids[row],
                segments.labels[row],
                len(members),
                None if guests is None else int(guests[row]),
                len(members) / model.embedding.n_items,
                float(popularity[members].sum()) / whole if whole else None,
                [
                    {"item_id": model.vocabulary.item_id(item), "title": model.catalog.title(item)}
                    for item in best_known(model, members)[:n_titles]
                ],
            )
        )
    return found


def best_known(model: Model, rows: NDArray[np.integer]) -> NDArray[np.integer]:
    """These items, the most popular first, ties by row."""
    return rows[np.lexsort((rows, -model.popularity[rows].astype(np.float64)))]


def names(items: Sequence[Mapping[str, str | None]], longest: int = LONGEST_TITLE) -> str:
    """Titles, or ids where there are none, for a terminal."""
    return _BETWEEN.join(shortened(item["title"] or item["item_id"], longest) for item in items)


def shortened(text: object, longest: int = LONGEST_TITLE) -> str:
    shown = printable(text)
    return shown if len(shown) <= longest else shown[: longest - 1].rstrip() + "…"


def table(model: Model) -> str:
    """The list for a terminal."""
    rows = listed(model, _TITLES)
    n_items, n_within = model.embedding.n_items, int(model.segments.sizes.sum())
    title = f"{counted(len(rows), 'segment')} of {n_within:,} of {counted(n_items, 'item')}"
    if not rows:
        return title
    ids = max(len("id"), *(len(printable(row.segment_id)) for row in rows))
    label = max(len("label"), *(len(shortened(row.label, _LONGEST_LABEL)) for row in rows))
    header = f"{'id':>{ids}}  {'label':{label}}  items  guests  of items  popularity  "
    left = shutil.get_terminal_size((_WIDE, 1)).columns - len(header)
    longest = max(left // _TITLES - len(_BETWEEN), _SHORTEST_TITLE)
    lines = [
        f"{printable(row.segment_id):>{ids}}  {shortened(row.label, _LONGEST_LABEL):{label}}  {row.items:5,}  "
        f"{'–' if row.guests is None else format(row.guests, ','):>6}  {percent(row.items_share):>8}  "
        f"{percent(row.popularity_share):>10}  {names(row.best_known, min(longest, LONGEST_TITLE))}"
        for row in rows
    ]
    legend = "guests: items of other segments that its shelf may show; popularity: its items' share of all items'"
    return "\n".join([title, "", f"{header}best-known items", *lines, "", legend])


def facts(model: Model, n_titles: int = _TITLES) -> list[dict[str, object]]:
    """The list for programs."""
    return [asdict(row) for row in listed(model, n_titles)]


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
