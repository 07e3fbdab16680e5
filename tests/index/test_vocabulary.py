"""Names to rows and back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from index.vocabulary import Strings, Vocabulary

NAMES = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8), unique=True, max_size=30)


@given(NAMES)
def test_every_id_is_found_at_its_row(names: list[str]) -> None:
    vocabulary = Vocabulary.of(names)
    assert [vocabulary.row(name) for name in names] == list(range(len(names)))
    assert [vocabulary.item_id(row) for row in range(len(names))] == names
    assert vocabulary.violation() is None


@given(NAMES, st.text(max_size=8))
def test_an_unknown_id_has_no_row(names: list[str], other: str) -> None:
    assert (Vocabulary.of(names).row(other) is None) == (other not in names)


def test_a_lone_surrogate_names_nothing() -> None:
    assert Vocabulary.of(["a"]).row("\ud800") is None


def test_strings_behave_as_a_sequence() -> None:
    strings = Strings.pack(["à", "", "ß"])
    assert list(strings) == ["à", "", "ß"]
    assert strings[-1] == "ß"
    assert strings[1:] == ["", "ß"]


def test_strings_that_are_no_text_are_named() -> None:
    bad = Strings(np.array([0xFF], np.uint8), np.array([0, 1], np.int64))
    assert "not UTF-8" in str(bad.violation())
    assert "offsets" in str(Strings(np.zeros(3, np.uint8), np.array([0, 9], np.int64)).violation())


def test_a_repeated_id_is_named() -> None:
    assert "comes twice" in str(Vocabulary.of(["a", "b", "a"]).violation())


def test_an_empty_id_is_named() -> None:
    assert "an id is empty" in str(Vocabulary.of(["a", "", "b"]).violation())
