"""What was measured of one data set under one protocol: which systems, budgets and seeds, how good and how sure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from trainer.errors import DataError
from trainer.experiment.compare import Column, Interval, Resampled, resample
from trainer.experiment.results import PER_USER, Cell, Measurement, Results

TITLES = {  # in the order of the tables
    "popular": "Popularity",
    "item-knn": "Item-kNN",
    "ease": "EASE",
    "pruned-ease": "Pruned EASE",
    "dense-elsa": "ELSA (dense)",
    "low-dim-elsa": "Low-dimensional ELSA",
    "elsa-sae": "ELSA + SAE",
    "compressed-elsa": "Compressed ELSA",
    "sparseshelf": "sparseshelf",
}
FIGURED = "compressed-elsa"  # what Figure 1 is of
METRIC_TITLES = {"ndcg@100": "nDCG@100", "recall@20": "Recall@20", "recall@50": "Recall@50"}
SCHEDULE_TITLES = {"constant": "Constant", "linear": "Linear", "step": "Step-wise", "exponential": "Exponential"}

Item = TypeVar("Item")
Options = tuple[tuple[str, Any], ...]  # what Figure 1 changes, by name


class Entry(NamedTuple):
    """One number of a table: a system at a budget. Its name is what `write_report` takes in a pair."""

    system: str
    budget: int | None = None
    options: Options = ()

    @property
    def name(self) -> str:
        changed = "".join(f" {name}={value}" for name, value in self.options)
        return f"{self.system}{changed}" + ("" if self.budget is None else f"@{self.budget}")

    @property
    def title(self) -> str:
        changed = f", {options_title(self.options)}" if self.options else ""
        size = "" if self.budget is None else f", {self.budget:,} B"
        return TITLES.get(self.system, self.system) + changed + size


class Section:
    """The measurements of one data set under one protocol, looked up by Entry and seed."""

    def __init__(self, results: Results, measurements: Sequence[Measurement], title: str) -> None:
        self.title = title
        self.measurements = measurements
        self._results = results
        self._chosen: dict[Entry, dict[int, Measurement]] = {}
        for measurement in measurements:
            if measurement.chosen:
                entry = Entry(measurement.cell.system, measurement.budget, _options(measurement.cell))
                self._chosen.setdefault(entry, {})[measurement.cell.seed] = measurement  # the last one counts
        self._resampled: dict[tuple[int, ...], tuple[Resampled, dict[tuple[Entry, str], int]]] = {}

    @property
    def cell(self) -> Cell:
        """Any one: data, protocol and fingerprint are those of all."""
        return self.measurements[0].cell

    @property
    def entries(self) -> list[Entry]:
        """In the order of the tables: by system, then options, the largest budget first."""
        order = {system: place for place, system in enumerate(TITLES)}
        return sorted(
            self._chosen,
            key=lambda entry: (
                order.get(entry.system, len(order)),
                entry._replace(budget=None).name,
                -(entry.budget or 0),
            ),
        )

    @property
    def seeds(self) -> list[int]:
        return sorted({measurement.cell.seed for measurement in self.measurements})

    @property
    def budgets(self) -> list[int]:
        """Bytes an item in the tables, largest first; Figure 1 may have others."""
        return self.budgets_of([()])

    def budgets_of(self, variations: Iterable[Options]) -> list[int]:
        """Those that any of the variations of Figure 1 was measured at, largest first."""
        measured = set(variations)
        found = {entry.budget for entry in self._chosen if entry.budget is not None and entry.options in measured}
        return sorted(found, reverse=True)

    def sized(self) -> list[str]:
        """Systems that have a model for every budget."""
        return _unique(entry.system for entry in self.entries if entry.budget is not None and not entry.options)

    @property
    def ours(self) -> str:
        """What the others are compared with: what `fit` trains, or the paper's where that was not measured."""
        return "sparseshelf" if "sparseshelf" in self.sized() else FIGURED

    def full(self) -> list[str]:
        """Systems that have one model."""
        return _unique(entry.system for entry in self.entries if entry.budget is None and not entry.options)

    def variations(self, *, widths: bool) -> list[Options]:
        """What Figure 1 changes of Compressed ELSA: its width, or else its schedule."""
        found = {entry.options for entry in self._chosen if entry.options and entry.system == FIGURED}
        return sorted((options for options in found if ("dims" in dict(options)) == widths), key=_rank)

    def found(self, entry: Entry) -> list[Measurement]:
        """The results, one a seed; none where it was not measured."""
        by_seed = self._chosen.get(entry, {})
        return [by_seed[seed] for seed in sorted(by_seed)]

    def seeds_of(self, variations: Iterable[Options]) -> tuple[int, ...]:
        """Those that any of the variations of Figure 1 was measured on."""
        measured = set(variations)
        found = {seed for entry, by_seed in self._chosen.items() if entry.options in measured for seed in by_seed}
        return tuple(sorted(found))

    def mean(self, entry: Entry, metric: str, among: Sequence[int] | None = None) -> Interval | None:
        """Over the seeds that it was measured on, or those of them `among`. Raises DataError for lost values."""
        seeds = tuple(seed for seed in self._seeds(entry) if among is None or seed in among)
        if not seeds:
            return None
        resampled, columns = self._drawn(seeds)
        return resampled.mean(columns[entry, metric])

    def difference(self, ours: Entry, theirs: Entry, metric: str, *, relative: bool = False) -> Interval | None:
        """`ours` minus `theirs` on the seeds of both, or that as a share of `theirs`. None where there are none."""
        seeds = tuple(seed for seed in self._seeds(ours) if seed in self._seeds(theirs))
        if not seeds:
            return None
        resampled, columns = self._drawn(seeds)
        pair = columns[ours, metric], columns[theirs, metric]
        return resampled.relative(*pair) if relative else resampled.difference(*pair)

    def _seeds(self, entry: Entry) -> tuple[int, ...]:
        return tuple(sorted(self._chosen.get(entry, {})))

    def _drawn(self, seeds: tuple[int, ...]) -> tuple[Resampled, dict[tuple[Entry, str], int]]:
        """All that has these seeds is resampled at once: the draws are what takes time."""
        if seeds not in self._resampled:
            entries = [entry for entry, by_seed in self._chosen.items() if by_seed.keys() >= set(seeds)]
            columns = [(entry, metric) for entry in entries for metric in PER_USER]
            try:
                resampled = resample(self._columns(entries, seeds))
            except DataError as error:
                raise DataError(f"{self.title}: {error}") from error
            self._resampled[seeds] = resampled, {column: number for number, column in enumerate(columns)}
        return self._resampled[seeds]

    def _columns(self, entries: Sequence[Entry], seeds: Sequence[int]) -> Iterator[Column]:
        """Of each entry every metric; one entry's values are in memory at a time."""
        for entry in entries:
            values = [self._results.values(self._chosen[entry][seed]) for seed in seeds]
            for metric in PER_USER:
                yield values, metric


def sections(results: Results) -> list[Section]:
    """A section for every data set and protocol, and another where a folder holds other data or another width."""
    grouped: dict[tuple[str, str, str], list[Measurement]] = {}
    for measurement in results.measurements:
        cell = measurement.cell
        grouped.setdefault((cell.data, cell.protocol, cell.fingerprint), []).append(measurement)
    found = []
    for (data, protocol, fingerprint), measurements in grouped.items():
        title = f"{data}, protocol {protocol}"
        if sum(key[:2] == (data, protocol) for key in grouped) > 1:
            title += f", data {fingerprint[:12]}"
        found += _by_width(results, measurements, title)
    return found


def options_title(options: Options) -> str:
    """What a variation of Figure 1 is called in a table."""
    by_name = dict(options)
    words = []
    if "dims" in by_name:
        words.append(f"d = {by_name.pop('dims')}")
    if "schedule" in by_name:
        schedule = str(by_name.pop("schedule"))
        words.append(SCHEDULE_TITLES.get(schedule, schedule))
    if "restart" in by_name:
        words.append("with restart" if by_name.pop("restart") else "without restart")
    return " ".join(words + [f"{name} {value}" for name, value in by_name.items()])


def _by_width(results: Results, measurements: list[Measurement], title: str) -> list[Section]:
    widths = _unique(one.cell.dims for one in measurements if one.cell.dims and not one.cell.options)
    if len(widths) < 2:
        return [Section(results, measurements, title)]
    found = []
    for width in widths:
        # Figure 1's own widths stand beside the first, what has no width beside all.
        others = {0} if width != widths[0] else {0} | {one.cell.dims for one in measurements} - set(widths)
        chosen = [one for one in measurements if one.cell.dims in {width} | others]
        found.append(Section(results, chosen, f"{title}, {width} dims"))
    return found


def _options(cell: Cell) -> Options:
    return tuple(sorted(cell.options.items()))


def _rank(options: Options) -> tuple[int, int, bool, str]:
    """By width, then by the order of SCHEDULE_TITLES, with restart before without."""
    by_name = dict(options)
    width, schedule = by_name.get("dims"), str(by_name.get("schedule"))
    order = [*SCHEDULE_TITLES, schedule].index(schedule)
    return width if isinstance(width, int) else 0, order, not by_name.get("restart"), str(options)


def _unique(items: Iterable[Item]) -> list[Item]:
    return list(dict.fromkeys(items))
