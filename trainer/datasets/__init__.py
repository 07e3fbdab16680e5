"""Named data sets: where they come from, how they are verified, and their tables in one form."""

from collections.abc import Callable, Mapping
from pathlib import Path

from trainer.datasets import goodbooks, movielens, netflix, synthetic
from trainer.datasets.tables import Request, Say, Tables

__all__ = ["DATASETS", "Request", "Say", "Tables", "load"]

DATASETS: Mapping[str, Callable[[Request], Tables]] = {
    "goodbooks": goodbooks.load,
    "ml-100k": movielens.ml_100k,
    "ml-1m": movielens.ml_1m,
    "ml-20m": movielens.ml_20m,
    "netflix": netflix.load,
    "synthetic": lambda request: Tables(*synthetic.generate(request.seed)),
}


def load(name: str, data_dir: Path, say: Say, *, seed: int = 1, quiet: bool = False) -> Tables:
    """The tables of `name`, read from `data_dir`; what is missing there is downloaded into it, where that is possible.

    `say` hears what takes time; downloads also draw a bar on a terminal. `quiet` silences both. Raises DataError where
    no source could be reached, and where a file is damaged, malformed or not the published one.
    """
    return DATASETS[name](Request(data_dir, say if not quiet else lambda _: None, seed, quiet))
