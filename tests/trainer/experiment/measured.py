"""Folders of results as a grid leaves them, with numbers that look like those of the paper."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from math import log2
from pathlib import Path
from typing import Any

import numpy as np

from trainer.experiment.results import PER_USER, Cell, Measurement, Results, Values, append, keep_values

BUDGETS = (1024, 512, 256, 128, 64)
SIZED = {"pruned-ease": (0.458, 0.005), "low-dim-elsa": (0.27, 0.04), "elsa-sae": (0.408, 0.007)}
FULL = {"popular": (0.135, 4), "item-knn": (0.44, 40_000), "ease": (0.4824, 40_000), "dense-elsa": (0.4892, 13_000)}
SHAPE = {"ndcg@100": 1.0, "recall@20": 0.71, "recall@50": 0.99}


def values_of(level: float, seed: int, *, n_persons: int = 200, copies: int = 5, noise: int = 0) -> Values:
    """Test users' values around `level`: a person is good or bad for all systems, `noise` tells systems apart."""
    chosen = np.random.default_rng(seed).permutation(5 * n_persons)[:n_persons]
    users = np.tile(np.sort(chosen), copies).astype(np.int32)
    persons = np.random.default_rng(7).normal(0, 0.15, 5 * n_persons)[users]
    own = np.random.default_rng([noise, seed]).normal(0, 0.02, len(users))
    return Values(
        users,
        {metric: np.clip((level + persons + own) * SHAPE[metric], 0, 1).astype(np.float32) for metric in PER_USER},
    )


def write(
    folder: Path,
    cell: Cell,
    budget: int | None,
    values: Values,
    *,
    paper_bytes: int,
    stored_bytes: int | None = None,
    setting: Mapping[str, Any] | None = None,
    seconds: float = 1.0,
) -> None:
    """A setting that was tried, and then the result with its values."""
    means = {metric: float(found.mean()) for metric, found in values.metrics.items()}
    setting = setting or {}
    stored = paper_bytes if stored_bytes is None else stored_bytes
    tried = Measurement(
        cell=cell,
        budget=budget,
        setting={**setting, "regularisation": 100.0},
        validation=0.3,
        metrics=None,
        paper_bytes=paper_bytes,
        stored_bytes=stored,
        fit_seconds=seconds,
        peak_bytes=2**30,
        chosen=False,
    )
    append(folder, tried)
    name = f"{sha256(f'{cell.name} {budget}'.encode()).hexdigest()[:16]}.npz"
    keep_values(folder, name, values)
    metrics = {**means, "coverage@100": 0.5, "gini@100": 0.91}
    validation = None if cell.system == "popular" else 0.31
    result = replace(tried, setting=setting, validation=validation, metrics=metrics, chosen=True, values=name)
    append(folder, result)


def grid(
    folder: Path,
    *,
    data: str = "goodbooks",
    protocol: str = "paper",
    seeds: Iterable[int] = (41, 42, 43),
    budgets: Iterable[int] = BUDGETS,
    systems: Iterable[str] = (*FULL, *SIZED, "compressed-elsa"),
    figure_one: bool = False,
    n_persons: int = 200,
) -> Results:
    """All of it, or of every kind some."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        for number, system in enumerate(systems):
            cell = Cell(data, protocol, seed, system, dims=4096, fingerprint="f00d" * 16)
            if system in FULL:
                level, size = FULL[system]
                values = values_of(level, seed, n_persons=n_persons, noise=number)
                write(folder, cell, None, values, paper_bytes=size, seconds=2.5 * number)
            else:
                for budget in budgets:
                    level = _level(system, budget)
                    values = values_of(level, seed, n_persons=n_persons, noise=10 * number + budget)
                    seconds = {"pruned-ease": 9.0, "low-dim-elsa": 20.0 + budget / 50, "elsa-sae": 60.0}.get(
                        system, 150.0
                    )
                    write(
                        folder,
                        cell,
                        budget,
                        values,
                        paper_bytes=budget,
                        stored_bytes=budget if system == "low-dim-elsa" else budget * 6 // 8,
                        setting={"regularisation": 400.0, "epochs": 12 + seed},
                        seconds=seconds + seed,
                    )
        if figure_one:
            _figure_one(folder, data, protocol, seed, tuple(budgets), n_persons)
    return Results.read(folder)


def _level(system: str, budget: int) -> float:
    steps = log2(budget / 64)
    if system in SIZED:
        low, gain = SIZED[system]
        return low + gain * steps
    return 0.4687 + 0.0087 * steps - 0.0008 * steps * steps


def _figure_one(folder: Path, data: str, protocol: str, seed: int, budgets: tuple[int, ...], n_persons: int) -> None:
    variations: list[dict[str, Any]] = [
        {"schedule": schedule, "restart": restart}
        for schedule in ("constant", "linear", "step", "exponential")
        for restart in (True, False)
    ]
    variations += [{"dims": dims} for dims in (1024, 2048, 4096, 8192)]
    for number, options in enumerate(variations):
        cell = Cell(data, protocol, seed, "compressed-elsa", options, dims=4096, fingerprint="f00d" * 16)
        for budget in budgets:
            level = _level("compressed-elsa", budget) - 0.002 * (9 - number)
            values = values_of(level, seed, n_persons=n_persons, noise=1000 * number + budget)
            write(folder, cell, budget, values, paper_bytes=budget, stored_bytes=budget * 6 // 8)
