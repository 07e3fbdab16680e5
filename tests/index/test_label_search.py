"""Segments by words of their labels, against a scan of them all."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.directory import Directory
from index.search import search_of
from index.segments import Segments
from index.vocabulary import Strings
from tests import oracle
from tests.worlds import by_hand, random_model

WORDS = st.sampled_from(["War", "wär", "Drama", "dramatic", "Sci-Fi", "", "S3", "s3"])


@given(
    st.integers(0, 5),
    st.lists(st.lists(WORDS, max_size=3).map(" ".join), min_size=8, max_size=8),
    WORDS,
    st.integers(1, 8),
)
def test_it_finds_what_a_scan_of_all_labels_finds(seed: int, labels: list[str], query: str, n: int) -> None:
    model = random_model(seed)
    segments = replace(model.segments, labels=Strings.pack(labels))
    directory = Directory(replace(model, segments=segments), search_of(model.embedding))
    sizes = [(segments.membership == row).sum() for row in range(8)]
    expected = oracle.title_search(query, list(segments.ids), labels, sizes)
    found = directory.find_segments(query, n)
    assert found.rows.tolist() == expected[:n]
    assert found.n_matching == len(expected)


def test_without_segments_nothing_is_found() -> None:
    model = by_hand()
    empty = Segments(
        starts=np.zeros(1, np.int64),
        dims=np.empty(0, np.uint16),
        signs=np.empty(0, np.int8),
        membership=np.full(6, -1, np.int32),
        ids=[],
        labels=[],
        n_dims=4,
    )
    directory = Directory(replace(model, segments=empty), search_of(model.embedding))
    assert directory.find_segments("war", 3).n_matching == 0
    assert directory.coherence().tolist() == []


@pytest.mark.parametrize("packed", [False, True])
def test_coherence_is_the_mean_over_all_pairs(packed: bool) -> None:
    model = random_model(3, packed=packed)
    membership = model.segments.membership.copy()
    membership[5] = 2  # an item without a code, which is like nothing
    model = replace(model, segments=replace(model.segments, membership=membership))
    A = model.embedding.to_dense().astype(np.float64)
    assert not A[5].any()
    found = Directory(model, search_of(model.embedding)).coherence()
    members = [np.flatnonzero(membership == row).tolist() for row in range(8)]
    np.testing.assert_allclose(found, [oracle.coherence(A, rows) for rows in members], atol=1e-5)


def test_what_has_no_two_items_has_no_coherence() -> None:
    model = by_hand()
    found = Directory(model, search_of(model.embedding)).coherence()
    np.testing.assert_allclose(found, [0.8, 0.8, np.nan])
