"""python -m trainer plan: its sums are those of measured points, its command is one that `fit` takes."""

import json
import shlex

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.__main__ import main
from trainer.options import parser
from trainer.plan import told
from trainer.plan.bounds import bounds
from trainer.plan.plan import Machine, Plan, Size, planned
from trainer.plan.points import Point, read_points

Console = pytest.CaptureFixture[str]
MACHINE = Machine(cores=8, memory_gib=64, price=0.4)
LARGE = ["--items", "10e6", "--users", "100e6", "--interactions", "5e9", "--nonzeros", "32"]


def plan(items: int, users: int, interactions: int, machine: Machine = MACHINE, **more: float) -> Plan:
    size = Size(items, users, interactions, int(more.pop("nonzeros", 16)), **more)  # type: ignore[arg-type]
    return planned(size, machine, "float32")


# ---------------------------------------------------------------- sums


@pytest.mark.parametrize("quantity", told.QUANTITIES)
def test_points_of_sizes_that_are_left_out_are_told_by_the_others(quantity: str) -> None:
    errors = told.left_out(quantity, read_points())
    sizes = {size for size, _ in errors}
    assert len(sizes) >= 4
    largest = [abs(error) for size, error in errors if size == max(sizes)]
    assert np.median([abs(error) for _, error in errors]) <= 0.25
    assert max(largest) <= 0.25


def test_what_one_takes_is_found_again_in_points_that_are_made_of_it() -> None:
    takes = np.array([0.5, 3.0, 0.25])
    rng = np.random.default_rng(0)
    points: list[Point] = []
    for _ in range(20):
        items, k = int(rng.integers(1000, 10**6)), int(rng.integers(4, 64))
        mib = float(takes @ [1.0, items / 1e6, items * k / 1e6])
        points.append({"quantity": "serving", "items": items, "nonzeros": k, "private_mib": mib})
    np.testing.assert_allclose(told.fitted(told.PRIVATE, points), takes, rtol=1e-6)
    assert all(abs(error) < 1e-6 for _, error in told.left_out(told.PRIVATE, points))


@given(st.integers(10_000, 10**8), st.integers(10_000, 10**9), st.integers(5, 200), st.integers(4, 64))
def test_nothing_falls_when_items_users_or_weights_become_more(items: int, users: int, each: int, k: int) -> None:
    point = {
        "items": items, "users": users, "interactions": users * each, "nonzeros": k, "k": k, "dims": 4096,
        "start": 256, "batch_size": 128, "max_outputs": 4096, "precision": "float32", "threads": 2, "machines": 1,
    }  # fmt: skip
    more = [point | {"items": 2 * items}, point | {"users": 2 * users, "interactions": 2 * users * each}]
    for larger in [*more, point | {"nonzeros": 2 * k, "k": 2 * k}]:
        for quantity in told.QUANTITIES:
            assert told.told(quantity, larger) >= told.told(quantity, point) * (1 - 1e-9)


# ---------------------------------------------------------------- the plan


def test_a_small_shop_is_trained_by_fit_as_it_is_and_served_by_one_machine_and_a_spare() -> None:
    small = plan(5_000, 20_000, 600_000)
    assert small.training.by_itself
    assert small.training.seconds < 3600
    assert small.serving.recommend.machines == 2
    assert not list(bounds(small))


def test_a_large_catalogue_starts_sparse_and_its_bounds_are_said() -> None:
    large = plan(10**7, 10**8, 5 * 10**9, nonzeros=32)
    assert large.training.options.start_nonzeros is not None
    said = " ".join(bounds(large))
    assert "go beyond what was measured" in said
    assert "a sample of the users" in said


def test_a_machine_that_is_too_small_is_said_to_be() -> None:
    tiny = plan(10**7, 10**6, 10**7, Machine(cores=4, memory_gib=2, price=1.0))
    assert not tiny.training.fits
    assert any(sentence.startswith("Training needs") for sentence in bounds(tiny))
    assert tiny.serving.workers == 0


def test_prices_are_hours_of_machines() -> None:
    one, twice = plan(10**5, 10**6, 10**7), plan(10**5, 10**6, 10**7, Machine(8, 64, 0.8))
    assert twice.serving.recommend.price_of_a_million == pytest.approx(2 * one.serving.recommend.price_of_a_million)
    route = one.serving.recommend
    hours = 1e6 / (0.5 * route.per_second_of_a_core * one.serving.workers) / 3600
    assert route.price_of_a_million == pytest.approx(0.4 * hours)


# ---------------------------------------------------------------- the command


@pytest.mark.parametrize("size", [LARGE, ["--items", "3_500", "--users", "6e3", "--interactions", "500000"]])
def test_the_command_that_it_names_is_one_that_fit_takes(size: list[str], capsys: Console) -> None:
    assert main(["plan", *size]) == 0
    text = capsys.readouterr().out
    (line,) = (line for line in text.splitlines() if line.lstrip().startswith("command"))
    words = shlex.split(line.split("python -m trainer ")[1])
    options = parser().parse_args([*words, "--data", "ratings.csv", "--out", "artifacts"])
    assert options.nonzeros == (32 if size is LARGE else 16)


def test_json_has_what_the_text_says(capsys: Console) -> None:
    assert main(["plan", *LARGE, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["size"]["items"] == 10_000_000
    assert found["training"]["seconds"] > 0
    assert set(found["training_seconds_by_machines"]) == {"1", "2", "4", "8"}
    assert found["bounds"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (["--items", "many"], "invalid count value"),
        (["--items", "1.5"], "must be a whole number"),
        (["--users", "nan"], "must be a number above 0"),
        (["--users", "10e9"], "fewer than --users"),
        (["--items", "2", "--users", "1e6"], "more than items times users"),
        (["--dims", "16"], "--dims must lie between --nonzeros and 1048576"),
        (["--memory", "0"], "must be a number above 0"),
    ],
)
def test_a_size_that_cannot_be_is_one_clear_error(changed: list[str], words: str, capsys: Console) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["plan", *LARGE, *changed])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
