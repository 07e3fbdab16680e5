"""Merging to the fixpoint, against a slow loop that looks at every pair every time."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from trainer.segmentation.group import Group, SignedDim
from trainer.segmentation.merge import Describe
from trainer.segmentation.merge import merge as merge_with_trees

Matrix = NDArray[np.float64]
HUGE = 10**9


def describe_by_mean(features: Matrix) -> Describe:
    """The mean of the members' features, of length 1."""
    return lambda rows: unit(features[rows].mean(axis=0))


def merge(groups: Sequence[Group], describe: Describe, *, tau: float, smallest: int, largest: int) -> list[Group]:
    """What the groups become, without how."""
    return [one.whole for one in merge_with_trees(groups, describe, tau=tau, smallest=smallest, largest=largest)]


def unit(vector: Matrix) -> Matrix:
    length = np.linalg.norm(vector)
    return np.asarray(vector / length if length else vector, np.float64)


def worlds(seed: int, n_groups: int, n_signed_dims: int) -> tuple[list[Group], Matrix]:
    """Groups of one to six rows with features that are nowhere negative, as terms are."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 7, n_groups)
    starts = np.cumsum([0, *sizes])
    signed = [(int(dim) // 2, 1 if dim % 2 else -1) for dim in rng.integers(0, n_signed_dims, n_groups)]
    groups = [
        Group(np.arange(starts[place], starts[place + 1]), {signed[place]: int(sizes[place])})
        for place in range(n_groups)
    ]
    features = rng.random((int(starts[-1]), 5)) ** 4
    return groups, features


def signed_dims_by_loop(counts: dict[SignedDim, int]) -> list[SignedDim]:
    return sorted(place for place in counts if counts[place] > counts.get((place[0], -place[1]), 0))


def merge_by_loop(
    groups: Sequence[Group], describe: Callable[[list[int]], Matrix], *, tau: float, largest: int
) -> list[list[int]]:
    """Best allowed pair first, until none is over tau; what is merged is described anew."""
    alive = [(group.rows.tolist(), dict(group.counts)) for group in groups]
    while True:
        best: tuple[float, int, int] | None = None
        for first in range(len(alive)):
            for second in range(first + 1, len(alive)):
                cosine = float(describe(alive[first][0]) @ describe(alive[second][0]))
                if (
                    cosine > tau
                    and (best is None or cosine > best[0])
                    and allowed(alive[first], alive[second], largest)
                ):
                    best = cosine, first, second
        if best is None:
            return sorted((sorted(rows) for rows, _ in alive), key=lambda rows: (-len(rows), rows[0]))
        _, first, second = best
        alive[first] = together(alive[first], alive[second])
        del alive[second]


Part = tuple[list[int], dict[SignedDim, int]]


def together(one: Part, other: Part) -> Part:
    counts = {place: one[1].get(place, 0) + other[1].get(place, 0) for place in one[1] | other[1]}
    return one[0] + other[0], counts


def allowed(one: Part, other: Part, largest: int) -> bool:
    rows, counts = together(one, other)
    return len(rows) <= largest and bool(signed_dims_by_loop(counts))


WORLDS = st.tuples(st.integers(0, 2**32), st.integers(1, 14), st.integers(2, 12))


@given(WORLDS, st.floats(0.05, 0.95), st.sampled_from([3, 8, 20, HUGE]))
def test_merging_does_what_a_slow_loop_does(sizes: tuple[int, int, int], tau: float, largest: int) -> None:
    groups, features = worlds(*sizes)
    found = merge(groups, describe_by_mean(features), tau=tau, smallest=0, largest=largest)
    expected = merge_by_loop(groups, lambda rows: unit(features[rows].mean(axis=0)), tau=tau, largest=largest)
    assert [group.rows.tolist() for group in found] == expected


def expect_a_partition(groups: Sequence[Group], found: Sequence[Group]) -> None:
    assert sorted(row for group in found for row in group.rows.tolist()) == sorted(
        row for group in groups for row in group.rows.tolist()
    )
    for group in found:
        parts = [part for part in groups if set(part.rows.tolist()) <= set(group.rows.tolist())]
        assert sum(len(part.rows) for part in parts) == len(group.rows)
        counts: dict[SignedDim, int] = {}
        for part in parts:
            for place, count in part.counts.items():
                counts[place] = counts.get(place, 0) + count
        assert group.counts == counts
        assert group.signed_dims() == signed_dims_by_loop(counts)
        assert group.signed_dims()


@given(WORLDS, st.floats(0.05, 0.95), st.sampled_from([3, 8, 20, HUGE]))
def test_after_merging_no_allowed_pair_is_above_tau(sizes: tuple[int, int, int], tau: float, largest: int) -> None:
    groups, features = worlds(*sizes)
    found = merge(groups, describe_by_mean(features), tau=tau, smallest=0, largest=largest)
    expect_a_partition(groups, found)
    for first in range(len(found)):
        for second in range(first):
            one, other = found[first], found[second]
            if allowed((one.rows.tolist(), one.counts), (other.rows.tolist(), other.counts), largest):
                cosine = unit(features[one.rows].mean(axis=0)) @ unit(features[other.rows].mean(axis=0))
                assert cosine <= tau + 1e-6


@given(WORLDS, st.floats(0.05, 0.95), st.sampled_from([0, 4, 9]), st.sampled_from([3, 8, 20, HUGE]))
def test_no_merged_group_is_larger_than_allowed_and_largest_come_first(
    sizes: tuple[int, int, int], tau: float, smallest: int, largest: int
) -> None:
    groups, features = worlds(*sizes)
    found = merge(groups, describe_by_mean(features), tau=tau, smallest=smallest, largest=largest)
    expect_a_partition(groups, found)
    raw = {tuple(group.rows.tolist()) for group in groups}
    assert all(len(group.rows) <= largest or tuple(group.rows.tolist()) in raw for group in found)
    assert [(-len(group.rows), group.rows[0]) for group in found] == sorted(
        (-len(group.rows), group.rows[0]) for group in found
    )


@given(WORLDS, st.sampled_from([2, 5, 12]))
def test_small_groups_join_as_long_as_anything_will_have_them(sizes: tuple[int, int, int], smallest: int) -> None:
    groups, features = worlds(*sizes)
    found = merge(groups, describe_by_mean(features), tau=1.0, smallest=smallest, largest=HUGE)
    expect_a_partition(groups, found)
    for one in found:
        for other in found:
            if one is not other and len(one.rows) < smallest:
                assert not allowed((one.rows.tolist(), one.counts), (other.rows.tolist(), other.counts), HUGE)


def test_two_groups_that_a_small_one_brought_over_tau_merge_too() -> None:
    close, small = [0.5, 0.866, 0.0], [0.5, 0.231, 0.835]
    features = np.array([[1.0, 0.0, 0.0]] * 4 + [close] * 4 + [small])
    groups = [
        Group(np.arange(4), {(0, 1): 4}),
        Group(np.arange(4, 8), {(1, 1): 4}),
        Group(np.arange(8, 9), {(2, 1): 1}),
    ]
    before, after = (
        unit(features[0]) @ unit(features[4]),
        unit(features[[0, 1, 2, 3, 8]].mean(axis=0)) @ unit(features[4]),
    )
    assert before < 0.52 < after
    found = merge(groups, describe_by_mean(features), tau=0.52, smallest=2, largest=HUGE)
    assert [group.rows.tolist() for group in found] == [list(range(9))]


def test_the_smallest_joins_its_closest_first() -> None:
    features = np.array([[1.0, 0.0, 0.0]] * 4 + [[0.0, 1.0, 0.0]] * 4 + [[0.1, 0.9, 0.0]] + [[0.9, 0.2, 0.0]] * 2)
    groups = [
        Group(np.arange(4), {(0, 1): 4}),
        Group(np.arange(4, 8), {(1, 1): 4}),
        Group(np.arange(8, 9), {(2, 1): 1}),
        Group(np.arange(9, 11), {(3, 1): 2}),
    ]
    found = merge(groups, describe_by_mean(features), tau=1.0, smallest=3, largest=HUGE)
    assert [group.rows.tolist() for group in found] == [[0, 1, 2, 3, 9, 10], [4, 5, 6, 7, 8]]


def test_a_small_group_with_nothing_in_common_stays() -> None:
    groups = [Group(np.arange(3), {(0, 1): 3}), Group(np.arange(3, 4), {(1, 1): 1})]
    features = np.array([[1.0, 0.0]] * 3 + [[0.0, 1.0]])
    found = merge(groups, describe_by_mean(features), tau=0.0, smallest=3, largest=HUGE)
    assert [group.rows.tolist() for group in found] == [[0, 1, 2], [3]]


def test_a_merge_that_would_leave_an_empty_row_does_not_take_place() -> None:
    groups = [Group(np.arange(2), {(0, 1): 2}), Group(np.arange(2, 4), {(0, -1): 2})]
    found = merge(groups, describe_by_mean(np.ones((4, 1))), tau=0.5, smallest=10, largest=HUGE)
    assert [group.signed_dims() for group in found] == [[(0, 1)], [(0, -1)]]


def test_a_refused_merge_takes_place_once_a_third_group_makes_it_possible() -> None:
    features = np.array([[1.0, 0.0]] * 2 + [[1.0, 0.0]] * 2 + [[0.9, 0.3]])
    groups = [
        Group(np.arange(2), {(0, 1): 2}),
        Group(np.arange(2, 4), {(0, -1): 2}),
        Group(np.arange(4, 5), {(1, 1): 1}),
    ]
    (found,) = merge(groups, describe_by_mean(features), tau=0.5, smallest=0, largest=HUGE)
    assert found.rows.tolist() == [0, 1, 2, 3, 4]
    assert found.signed_dims() == [(1, 1)]


def test_opposite_polarities_merge_to_the_larger() -> None:
    groups = [Group(np.arange(3), {(0, 1): 3}), Group(np.arange(3, 5), {(0, -1): 2})]
    (found,) = merge(groups, describe_by_mean(np.ones((5, 1))), tau=0.5, smallest=0, largest=HUGE)
    assert found.signed_dims() == [(0, 1)]


def test_a_pair_at_tau_does_not_merge_and_one_above_does() -> None:
    groups = [Group(np.arange(1), {(0, 1): 1}), Group(np.arange(1, 2), {(1, 1): 1})]
    describe = describe_by_mean(np.array([[1.0, 0.0], [0.6, 0.8]]))
    cosine = float(np.float32(0.6))
    assert len(merge(groups, describe, tau=cosine, smallest=0, largest=HUGE)) == 2
    assert len(merge(groups, describe, tau=np.nextafter(cosine, 0), smallest=0, largest=HUGE)) == 1


def test_equal_pairs_merge_in_the_order_of_their_positions() -> None:
    groups = [Group(np.arange(place, place + 1), {(place, 1): 1}) for place in range(5)]
    found = merge(groups, describe_by_mean(np.ones((5, 2))), tau=0.5, smallest=0, largest=2)
    assert [group.rows.tolist() for group in found] == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize("n_groups", [0, 1])
def test_nothing_and_one_group_stay_as_they_are(n_groups: int) -> None:
    groups = [Group(np.arange(2), {(0, 1): 2})] * n_groups
    found = merge(groups, describe_by_mean(np.ones((2, 1))), tau=0.5, smallest=9, largest=HUGE)
    assert [group.rows.tolist() for group in found] == [[0, 1]] * n_groups


@given(WORLDS, st.floats(0.2, 0.9))
def test_merging_is_deterministic(sizes: tuple[int, int, int], tau: float) -> None:
    groups, features = worlds(*sizes)
    assume(len(groups) > 1)
    one, same = (
        [group.rows.tolist() for group in merge(groups, describe_by_mean(features), tau=tau, smallest=4, largest=20)]
        for _ in range(2)
    )
    assert one == same


@given(WORLDS, st.floats(0.2, 0.9), st.integers(0, 8))
def test_a_tree_joins_the_groups_of_a_segment_by_the_cosines_that_they_had(
    sizes: tuple[int, int, int], tau: float, smallest: int
) -> None:
    groups, features = worlds(*sizes)
    describe = describe_by_mean(features)
    found = merge_with_trees(groups, describe, tau=tau, smallest=smallest, largest=HUGE)
    assert sorted(place for one in found for place in one.groups) == list(range(len(groups)))
    for one in found:
        nodes = [groups[place].rows for place in one.groups]
        for step in one.merges:
            assert step.cosine == pytest.approx(
                float(describe(nodes[step.first]) @ describe(nodes[step.second])), abs=1e-5
            )
            nodes.append(np.union1d(nodes[step.first], nodes[step.second]))
        assert nodes[-1].tolist() == one.whole.rows.tolist()
        assert len(one.merges) == len(one.groups) - 1
    assert all(step.cosine > tau - 1e-5 for one in found for step in one.merges) or smallest


def test_a_tree_of_thousands_of_groups_is_no_deeper_than_python_can_go() -> None:
    n = 1500
    groups = [Group(np.arange(place, place + 1), {(place, 1): 1}) for place in range(n)]
    features = np.stack([np.ones(n), np.linspace(0, 1, n)], axis=1)
    (one,) = merge_with_trees(groups, describe_by_mean(features), tau=0.5, smallest=0, largest=HUGE)
    assert len(one.merges) == n - 1
