"""Segments that are alike, against means written out; and what is looked up at the same time is made once."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from index import directory
from index.directory import Directory
from index.search import search_of
from index.segment_similarity import SegmentSimilarity
from index.title_search import TitleSearch
from tests import oracle
from tests.worlds import by_hand, random_model


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_closest_segments_are_those_of_the_largest_cosine_of_their_mean_codes(seed: int, packed: bool) -> None:
    model = random_model(seed, packed=packed)
    similarity = SegmentSimilarity(model, search_of(model.embedding))
    A = model.embedding.to_dense().astype(np.float64)
    cosines = oracle.segment_cosines(A, model.segments.membership.tolist(), model.popularity.tolist(), 8)
    for row in range(8):
        found = similarity.closest(row, 5)
        expected = oracle.ranking(cosines[row], 5, [other != row for other in range(8)])
        assert oracle.same_order(found.rows.tolist(), cosines[row], expected, 1e-6)
        np.testing.assert_allclose(found.scores, cosines[row][found.rows], atol=1e-5)


def test_a_segment_without_any_code_is_like_none() -> None:
    model = by_hand()
    alone = replace(model.segments, membership=np.array([0, 0, 0, 1, 1, 2], np.int32))  # "f" has no code
    found = SegmentSimilarity(replace(model, segments=alone), search_of(model.embedding)).closest(0, 5)
    assert found.scores[found.rows == 2].tolist() == [0.0]


def test_titles_are_read_once_however_many_ask_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Counted(TitleSearch):
        def __init__(self, *given: object) -> None:
            made.append(self)
            time.sleep(0.05)
            super().__init__(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(directory, "TitleSearch", Counted)
    model = random_model(0)
    one = Directory(model, search_of(model.embedding))
    threads = [threading.Thread(target=one.find, args=("title", 3)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
