"""Signed codes for engines that hold only what is positive: which question loses what."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.points import items_of
from tests.worlds import random_model
from trainer.export.signs import Entries, PositiveCodes


def product(code: Entries, question: Entries) -> float:
    ours = dict(zip(code.dims.tolist(), code.weights.tolist(), strict=True))
    asked = zip(question.dims.tolist(), question.weights.tolist(), strict=True)
    return sum(float(ours.get(dim, 0.0) * weight) for dim, weight in asked)


@given(st.integers(0, 50), st.integers(0, 2**32 - 1))
def test_the_whole_question_comes_to_the_signed_score_and_one_number_for_all(model_seed: int, seed: int) -> None:
    model = random_model(model_seed, n_items=40, n_dims=8)
    codes = PositiveCodes.of(items_of(model))
    profile = np.random.default_rng(seed).normal(size=8) * np.random.default_rng(seed + 1).integers(0, 2, 8)
    dense = model.embedding.to_dense()
    shift = np.abs(profile).max() * np.abs(dense).sum(axis=1).max()
    for row in np.flatnonzero(codes.points.coded):
        found = product(codes.code(int(row)), codes.whole(profile))
        assert found == pytest.approx(float(dense[row] @ profile) + shift, abs=1e-4)


def test_nothing_in_codes_or_questions_is_negative_or_zero() -> None:
    codes = PositiveCodes.of(items_of(random_model(3)))
    profile = np.random.default_rng(0).normal(size=32)
    for entries in (codes.whole(profile), codes.candidates(profile), *(codes.code(row) for row in range(200))):
        assert (entries.weights > 0).all()
        assert (np.diff(entries.dims) > 0).all()
        assert not len(entries.dims) or entries.dims[-1] < codes.n_dims == 65


def test_the_question_for_candidates_loses_what_unlike_signs_take_away() -> None:
    codes = PositiveCodes.of(items_of(random_model(3)))
    profile = np.random.default_rng(0).normal(size=32)
    dense = random_model(3).embedding.to_dense()
    for row in range(200):
        agreeing = np.where(dense[row] * profile > 0, dense[row] * profile, 0).sum()
        assert product(codes.code(row), codes.candidates(profile)) == pytest.approx(agreeing, abs=1e-5)


def test_a_long_question_is_cut_to_its_largest_entries() -> None:
    codes = PositiveCodes.of(items_of(random_model(3)))
    profile = np.zeros(32)
    profile[[1, 5, 7, 30]] = 0.5, -2.0, 1.0, -0.1
    found = codes.candidates(profile, longest=2)
    assert dict(zip(found.dims.tolist(), found.weights.tolist(), strict=True)) == {7: 1.0, 32 + 5: 2.0}


def test_nobody_is_asked_about_an_empty_profile() -> None:
    codes = PositiveCodes.of(items_of(random_model(3)))
    assert not len(codes.whole(np.zeros(32)).dims)
    assert not len(codes.candidates(np.zeros(32)).dims)
