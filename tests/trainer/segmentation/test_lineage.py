"""Ids that outlive a training."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import artifact
from index.vocabulary import Vocabulary
from tests.trainer.console import TINY
from trainer.__main__ import main
from trainer.segmentation.lineage import KEPT, LAST_ID, Earlier, Lineage, inherited, numbered


def earlier(membership: list[int], n_segments: int, last_id: int = 0) -> Earlier:
    """Items "0", "1", … with segments "s1", "s2", …"""
    ids = [f"s{row + 1}" for row in range(n_segments)]
    names = Vocabulary.of(str(row) for row in range(len(membership)))
    return Earlier(ids, np.array(membership, np.int32), names, max(n_segments, last_id))


def heirs(before: list[int], after: list[int], last_id: int = 0) -> Lineage:
    n_before, n_after = max(before) + 1, max(after) + 1
    names = [str(row) for row in range(len(after))]
    return inherited(earlier(before, n_before, last_id), np.array(after, np.int32), names, n_after)


def test_without_anything_earlier_segments_are_numbered() -> None:
    assert numbered(3).ids == ["s1", "s2", "s3"]
    assert inherited(None, np.zeros(4, np.int32), ["a", "b", "c", "d"], 1).ids == ["s1"]


def test_segments_that_hold_the_same_items_keep_their_ids_in_whatever_order_they_come() -> None:
    found = heirs([0, 0, 1, 1, 2, 2], [2, 2, 0, 0, 1, 1])
    assert found.ids == ["s2", "s3", "s1"]
    assert (found.appeared, found.vanished, found.staying) == ([], [], 1.0)


def test_a_segment_that_splits_leaves_its_id_to_the_larger_half() -> None:
    found = heirs([0] * 10, [1] * 4 + [0] * 6)
    assert found.ids == ["s1", "s2"]
    assert (found.kept, found.appeared, found.vanished, found.staying) == (["s1"], ["s2"], [], 0.6)


def test_a_number_that_was_given_once_is_never_given_again() -> None:
    found = heirs([0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 2, 3], last_id=17)
    assert found.ids == ["s1", "s2", "s18", "s19"]


def test_too_little_in_common_is_another_segment() -> None:
    found = heirs([0] * 10 + [1] * 10, [0] * 2 + [1] * 16 + [0] * 2)
    assert found.ids == ["s3", "s1"]
    assert found.vanished == ["s2"]


def test_the_choice_is_for_all_segments_together() -> None:
    """Greedily the first pair would take 6 items and leave 0; together 5 and 5 are better."""
    before = [0] * 6 + [0] * 5 + [1] * 5
    after = [0] * 6 + [1] * 5 + [0] * 5
    found = heirs(before, after)
    assert found.ids == ["s2", "s1"]
    assert found.staying == pytest.approx(10 / 16)


def test_items_of_another_catalogue_continue_nothing() -> None:
    found = inherited(earlier([0, 0, 1], 2), np.zeros(3, np.int32), ["x", "y", "z"], 1)
    assert found.ids == ["s1"]


def test_pairs_with_too_little_in_common_do_not_stand_in_the_way_of_others() -> None:
    before = [0] * 59 + [1] * 60
    after = [0] * 30 + [1] * 29 + [0] * 29 + [2] * 31
    assert heirs(before, after).ids == ["s1", "s3", "s2"]


@given(st.data(), st.integers(1, 6), st.integers(1, 6), st.integers(1, 60))
def test_ids_are_distinct_new_or_old_and_old_ones_share_enough(
    data: st.DataObject, n_before: int, n_after: int, n_items: int
) -> None:
    before = data.draw(st.lists(st.integers(-1, n_before - 1), min_size=n_items, max_size=n_items))
    after = data.draw(st.lists(st.integers(-1, n_after - 1), min_size=n_items, max_size=n_items))
    old = earlier(before, n_before, last_id=9)
    found = inherited(old, np.array(after, np.int32), [str(row) for row in range(n_items)], n_after)
    assert len(set(found.ids)) == n_after
    assert sorted([*found.kept, *found.appeared]) == sorted(found.ids)
    assert sorted([*found.kept, *found.vanished]) == sorted(old.ids)
    for row, segment_id in enumerate(found.ids):
        if segment_id in old.ids:
            place = list(old.ids).index(segment_id)
            shared = sum(a == place and b == row for a, b in zip(before, after, strict=True))
            either = sum(a == place or b == row for a, b in zip(before, after, strict=True))
            assert shared >= max(KEPT * either, 1)
        else:
            assert int(segment_id[1:]) > 9


def test_training_again_keeps_ids_and_training_the_same_keeps_the_version(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pairs = [
        (user, item)
        for user in range(120)
        for item in range(40)
        if rng.random() < (0.6 if user % 4 == item % 4 else 0.05)
    ]
    frame = pl.DataFrame({"user_id": [f"u{user}" for user, _ in pairs], "item_id": [f"i{item}" for _, item in pairs]})
    file, out = tmp_path / "pairs.csv", tmp_path / "out"
    options = ["--out", str(out), "--quiet", "--min-segment-items", "4", "--tau", "0.3", *TINY]
    frame.write_csv(file)
    assert main(["fit", "--data", str(file), *options]) == 0
    first = artifact.open_current(out)
    assert main(["fit", "--data", str(file), *options]) == 0
    assert artifact.open_current(out).version == first.version
    frame.filter(pl.int_range(pl.len()) % 9 != 0).write_csv(file)
    assert main(["fit", "--data", str(file), *options, "--seed", "5"]) == 0
    second = artifact.open_current(out)
    expected = inherited(
        Earlier.of(first),
        second.model.segments.membership,
        list(second.model.vocabulary.item_ids),
        len(second.model.segments),
    )
    assert list(second.model.segments.ids) == expected.ids
    assert second.manifest.data[LAST_ID] == max(int(one[1:]) for one in [*first.model.segments.ids, *expected.ids])
