"""What is to be measured: data sets, protocols, systems, byte budgets and seeds, as a TOML file names them."""

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainer.baselines import SYSTEMS
from trainer.datasets import DATASETS
from trainer.errors import ConfigurationError
from trainer.interactions import PRESETS
from trainer.paper_split import LARGEST_SEED
from trainer.ratings import Ratings
from trainer.schedule import SCHEDULES

PROTOCOLS = ("clean", "paper")
BUDGETS = (1024, 512, 256, 128, 64)
SEARCH_BUDGET = 256  # where every system's settings are tried, or in the middle where this is not asked for
LARGEST_SEED_OF_ALL = 2**63 - 1  # torch's
NEEDS = {"elsa-sae": "dense-elsa"}  # the system that another one is made from
PAPER_TEST_USERS = {"goodbooks": 2_500, "ml-20m": 10_000, "netflix": 40_000}


@dataclass(frozen=True)
class Data:
    """A data set of the grid: where its ratings are, and how wide and how large its models and splits are."""

    ratings: Ratings
    dims: int | None = None
    """Width of Compressed ELSA at its start; None: as `fit` takes it."""
    test_users: int | None = None
    """Held out under the paper's protocol, and again for validation; None: as in the paper, or a tenth."""


@dataclass(frozen=True)
class Figure:
    """The paper's Figure 1: Compressed ELSA under other schedules and from other widths."""

    schedules: Sequence[str] = ()
    restart: Sequence[bool] = (False, True)
    widths: Sequence[int] = ()
    seeds: Sequence[int] = (1,)
    budgets: Sequence[int] = BUDGETS
    protocols: Sequence[str] = ("clean",)

    def variants(self) -> list[dict[str, Any]]:
        """What each of its lines changes of the defaults."""
        schedules = [{"schedule": name, "restart": restart} for name in self.schedules for restart in self.restart]
        return schedules + [{"dims": width} for width in self.widths]


@dataclass(frozen=True)
class Grid:
    data: Mapping[str, Data]
    protocols: Sequence[str] = ("clean",)
    systems: Sequence[str] = tuple(SYSTEMS)
    budgets: Sequence[int] = BUDGETS
    seeds: Sequence[int] = (1, 2, 3)
    figure: Figure = field(default_factory=Figure)


def search_budget(budgets: Sequence[int]) -> int:
    """Where settings are tried."""
    return SEARCH_BUDGET if SEARCH_BUDGET in budgets else sorted(budgets)[len(budgets) // 2]


def read_grid(path: Path, data_dir: Path) -> Grid:
    """Raises ConfigurationError naming the file and the key at fault."""
    try:
        with path.open("rb") as file:
            tables = tomllib.load(file)
    except OSError as error:
        raise ConfigurationError(f"--config {path}: it cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--config {path}: it is not TOML ({error})") from error
    return _Reader(path, data_dir).grid(tables)


class _Reader:
    """Turns parsed TOML into a grid, and says of what it does not understand where it stands."""

    def __init__(self, path: Path, data_dir: Path) -> None:
        self.path, self.data_dir = path, data_dir

    def grid(self, tables: dict[str, Any]) -> Grid:
        self._known(tables, "", ("data", "protocols", "systems", "budgets", "seeds", "figure"))
        data = tables.pop("data", None)
        if not isinstance(data, dict) or not data:
            raise self._error("data", "name at least one data set: [data.NAME] with dataset = … or file = …")
        figure = self._figure(self._table(tables.pop("figure", {}), "figure"))
        chosen = self._lists(tables, "")
        grid = Grid({name: self._data(name, self._table(table, f"data.{name}")) for name, table in data.items()},
                    figure=figure, **chosen)  # fmt: skip
        for system, base in NEEDS.items():
            if system in grid.systems and base not in grid.systems:
                raise self._error("systems", f"{system} is made from {base}; name both")
        most = LARGEST_SEED if "paper" in {*grid.protocols, *figure.protocols} else LARGEST_SEED_OF_ALL
        if max((*grid.seeds, *figure.seeds)) > most:
            raise self._error("seeds", f"a seed is at most {most} here")
        if figure.widths and min(figure.widths) < min(figure.budgets) // 8:
            raise self._error("figure.widths", f"{min(figure.widths)} dims hold no code of {min(figure.budgets)} bytes")
        return grid

    def _data(self, name: str, table: dict[str, Any]) -> Data:
        where = f"data.{name}"
        if not name or not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
            raise self._error(where, "a name is made of letters, digits, -, _ and .")
        words = ("file", "dataset", "preset", "user_col", "item_col", "rating_col", "separator")
        self._known(table, where, (*words, "min_rating", "min_items_per_user", "seed", "dims", "test_users"))
        for key in words:
            if not isinstance(table.get(key, ""), str):
                raise self._error(f"{where}.{key}", "must be text")
        if ("file" in table) == ("dataset" in table):
            raise self._error(where, "give either file = … or dataset = …")
        if table.get("dataset", "ml-1m") not in DATASETS:
            raise self._error(f"{where}.dataset", f"must be one of {', '.join(sorted(DATASETS))}")
        if table.get("preset", "movielens") not in PRESETS:
            raise self._error(f"{where}.preset", f"must be one of {', '.join(sorted(PRESETS))}")
        rating = table.pop("min_rating", None)
        if rating is not None and (isinstance(rating, bool) or not isinstance(rating, int | float)):
            raise self._error(f"{where}.min_rating", "must be a number")
        sizes = {key: self._count(table.pop(key), f"{where}.{key}") for key in ("dims", "test_users") if key in table}
        file = self._expanded(table.pop("file"), f"{where}.file") if "file" in table else None
        for key in ("min_items_per_user", "seed"):
            self._count(table.get(key, 1), f"{where}.{key}")
        ratings = Ratings(file=file, data_dir=self.data_dir, min_rating=rating, **table)
        usual = PAPER_TEST_USERS.get(ratings.dataset or "")
        return Data(ratings, **{"test_users": usual, **sizes})

    def _expanded(self, text: str, where: str) -> Path:
        """A path relative to the working folder; ${NAME} is an environment variable."""
        expanded = os.path.expandvars(text)
        if "$" in expanded:
            raise self._error(where, f"an environment variable of {text!r} is not set")
        return Path(expanded).expanduser()

    def _figure(self, table: dict[str, Any]) -> Figure:
        self._known(table, "figure", ("schedules", "restart", "widths", "seeds", "budgets", "protocols"))
        return Figure(**self._lists(table, "figure."))

    def _lists(self, table: dict[str, Any], prefix: str) -> dict[str, Any]:
        choices = {"protocols": PROTOCOLS, "systems": tuple(SYSTEMS), "schedules": tuple(SCHEDULES)}
        found: dict[str, Any] = {}
        for key, values in table.items():
            where = prefix + key
            if not isinstance(values, list) or not values:
                raise self._error(where, "must be a list of at least one")
            for value in values:
                if key in choices and value not in choices[key]:
                    raise self._error(where, f"{value!r} is none of {', '.join(choices[key])}")
                if key == "restart" and not isinstance(value, bool):
                    raise self._error(where, "must be true or false")
                if key in ("budgets", "seeds", "widths"):
                    self._count(value, where)
                if key == "budgets" and (value % 8 or not value):
                    raise self._error(where, f"{value} bytes: a non-zero takes 8, so a budget is a multiple of 8")
            if len({repr(value) for value in values}) < len(values):
                raise self._error(where, "names one twice")
            found[key] = tuple(values)
        return found

    def _count(self, value: object, where: str) -> int:
        least = 0 if where.endswith(("seed", "seeds")) else 2 if where.endswith(("dims", "widths")) else 1
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self._error(where, f"must be a whole number from {least} on")
        return value

    def _table(self, value: object, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._error(where, "must be a table")
        return dict(value)

    def _known(self, table: Mapping[str, Any], where: str, keys: Sequence[str]) -> None:
        for key in table:
            if key not in keys:
                raise self._error(f"{where}.{key}".strip("."), f"is not known here; known are {', '.join(keys)}")

    def _error(self, where: str, what: str) -> ConfigurationError:
        return ConfigurationError(f"--config {self.path}: {where}: {what}")
