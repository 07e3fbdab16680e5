"""A report on an artifact's segments: segments.md, segments.json and plots, for a person to judge them by."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from index.artifact import Artifact
from index.taste import History
from trainer.experiment.facts import rounded
from trainer.experiment.markdown import MISSING, number, plain, table
from trainer.replaced_file import replace_file
from trainer.segment_report.coherence import coherence
from trainer.segment_report.coverage import BANDS, SHELVES, Coverage, coverage
from trainer.segment_report.listing import Listed, counted, listed, percent, shortened
from trainer.segment_report.sample_user import SampleUser, made_up, sample_users
from trainer.segment_report.segment_map import MOST, segment_map

MARKDOWN, JSON, PLOTS = "segments.md", "segments.json", "plots"
_TITLES, _WEAKEST = 5, 10
_NO_PLOTS = "The plots need matplotlib, which is not installed: `pip install matplotlib` (the extra `report`)."
_COHERENCE = """*Mean code* is the mean cosine of a segment's items with its mean code, which falls with their number
(1/√items where they have nothing in common); *two items* is the mean cosine of two of them, which does not. *Signs* is
the share of the items' weights on the segment's dims that have its sign. The weakest by *two items* are worth a look; a
low value may also be a broad subject."""
_USERS = """A bar is what a history adds up to in a dim, the whole profile being 1 long. It has the colour of the
recommended segment with this dim and sign. Triangles are where a segment's own value lies, up where its sign is plus,
down where it is minus. A segment's score is the cosine of profile and segment."""


class SegmentReport:
    """All that is written of one artifact; `histories` are users to show, by name."""

    def __init__(self, artifact: Artifact, histories: Iterable[tuple[str, History]] | None = None) -> None:
        self._artifact, self._model = artifact, artifact.model
        model, n = self._model, len(self._model.segments)
        self._listed = listed(model, _TITLES)
        self._coverage, self._coherence = coverage(model), coherence(model)
        self._map = segment_map(self._coherence.centres[:MOST]) if n > 1 else None
        self._users = sample_users(model, artifact.version, made_up(model) if histories is None else histories)

    def write(self, folder: Path) -> Path:
        """Writes each file in one step, those that name others last; returns the Markdown's path. Raises OSError."""
        drawn = self._draw()
        (folder / PLOTS).mkdir(parents=True, exist_ok=True)
        for name, content in (drawn or {}).items():
            replace_file(folder / PLOTS / name, content)
        replace_file(folder / JSON, (json.dumps(self.facts(), indent=1, ensure_ascii=False) + "\n").encode())
        replace_file(folder / MARKDOWN, (self._text(drawn) + "\n").encode())
        return folder / MARKDOWN

    def _draw(self) -> dict[str, bytes] | None:
        """SVG files by their name; None where matplotlib is absent."""
        try:
            from trainer.segment_report.plots import plots  # noqa: PLC0415  optional
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "matplotlib":
                raise
            return None
        found = plots(self._model, self._coverage, self._coherence, self._map, self._users)
        return {f"{name}.svg": content for name, content in found.items()}

    # ------------------------------------------------------------ for programs

    def facts(self) -> dict[str, object]:
        coherent, segments = self._coherence, self._model.segments
        listing = [
            {
                **vars(row),
                "cosine": rounded(float(coherent.cosines[place])),
                "pair_cosine": rounded(float(coherent.pairs[place])),
                "sign_purity": rounded(float(coherent.purity[place])),
                "signed_dims": segments.signed_dims(place),
                "position": self._position(place),
            }
            for place, row in enumerate(self._listed)
        ]
        return {
            "version": self._artifact.version,
            **self._coverage.facts(),
            "weakest": [segments.ids[row] for row in coherent.weakest(_WEAKEST)],
            "map_neighbours_kept": rounded(self._map.neighbours_kept) if self._map else None,
            "users": [self._user(user) for user in self._users],
            "segments": listing,
        }

    def _position(self, place: int) -> list[float] | None:
        if self._map is None or place >= len(self._map.positions):
            return None
        return [round(float(value), 4) for value in self._map.positions[place]]

    def _user(self, user: SampleUser) -> dict[str, object]:
        segments = self._model.segments
        return {
            "name": user.name,
            "items_known": user.n_known,
            "best_known": user.titles,
            "source": user.source,
            "segments": [
                {"segment_id": segments.ids[row], "label": segments.labels[row], "score": rounded(score)}
                for row, score in user.segments
            ],
        }

    # ------------------------------------------------------------ for people

    def _text(self, drawn: Mapping[str, bytes] | None) -> str:
        def plot(name: str, what: str) -> list[str]:
            return [f"![{what}]({PLOTS}/{name}.svg)"] if drawn and f"{name}.svg" in drawn else []

        kept = self._map.neighbours_kept if self._map else None
        map_note = "" if kept is None else f" Of each segment's five closest, the map keeps {kept:.0%} beside it."
        parts = [f"# The segments of {plain(self._artifact.version)}"]
        parts += [] if drawn is not None else [_NO_PLOTS]
        parts += ["## Sizes", _sizes(self._coverage), *plot("sizes", "items of each segment, the largest first")]
        parts += ["## Popular and rare items", _popular(self._coverage)]
        parts += plot("coverage", "share of the items of each tenth by popularity that lie in a segment")
        if self._listed:
            parts += ["## Coherence", _COHERENCE, *plot("coherence", "mean cosine and sign purity against size")]
            parts += ["The weakest:", self._weakest()]
        if drawn and "map.svg" in drawn:
            shown = f"The first {MOST:,} segments." if len(self._listed) > MOST else "All segments."
            parts += ["## Map", f"{shown} Circles are as large as segments have items.{map_note}"]
            parts += plot("map", "segments in a plane, close where their codes are alike")
        if self._users:
            parts += ["## Whom they suit", _USERS]
            for place, user in enumerate(self._users, start=1):
                parts += [f"### {plain(user.name)}", self._answered(user), *plot(f"user-{place}", "activations by dim")]
        parts += ["## All segments", _all(self._listed)] if self._listed else []
        return "\n\n".join(part for part in parts if part)

    def _weakest(self) -> str:
        coherent = self._coherence
        cells = [
            [
                *_named(self._listed[place], 3),
                f"{self._listed[place].items:,}",
                number(float(coherent.cosines[place]), 3),
                number(float(coherent.pairs[place]), 3),
                percent(rounded(float(coherent.purity[place]))),
            ]
            for place in coherent.weakest(_WEAKEST)
        ]
        header = ["id", "label", "best-known items", "items", "mean code", "two items", "signs"]
        return table(header, cells, left=3)

    def _answered(self, user: SampleUser) -> str:
        segments = self._model.segments
        known = f"{counted(user.n_known, 'known item')}: {' · '.join(map(plain, user.titles))}"
        by = "Best segments:" if user.source == "profile" else "Nothing is known of their taste. By popularity:"
        lines = [
            f"{place}. {plain(segments.labels[row])} ({plain(segments.ids[row])}), {number(score, 3)}"
            for place, (row, score) in enumerate(user.segments, start=1)
        ]
        return "\n\n".join([*([known] if user.titles else []), by, "\n".join(lines)])


def _sizes(covered: Coverage) -> str:
    sizes, n_items = covered.sizes, covered.n_items
    if not len(sizes):
        return f"There are no segments; {n_items:,} items."
    within = f"{covered.n_within:,} of {n_items:,} items ({covered.n_within / n_items:.1%})"
    lines = [
        f"- {counted(len(sizes), 'segment')} with {within}",
        f"- smallest, median, largest: {sizes.min():,}, {np.median(sizes):,.10g}, {sizes.max():,} items; "
        f"the largest has {sizes.max() / n_items:.1%} of all",
    ]
    for least in SHELVES:
        count, share = covered.at_least(least)
        lines.append(f"- of {least} items and more: {counted(count, 'segment')} with {share:.1%} of the items")
    return "\n".join(lines)


def _popular(covered: Coverage) -> str:
    if covered.by_popularity is None:
        return "Nothing is known of the items' popularity."
    rows = [
        [f"{place}", *(f"{share:.1%}" for share in tenth)]
        for place, tenth in enumerate(covered.by_popularity.tolist(), start=1)
    ]
    said = (
        f"Items of segments have {percent(covered.attention)} of all popularity. Tenths of the items, best known first:"
    )
    return f"{said}\n\n{table(['tenth', *BANDS], rows)}"


def _all(rows: Sequence[Listed]) -> str:
    header = ["id", "label", "best-known items", "items", "guests", "of items", "popularity"]
    cells = [
        [
            *_named(row, _TITLES),
            f"{row.items:,}",
            MISSING if row.guests is None else f"{row.guests:,}",
            percent(row.items_share),
            percent(row.popularity_share),
        ]
        for row in rows
    ]
    return table(header, cells, left=3)


def _named(row: Listed, n_titles: int) -> list[str]:
    """The cells that say which segment it is."""
    titles = " · ".join(plain(shortened(item["title"] or item["item_id"])) for item in row.best_known[:n_titles])
    return [plain(row.segment_id), plain(row.label), titles]
