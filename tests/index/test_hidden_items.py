"""Items that no answer may hold, and spares for pages that are read later on."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import index.limits
from index.answers import RankedItem, RankedSegment
from index.recommender import Recommender
from tests.worlds import by_hand, random_model

ITEMS = [str(row) for row in range(200)]
SOME = st.sets(st.sampled_from(ITEMS), max_size=60)


def recommender(seed: int) -> Recommender:
    return Recommender(random_model(seed, packed=seed % 2 == 1), "v1")


def names(model: Recommender) -> list[str]:
    return [model.model.vocabulary.item_id(row) for row in range(len(model.model.vocabulary))]


@pytest.mark.parametrize("few", [1000, 5])
@settings(max_examples=15)
@given(st.integers(0, 30), st.sets(st.integers(0, 199), max_size=9), st.sets(st.integers(0, 199), max_size=60))
def test_hiding_items_is_excluding_them_from_everything(few: int, seed: int, liked: set[int], hidden: set[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index.limits, "_FEW_HIDDEN", few)
        all_of_them = recommender(seed)
        ids = names(all_of_them)
        history, gone = [ids[row] for row in sorted(liked)], [ids[row] for row in sorted(hidden)]
        hiding = all_of_them.hiding([*gone, "never heard of"])
        assert hiding.recommend(history, 30).items == all_of_them.recommend(history, 30, exclude=gone).items
        pages = hiding.homepage(history, spares=3), all_of_them.homepage(history, exclude=gone, spares=3)
        shown = [[(shelf.segment_id, shelf.items, shelf.spares) for shelf in page.shelves] for page in pages]
        assert shown[0] == shown[1]
        ranked = hiding.rank_items([history], 30)[0].ranking
        assert [ids[row] for row in ranked.rows] == [item.item_id for item in hiding.recommend(history, 30).items]
        assert all_of_them.recommend(history, 200).items == all_of_them.hiding([]).recommend(history, 200).items


def test_a_hidden_item_is_not_named_as_a_reason_and_a_shortfall_says_that_items_are_hidden() -> None:
    hiding = Recommender(by_hand(), "v1").hiding(["a"])
    page = hiding.homepage(["a", "c"], min_items=1, lead="because")
    assert "Airplane!" not in str(page)
    assert "Clerks" in str(page)
    assert "hidden items" in str(hiding.recommend(["c"], 20).shortfall)


def test_a_hidden_item_is_not_named_where_a_score_is_explained_and_what_it_adds_is_in_the_rest() -> None:
    hiding = Recommender(by_hand(), "v1").hiding(["a"])
    answered = hiding.recommend(["a", "c"], 3, explain=True), hiding.segments(["a", "c"], 3, explain=True)
    assert "Airplane!" not in str(answered)
    answers: list[RankedItem | RankedSegment] = [*answered[0].items, *answered[1].segments]
    for answer in answers:
        if answer.why is not None:
            parts = [part.part for part in answer.why.history]
            assert sum(parts) + answer.why.history_rest == pytest.approx(answer.score)
            assert not answer.why.history or [part.item_id for part in answer.why.history] == ["c"]
    assert any(answer.why and answer.why.history_rest for answer in answered[0].items)


@settings(max_examples=25)
@given(st.integers(0, 30), st.sets(st.integers(0, 199), max_size=9), st.integers(1, 6), st.integers(0, 8))
def test_spares_are_the_next_best_of_a_shelf_and_stand_nowhere_on_the_page(
    seed: int, liked: set[int], per_shelf: int, n: int
) -> None:
    asked = recommender(seed)
    ids = names(asked)
    page = asked.homepage([ids[row] for row in liked], items_per_shelf=per_shelf, min_items=1, spares=n)
    on_page = {item.item_id for shelf in page.shelves for item in shelf.items}
    for shelf in page.shelves:
        assert len(shelf.spares) <= n
        assert not on_page & {item.item_id for item in shelf.spares}
        assert not liked & {ids.index(item.item_id) for item in shelf.spares}
        scores = [item.score for item in shelf.spares]
        assert scores == sorted(scores, reverse=True)
        if shelf.segment_id is not None:
            row = asked.segment_row(shelf.segment_id)
            allowed = {ids[item] for item in asked.model.segments.shelf_items(row)}
            assert {item.item_id for item in shelf.spares} <= allowed
            if shelf.spares:  # the next ones: nothing that stands nowhere is better
                better = asked.recommend([ids[row] for row in liked], 200, candidates=allowed - on_page).items
                best = [item.item_id for item in better][: len(shelf.spares)]
                if page.shelves[0].kind == "top_picks" and all(item.source == "profile" for item in shelf.items):
                    assert [item.item_id for item in shelf.spares] == best


def test_a_page_under_caps_has_no_spares() -> None:
    page = Recommender(by_hand(), "v1").homepage(
        ["a"], min_items=1, items_per_shelf=1, max_per={"country": 1}, spares=3
    )
    assert not any(shelf.spares for shelf in page.shelves)
