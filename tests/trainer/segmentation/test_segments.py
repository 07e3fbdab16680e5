"""From an embedding to labelled segments."""

from typing import Any

import numpy as np
import pytest

from index.embedding import ItemEmbedding
from index.segments import Segments
from index.vocabulary import Strings
from tests import oracle
from tests.trainer.worlds import Shop
from trainer.baselines.popular import popularity
from trainer.datasets.synthetic import THEMES
from trainer.errors import ConfigurationError
from trainer.items import without_items_file
from trainer.segmentation import SegmentOptions, segment
from trainer.segmentation.group import by_dominant_dim


def segmented(shop: Shop, embedding: ItemEmbedding, options: SegmentOptions, *, named: bool = True) -> Segments:
    catalog = shop.catalog if named else without_items_file(shop.interactions.n_items)
    return segment(embedding, catalog, shop.interactions.item_ids, popularity(shop.parts.train), options)


def test_the_planted_themes_come_out_as_segments_with_their_names(shop: Shop, segments: Segments) -> None:
    assert sorted(segments.labels) == sorted(THEMES)
    theme = np.array([int(item_id[1:]) % 12 for item_id in shop.interactions.item_ids])
    for row in range(len(segments)):
        ours = theme[segments.members(row)] == THEMES.index(segments.labels[row])
        assert ours.mean() > 0.5
    right = np.array([THEMES[theme[item]] == segments.labels[segments.membership[item]] for item in range(600)])
    assert right.mean() > 0.65


def test_segments_are_whole_and_named(segments: Segments, embedding: ItemEmbedding) -> None:
    assert segments.violation(600) is None
    assert list(segments.ids) == [f"s{row + 1}" for row in range(len(segments))]
    assert segments.sizes.tolist() == sorted(segments.sizes.tolist(), reverse=True)
    assert ((segments.membership >= 0) == embedding.coded).all()


def test_b_has_signs_at_signed_dims_and_rows_of_length_one(segments: Segments) -> None:
    B = oracle.segment_matrix([segments.signed_dims(row) for row in range(len(segments))], segments.n_dims)
    found = np.zeros_like(B)
    for row in range(len(segments)):
        entries = slice(segments.starts[row], segments.starts[row + 1])
        found[row, segments.dims[entries]] = segments.weights[entries]
    np.testing.assert_allclose(found, B, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-6)


def test_the_signed_dims_of_a_segment_are_those_of_its_members(segments: Segments, embedding: ItemEmbedding) -> None:
    A = embedding.to_dense()
    for row in range(len(segments)):
        counts: dict[tuple[int, int], int] = {}
        for item in segments.members(row):
            dim = int(np.abs(A[item]).argmax())
            place = dim, int(np.sign(A[item, dim]))
            counts[place] = counts.get(place, 0) + 1
        expected = sorted((dim, sign) for (dim, sign), count in counts.items() if count > counts.get((dim, -sign), 0))
        assert segments.signed_dims(row) == expected


def test_segmenting_is_deterministic(shop: Shop, embedding: ItemEmbedding, segments: Segments) -> None:
    again = segmented(shop, embedding, SegmentOptions())
    assert list(again.labels) == list(segments.labels)
    assert np.array_equal(again.membership, segments.membership)
    assert np.array_equal(again.dims, segments.dims)
    assert np.array_equal(again.signs, segments.signs)


def test_it_works_without_any_metadata(shop: Shop, embedding: ItemEmbedding) -> None:
    found = segmented(shop, embedding, SegmentOptions(), named=False)
    assert found.violation(600) is None
    assert len(found) > 1
    assert len(set(found.labels)) == len(found)
    for row in range(len(found)):
        members = found.members(row)
        known = popularity(shop.parts.train)[members]
        best = shop.interactions.item_ids[members[np.lexsort((members, -known))[0]]]
        assert found.labels[row] == f"Like {best}"


@pytest.mark.parametrize("max_share", [0.05, 0.1, 0.3])
def test_no_merged_segment_holds_more_than_its_share(shop: Shop, embedding: ItemEmbedding, max_share: float) -> None:
    raw = {tuple(group.rows.tolist()) for group in by_dominant_dim(embedding)}
    found = segmented(shop, embedding, SegmentOptions(tau=0.1, max_share=max_share))
    for row in range(len(found)):
        members = tuple(found.members(row).tolist())
        assert len(members) <= max_share * 600 or members in raw


def test_a_shop_too_small_for_its_share_may_still_fill_a_shelf(shop: Shop, embedding: ItemEmbedding) -> None:
    found = segmented(shop, embedding, SegmentOptions(tau=0.1, max_share=0.001, min_items=12))
    raw = {tuple(group.rows.tolist()) for group in by_dominant_dim(embedding)}
    members = [tuple(found.members(row).tolist()) for row in range(len(found))]
    assert all(len(rows) <= 12 or rows in raw for rows in members)
    assert not set(members) <= raw


def test_small_segments_join_others(shop: Shop, embedding: ItemEmbedding) -> None:
    few = segmented(shop, embedding, SegmentOptions(tau=0.9, min_items=12))
    many = segmented(shop, embedding, SegmentOptions(tau=0.9, min_items=1))
    assert many.sizes.min() < 12 <= few.sizes.min()
    assert len(few) < len(many)


def test_nothing_merges_at_tau_one(shop: Shop, embedding: ItemEmbedding) -> None:
    found = segmented(shop, embedding, SegmentOptions(tau=1.0, min_items=1))
    expected = {tuple(group.rows.tolist()) for group in by_dominant_dim(embedding)}
    assert {tuple(found.members(row).tolist()) for row in range(len(found))} == expected
    assert all(len(found.signed_dims(row)) == 1 for row in range(len(found)))


def test_items_without_a_code_are_in_no_segment(shop: Shop, embedding: ItemEmbedding) -> None:
    dense = embedding.to_dense()
    dense[[5, 500]] = 0
    found = segmented(shop, ItemEmbedding.from_dense(dense, 4), SegmentOptions())
    assert np.flatnonzero(found.membership < 0).tolist() == [5, 500]
    assert found.violation(600) is None


def test_an_embedding_without_any_code_has_no_segments(shop: Shop) -> None:
    found = segmented(shop, ItemEmbedding.from_dense(np.zeros((600, 8)), 2), SegmentOptions())
    assert len(found) == 0
    assert found.violation(600) is None


@pytest.mark.parametrize(
    "changes",
    [{"tau": -0.1}, {"tau": 1.1}, {"tau": float("nan")}, {"max_share": 0.0}, {"max_share": 1.1}, {"min_items": 0}],
    ids=str,
)
def test_options_out_of_range_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="--tau must lie between 0 and 1, --max-share"):
        SegmentOptions(**changes)


def test_labels_and_ids_survive_as_text(segments: Segments) -> None:
    assert list(Strings.pack(segments.labels)) == list(segments.labels)
    assert all(label.istitle() for label in segments.labels)
