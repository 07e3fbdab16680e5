"""The profile by itself, against the dense product."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.answers import Profile
from index.recommender import Recommender
from tests import oracle
from tests.worlds import by_hand, random_model


def dense(found: Profile, n_dims: int) -> tuple[np.ndarray, np.ndarray]:
    """All activations, and what of them is the history's."""
    assert [one.dim for one in found.dims] == sorted({one.dim for one in found.dims})
    activations, history = np.zeros(n_dims), np.zeros(n_dims)
    for one in found.dims:
        activations[one.dim], history[one.dim] = one.activation, one.history
    return activations, history


@given(
    st.integers(0, 20),
    st.dictionaries(st.integers(0, 199), st.sampled_from([1.0, 0.5, -1.0, 20.0]), max_size=20),
    st.dictionaries(st.integers(0, 7), st.sampled_from([1.0, -0.5, 0.0]), max_size=3),
)
def test_it_is_the_sum_of_the_history_s_codes_and_of_steering(
    seed: int, history: dict[int, float], steer: dict[int, float]
) -> None:
    model = random_model(seed, n_dims=16, k=6, packed=seed % 2 == 0)
    recommender = Recommender(model, "v1")
    A = model.embedding.to_dense().astype(np.float64)
    B = oracle.segment_matrix([model.segments.signed_dims(row) for row in range(8)], 16)
    of_history = oracle.profile(A, list(history), list(history.values()))
    length = np.linalg.norm(of_history) or 1.0
    whole = of_history + length * sum((strength * B[row] for row, strength in steer.items()), np.zeros(16))
    found = recommender.profile(
        {f"item-{row}": weight for row, weight in history.items()},
        steer={f"s{row}": strength for row, strength in steer.items()},
    )
    activations, added = dense(found, 16)
    np.testing.assert_allclose(activations, whole, atol=1e-4)
    np.testing.assert_allclose(added[activations != 0], of_history[activations != 0], atol=1e-4)
    assert found.length == pytest.approx(np.linalg.norm(whole), abs=1e-4)
    assert found.source == ("profile" if found.dims else "popularity")


def test_only_non_zeros_come_and_what_is_unknown_is_said() -> None:
    found = Recommender(by_hand(), "v1").profile(["e", "who", "f"])
    assert [(one.dim, one.activation, one.history) for one in found.dims] == [(1, -1.0, -1.0)]
    assert (found.source, found.length, found.unknown_items) == ("profile", 1.0, ["who"])


@pytest.mark.parametrize("history", [[], ["who"], ["f"]])
def test_where_popularity_answers_there_is_nothing_to_show(history: list[str]) -> None:
    found = Recommender(by_hand(), "v1").profile(history)
    assert (found.source, found.length, found.dims) == ("popularity", 0.0, [])
