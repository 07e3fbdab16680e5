"""A grid in real processes: measured once, resumed, and none the worse for a cell that fails."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.console import ROOT
from trainer.baselines import ease, popular
from trainer.baselines.pruned_ease import PrunedEase
from trainer.baselines.system import Learned, Setting
from trainer.errors import TrainingError
from trainer.evaluate import quality, rank_scores
from trainer.experiment import results
from trainer.experiment.grid import Grid, read_grid, search_budget
from trainer.experiment.progress import GridProgress
from trainer.experiment.results import Measurement, Results
from trainer.experiment.runner import Machine, Runner
from trainer.experiment.task import Run
from trainer.interactions import Csr
from trainer.paper_split import paper_split
from trainer.split import Holdout, Split, split

MACHINE = Machine(jobs=2, threads=1, memory_bytes=2**34, precision="float32")
GRID = """
budgets = [128, 64]
seeds = [1, 2]
systems = ["popular", "pruned-ease"]
[data.shop]
file = "{folder}/ratings.csv"
dims = 32
test_users = 30
"""


@pytest.fixture
def shop_grid(tmp_path: Path) -> Callable[..., Grid]:
    """A shop with two tastes, in a file; `changed` lines replace those of GRID that begin alike."""
    rng = np.random.default_rng(0)
    rows = ["user_id,item_id"]
    for user in range(300):
        rows += [f"u{user},i{item}" for item in rng.choice(np.arange(user % 2, 80, 2), 12, replace=False)]
    (tmp_path / "ratings.csv").write_text("\n".join(rows) + "\n")

    def grid(*changed: str) -> Grid:
        names = [line.partition(" ")[0] for line in changed]
        text = GRID.format(folder=tmp_path).splitlines()
        kept = [line for line in text if line.partition(" ")[0] not in names]
        top = [line for line in changed if not line.startswith(("dims", "["))]
        below = [line for line in changed if line.startswith(("dims", "["))]
        (tmp_path / "grid.toml").write_text("\n".join([*top, *kept, *below]))
        return read_grid(tmp_path / "grid.toml", tmp_path)

    return grid


def run(grid: Grid, folder: Path, machine: Machine = MACHINE) -> Runner:
    folder.mkdir(exist_ok=True)
    with GridProgress(quiet=True) as progress:
        runner = Runner(grid, folder, machine, progress)
        runner.run()
    return runner


def lines(folder: Path) -> list[str]:
    return (folder / results.FILE).read_text().splitlines()


def test_every_cell_is_searched_at_the_middle_budget_and_fitted_to_each(
    tmp_path: Path, shop_grid: Callable[..., Grid]
) -> None:
    grid = shop_grid()
    found = run(grid, tmp_path / "out")
    assert not found.failures
    measured = found.results().measurements
    by_cell: dict[str, list[Measurement]] = {}
    for measurement in measured:
        by_cell.setdefault(measurement.cell.name, []).append(measurement)
    names = [f"shop clean seed {seed} {name}" for seed in (1, 2) for name in ("popular", "pruned-ease")]
    assert sorted(by_cell) == names
    for name, ones in by_cell.items():
        if name.endswith("popular"):
            assert [(one.budget, one.chosen) for one in ones] == [(None, True)]
            continue
        tried = [one for one in ones if not one.chosen]
        assert [one.setting["lambda"] for one in tried] == list(ease.LAMBDAS)
        assert {one.budget for one in tried} == {search_budget(grid.budgets)}
        best = max(tried, key=lambda one: one.validation or 0.0).setting
        assert [(one.budget, one.setting) for one in ones if one.chosen] == [(128, best), (64, best)]


def test_what_is_measured_is_what_the_split_says(tmp_path: Path, shop_grid: Callable[..., Grid]) -> None:
    grid = shop_grid('protocols = ["clean", "paper"]', 'systems = ["popular"]', "seeds = [2]")
    found = run(grid, tmp_path / "out").results()
    interactions = grid.data["shop"].ratings.read()
    splits: dict[str, Split] = {
        "clean": split(interactions, seed=2),
        "paper": paper_split(interactions, seed=2, n_held_out=30),
    }
    for measurement in found.results():
        parts = splits[measurement.cell.protocol]
        assert parts.test is not None
        train = parts.train if parts.full_train is None else parts.full_train
        rankings = rank_scores(partial(popular.scores, train), parts.test)
        expected = quality(rankings, parts.test.targets).named()
        assert measurement.metrics is not None
        assert measurement.metrics["ndcg@100"] == pytest.approx(expected["ndcg@100"].mean())
        values = found.values(measurement)
        assert values.users.tolist() == parts.test.users.tolist()
        for name in results.PER_USER:
            np.testing.assert_allclose(values.metrics[name], expected[name], rtol=1e-6)
    assert len(list(found.results())) == 2


def test_a_second_run_measures_nothing_and_a_line_that_is_missing_is_measured_again(
    tmp_path: Path, shop_grid: Callable[..., Grid]
) -> None:
    out = tmp_path / "out"
    grid = shop_grid("seeds = [1]")
    run(grid, out)
    before = (out / results.FILE).read_bytes()
    run(grid, out)
    assert (out / results.FILE).read_bytes() == before
    kept, lost = lines(out)[:-1], json.loads(lines(out)[-1])
    (out / results.FILE).write_text("\n".join(kept) + '\n{"cell": {"data": "sh')  # killed while it wrote
    run(grid, out)
    assert lines(out)[:-1] == kept
    again = json.loads(lines(out)[-1])
    assert (again["metrics"], again["budget"], again["values"]) == (lost["metrics"], lost["budget"], lost["values"])


def test_other_data_or_another_width_is_another_grid(tmp_path: Path, shop_grid: Callable[..., Grid]) -> None:
    out = tmp_path / "out"
    run(shop_grid("seeds = [1]", 'systems = ["popular"]'), out)
    wider = run(shop_grid("seeds = [1]", 'systems = ["popular"]', "dims = 64"), out)
    assert len(lines(out)) == 2
    assert [one.cell.dims for one in wider.results().measurements] == [64]
    (tmp_path / "ratings.csv").write_text((tmp_path / "ratings.csv").read_text() + "u0,i1\n")
    run(shop_grid("seeds = [1]", 'systems = ["popular"]'), out)
    assert len(lines(out)) == 3


def test_what_does_not_fit_into_memory_is_refused_and_the_rest_is_measured(
    tmp_path: Path, shop_grid: Callable[..., Grid]
) -> None:
    found = run(shop_grid("seeds = [1]"), tmp_path / "out", replace(MACHINE, memory_bytes=200_000))
    assert list(found.failures) == ["shop clean seed 1 pruned-ease"]
    assert "GiB of memory on 80 items" in found.failures["shop clean seed 1 pruned-ease"]
    assert [one.cell.system for one in found.results().results()] == ["popular"]


def test_a_data_set_that_cannot_be_read_costs_the_others_nothing(
    tmp_path: Path, shop_grid: Callable[..., Grid]
) -> None:
    found = run(
        shop_grid("seeds = [1]", 'systems = ["popular"]', f'[data.gone]\nfile = "{tmp_path}/gone.csv"\n'),
        tmp_path / "out",
    )
    assert "gone.csv" in found.failures["gone"]
    assert len(list(found.results().results())) == 1


def test_a_process_that_is_killed_is_a_failure_with_a_reason(
    tmp_path: Path, shop_grid: Callable[..., Grid], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel kills the largest process where memory runs out."""
    started = Runner._started

    def kill_ease(self: Runner, job: object) -> "subprocess.Popen[str]":
        process = started(self, job)  # type: ignore[arg-type]
        if "ease" in str(job):
            process.kill()
        return process

    monkeypatch.setattr(Runner, "_started", kill_ease)
    found = run(shop_grid("seeds = [1]"), tmp_path / "out")
    assert "killed by signal 9" in found.failures["shop clean seed 1 pruned-ease"]
    assert [one.cell.system for one in found.results().results()] == ["popular"]
    monkeypatch.undo()
    assert not run(shop_grid("seeds = [1]"), tmp_path / "out").failures


def test_a_system_is_made_from_what_the_search_of_another_chose(tmp_path: Path, shop_grid: Callable[..., Grid]) -> None:
    grid = shop_grid("seeds = [1]", 'systems = ["dense-elsa", "elsa-sae"]', "budgets = [64]")
    found = run(grid, tmp_path / "out")
    assert not found.failures
    order = [json.loads(line)["cell"]["system"] for line in lines(tmp_path / "out")]
    assert order == sorted(order)  # dense-elsa to its end, then elsa-sae


def test_a_grid_that_is_interrupted_leaves_no_process_and_goes_on(
    tmp_path: Path, shop_grid: Callable[..., Grid]
) -> None:
    shop_grid("seeds = [1]", 'systems = ["compressed-elsa"]', "budgets = [128]")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "trainer", "report", "--config", str(tmp_path / "grid.toml"), "--out", str(out)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env={**os.environ})
    while not (out / results.FILE).exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on after" in said
    done = len(lines(out))
    children = subprocess.run(["pgrep", "-f", str(out)], capture_output=True, text=True, check=False).stdout
    assert not children
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert f" fits, {done} of them done before" in ended.stderr
    assert f"{len(lines(out))} fits, " in ended.stderr
    assert len(lines(out)) > done


def test_another_budget_is_measured_with_the_setting_that_was_chosen(
    tmp_path: Path, shop_grid: Callable[..., Grid]
) -> None:
    out = tmp_path / "out"
    names = ["seeds = [1]", 'systems = ["pruned-ease"]']
    run(shop_grid(*names, "budgets = [256, 128]"), out)
    before = lines(out)
    found = run(shop_grid(*names, "budgets = [512, 256, 128, 64]"), out)
    assert lines(out)[: len(before)] == before
    assert [json.loads(line)["budget"] for line in lines(out)[len(before) :]] == [512, 64]
    assert len({one.setting["lambda"] for one in found.results().results()}) == 1


def test_a_setting_that_breaks_down_is_not_the_best_and_a_budget_that_does_costs_only_itself(
    tmp_path: Path, shop_grid: Callable[..., Grid], monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = shop_grid("seeds = [1]", 'systems = ["pruned-ease"]')
    folder = tmp_path / "out"
    folder.mkdir()
    with GridProgress(quiet=True) as progress:
        (job,) = Runner(grid, folder, MACHINE, progress).jobs
    fitted = PrunedEase.fit

    def fit(self: PrunedEase, train: Csr, validation: Holdout | None, setting: Setting, budget: int | None) -> Learned:
        if setting["lambda"] == 50.0 or budget == 64:
            raise TrainingError("the loss is no longer a number")
        return fitted(self, train, validation, setting, budget)

    monkeypatch.setattr(PrunedEase, "fit", fit)
    ours = Run(replace(job.task, budgets=[128, 64]), folder)
    ours.task = replace(ours.task, cell=replace(ours.task.cell, search_budget=128))
    found = list(ours.measurements())
    assert [one.setting["lambda"] for one in found if not one.chosen] == [150.0, 400.0, 800.0]
    assert [one.budget for one in found if one.chosen] == [128]
    assert ours.failures == ["64 bytes: the loss is no longer a number"]


def test_a_grid_that_is_killed_takes_its_processes_along(tmp_path: Path, shop_grid: Callable[..., Grid]) -> None:
    shop_grid("seeds = [1]", 'systems = ["compressed-elsa"]', "budgets = [128]")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "trainer", "report", "--config", str(tmp_path / "grid.toml"), "--out", str(out)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    while not (out / results.FILE).exists() and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    process.wait()
    began = time.monotonic()
    while subprocess.run(["pgrep", "-f", str(out)], capture_output=True, check=False).stdout:
        assert time.monotonic() - began < 20
        time.sleep(0.1)


def test_a_line_of_another_release_is_refused(tmp_path: Path) -> None:
    (tmp_path / results.FILE).write_text('{"cell": {}}\n')
    with pytest.raises(Exception, match="line 1: it is of another release"):
        Results.read(tmp_path)
