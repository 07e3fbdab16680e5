"""The bootstrap over persons, against a slow loop, a textbook and its own properties."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from trainer.errors import DataError
from trainer.experiment.compare import RESAMPLES, Column, difference, mean, resample
from trainer.experiment.results import Values

METRIC = "ndcg@100"


def values(users: Sequence[int] | NDArray[np.integer], found: Sequence[float] | NDArray[np.floating]) -> Values:
    return Values(np.asarray(users, np.int32), {METRIC: np.asarray(found, np.float32)})


SEEDS = st.lists(
    st.lists(
        st.tuples(st.integers(0, 6), st.floats(0, 1, width=32), st.floats(0, 1, width=32)), min_size=1, max_size=9
    ),
    min_size=1,
    max_size=3,
)


def two(seeds: list[list[tuple[int, float, float]]]) -> tuple[list[Values], list[Values]]:
    ours = [values([user for user, _, _ in rows], [value for _, value, _ in rows]) for rows in seeds]
    theirs = [values([user for user, _, _ in rows], [value for _, _, value in rows]) for rows in seeds]
    return ours, theirs


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_the_mean_is_that_of_the_seeds_means(seeds: list[list[tuple[int, float, float]]]) -> None:
    ours, theirs = two(seeds)
    found = difference(ours, theirs, METRIC)
    expected = [np.mean([mine - yours for _, mine, yours in rows]) for rows in seeds]
    assert found.mean == pytest.approx(np.mean(expected), abs=1e-6)
    assert found.n_persons == len({user for rows in seeds for user, _, _ in rows})
    assert found.low <= found.high


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_the_other_way_round_is_the_negative(seeds: list[list[tuple[int, float, float]]]) -> None:
    ours, theirs = two(seeds)
    one, other = difference(ours, theirs, METRIC), difference(theirs, ours, METRIC)
    assert (one.mean, one.low, one.high) == pytest.approx((-other.mean, -other.high, -other.low), abs=1e-12)


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_a_system_does_not_differ_from_itself(seeds: list[list[tuple[int, float, float]]]) -> None:
    ours, _ = two(seeds)
    assert difference(ours, ours, METRIC)[:3] == (0, 0, 0)


def slow(ours: list[Values], theirs: list[Values]) -> tuple[float, float]:
    """Person by person: each drawn one brings all its rows, and every seed weighs the same."""
    rng = np.random.default_rng(99)
    rows: dict[int, list[tuple[float, float]]] = {}
    for mine, yours in zip(ours, theirs, strict=True):
        weight = 1 / len(mine.users)
        for row, user in enumerate(mine.users):
            gap = float(mine.metrics[METRIC][row]) - float(yours.metrics[METRIC][row])
            rows.setdefault(int(user), []).append((weight, gap))
    persons = list(rows)
    means = []
    for _ in range(4000):
        total = weights = 0.0
        for draw in rng.integers(0, len(persons), len(persons)):
            for weight, gap in rows[persons[draw]]:
                total += weight * gap
                weights += weight
        means.append(total / weights)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def test_the_interval_is_that_of_a_loop_over_persons() -> None:
    rng = np.random.default_rng(1)
    ours, theirs = [], []
    for n_rows in (60, 40):  # persons come once, often, in one seed or in both
        users = rng.integers(0, 25, n_rows)
        own = rng.normal(0, 0.3, 25)[users]
        ours.append(values(users, own + rng.normal(0.1, 0.1, n_rows)))
        theirs.append(values(users, rng.normal(0, 0.1, n_rows)))
    found = difference(ours, theirs, METRIC)
    low, high = slow(ours, theirs)
    assert found.low == pytest.approx(low, abs=0.01 * 1.5)
    assert found.high == pytest.approx(high, abs=0.01 * 1.5)


def test_of_independent_normal_values_it_is_the_textbooks_standard_error() -> None:
    drawn = np.random.default_rng(2).normal(0.4, 0.2, 2000)
    found = mean([values(np.arange(2000), drawn)], METRIC)
    error = drawn.std(ddof=1) / np.sqrt(2000)
    assert found.half == pytest.approx(1.96 * error, rel=0.03)
    assert found.mean == pytest.approx(drawn.mean(), abs=1e-6)


def test_copies_of_a_person_are_no_new_evidence() -> None:
    drawn = np.random.default_rng(3).normal(0.4, 0.2, 500)
    once = mean([values(np.arange(500), drawn)], METRIC)
    five_times = mean([values(np.tile(np.arange(500), 5), np.tile(drawn, 5))] * 3, METRIC)
    assert five_times[:3] == pytest.approx(once[:3], abs=1e-9)
    assert five_times.n_persons == 500


def test_pairing_takes_away_what_persons_have_in_common() -> None:
    rng = np.random.default_rng(4)
    persons, noise = rng.normal(0.4, 0.2, 800), rng.normal(0, 0.01, 800)
    ours, theirs = [values(np.arange(800), persons + 0.003 + noise)], [values(np.arange(800), persons)]
    found = difference(ours, theirs, METRIC)
    assert found.excludes_zero
    assert found.half < mean(ours, METRIC).half / 10


def test_a_relative_difference_is_a_share_of_the_second() -> None:
    users = np.arange(50)
    columns: list[Column] = [([values(users, np.full(50, 0.3))], METRIC), ([values(users, np.full(50, 0.4))], METRIC)]
    found = resample(columns).relative(0, 1)
    assert found[:3] == pytest.approx((-0.25, -0.25, -0.25), abs=1e-6)
    assert np.isnan(resample([columns[0], ([values(users, np.zeros(50))], METRIC)]).relative(1, 1).mean)


def test_the_same_question_has_the_same_answer_in_whatever_company_it_is_asked() -> None:
    rng = np.random.default_rng(5)
    one, other = ([values(np.arange(300), rng.random(300))] for _ in range(2))
    assert mean(one, METRIC) == mean(one, METRIC)
    among = resample([(other, METRIC), (one, METRIC)])
    assert among.draws.shape == (RESAMPLES, 2)
    assert among.mean(1) == pytest.approx(mean(one, METRIC), abs=1e-12)


@pytest.mark.parametrize(
    ("theirs", "reason"),
    [
        ([], "1 and 0 seeds"),
        ([values([1, 2], [0, 0]), values([1, 2], [0, 0])], "1 and 2 seeds"),
        ([values([2, 1], [0, 0])], "different test users"),
        ([values([1, 2, 3], [0, 0, 0])], "different test users"),
        ([Values(np.array([1, 2], np.int32), {"recall@20": np.zeros(2, np.float32)})], "no values of ndcg@100"),
        ([values([1, 2], [0.0])], "1 values of ndcg@100, 2 users"),
        ([values([1, 2], [0.0, float("nan")])], "no numbers"),
    ],
)
def test_what_cannot_be_paired_is_refused(theirs: list[Values], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        difference([values([1, 2], [1, 1])], theirs, METRIC)


def test_nobody_has_no_mean() -> None:
    for nothing in ([], [values([], [])]):
        with pytest.raises(DataError, match="no test users"):
            mean(nothing, METRIC)
    with pytest.raises(DataError, match="nothing to compare"):
        resample([])
