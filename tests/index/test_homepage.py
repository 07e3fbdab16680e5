"""Homepages: the shelves that a slow and dense greedy choice finds, whatever of it was looked up, and by hand."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import homepage
from index.answers import Homepage
from index.caps import Cap
from index.catalog import Catalog, CategoryColumn, ListColumn
from index.errors import UnknownAttributeError, UnknownSegmentError
from index.layout import PageSize, Pool, Shown, lay_out
from index.model import Model
from index.recommender import Recommender
from index.search import Ranking
from index.segments import Segments
from index.vocabulary import Strings
from tests import oracle
from tests.worlds import by_hand, random_model

HISTORIES = st.dictionaries(st.integers(0, 199), st.sampled_from([1.0, 1.0, 0.5, -1.0, 2.0]), min_size=1, max_size=12)


def answered(model: Model) -> Recommender:
    assert model.violation() is None
    return Recommender(model, "v1")


def shown(page: Homepage) -> list[list[str]]:
    return [[item.item_id for item in shelf.items] for shelf in page.shelves]


def on_shelves(segments: Segments) -> tuple[list[set[int]], list[set[int]]]:
    """Members and guests of each segment, as sets."""
    assert segments.guests is not None
    starts, rows = segments.guests
    return oracle.shelves(segments.membership.tolist(), starts.tolist(), rows.tolist())


@pytest.mark.parametrize("pool", [3, 25, 1000])
@settings(max_examples=35)
@given(
    st.integers(0, 30), HISTORIES, st.integers(1, 8), st.integers(1, 30), st.integers(1, 12), st.booleans(),
    st.sets(st.integers(0, 199), max_size=60),
)  # fmt: skip
def test_a_page_is_what_a_dense_greedy_choice_finds_however_little_is_in_the_pool(
    pool: int,
    seed: int,
    history: dict[int, float],
    shelves: int,
    items_per_shelf: int,
    min_items: int,
    lead: bool,
    exclude: set[int],
) -> None:
    model = random_model(seed, packed=seed % 2 == 1)
    dense = model.embedding.to_dense().astype(np.float64)
    scores = oracle.scores(dense, list(history), list(history.values()))
    if np.abs(scores).max() < 1e-9:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(homepage, "_LEAST_POOL", pool)
        patch.setattr(homepage, "_POOL", 0)
        page = answered(model).homepage(
            {f"item-{row}": weight for row, weight in history.items()},
            shelves=shelves,
            items_per_shelf=items_per_shelf,
            min_items=min_items,
            lead="top_picks" if lead else "none",
            exclude=[f"item-{row}" for row in exclude],
        )
    members, guests = on_shelves(model.segments)
    scores[np.abs(scores) < 1e-9] = 0  # what cancels out
    expected = oracle.homepage(
        scores,
        members,
        guests,
        {*history, *exclude},
        shelves=shelves,
        items_per_shelf=items_per_shelf,
        min_items=min_items,
        lead=lead and items_per_shelf <= pool,
    )
    by_profile = [shelf for shelf in page.shelves if shelf.items[0].source == "profile"]
    if lead and items_per_shelf > pool:  # a lead shelf shows what is in the pool
        return
    found = [(None if shelf.segment_id is None else int(shelf.segment_id[1:])) for shelf in by_profile]
    assert found == [segment for segment, _ in expected]
    for shelf, (_, rows) in zip(by_profile, expected, strict=True):
        assert oracle.same_order([int(item.item_id[5:]) for item in shelf.items], scores, rows)
        assert [item.score for item in shelf.items] == pytest.approx(scores[rows].tolist(), abs=1e-5)


@settings(max_examples=35)
@given(st.integers(0, 30), HISTORIES, st.integers(0, 5), st.sampled_from(["top_picks", "because", "none"]))
def test_no_item_stands_twice_and_none_of_the_history_or_of_what_is_excluded_or_muted(
    seed: int, history: dict[int, float], luck: int, lead: homepage.Lead
) -> None:
    model = random_model(seed)
    page = answered(model).homepage(
        {f"item-{row}": weight for row, weight in history.items()},
        shelves=8,
        items_per_shelf=40,
        min_items=1,
        exclude=["item-1"],
        mute=["s3"],
        lead=lead,
        seed=luck,
    )
    items = [int(item_id[5:]) for shelf in shown(page) for item_id in shelf]
    assert len(items) == len(set(items))
    assert not {*history, 1} & set(items)
    assert not (model.segments.membership[items] == 3).any()
    assert "s3" not in {shelf.segment_id for shelf in page.shelves}
    assert [shelf.kind for shelf in page.shelves].count("segment") >= len(page.shelves) - 1


@settings(max_examples=30)
@given(st.integers(0, 30), HISTORIES)
def test_the_reason_of_a_shelf_names_what_adds_most_to_the_items_that_it_shows(
    seed: int, history: dict[int, float]
) -> None:
    model = random_model(seed)
    page = answered(model).homepage({f"item-{row}": weight for row, weight in history.items()}, shelves=6)
    codes = model.embedding.to_dense().astype(np.float64)
    for shelf in page.shelves:
        if shelf.kind != "segment" or shelf.items[0].source != "profile":
            continue
        worth = codes[[int(item.item_id[5:]) for item in shelf.items]].sum(axis=0)
        adds = {row: weight * float(codes[row] @ worth) for row, weight in history.items() if weight > 0}
        named = [f"Title {row}" for row in sorted(adds, key=lambda row: (-adds[row], row))[:2] if adds[row] > 1e-9]
        assert shelf.reason == ("Because of " + " and ".join(named) if named else "Something different")


def test_by_hand_a_comedy_fan_gets_comedy_first_and_then_what_is_popular() -> None:
    page = answered(by_hand()).homepage(["a"], min_items=1, lead="none")
    assert [(shelf.label, shelf.reason, ids) for shelf, ids in zip(page.shelves, shown(page), strict=True)] == [
        ("Comedy", "Because of Airplane!", ["c"]),
        ("Gloom", "Because of Airplane!", ["b"]),
        ("War", "Because of Airplane!", ["d"]),
    ]
    page = answered(by_hand()).homepage(["c"], min_items=1, lead="none")
    assert [
        (shelf.label, shelf.items[0].source, ids) for shelf, ids in zip(page.shelves, shown(page), strict=True)
    ] == [
        ("Comedy", "profile", ["a"]),
        ("Gloom", "profile", ["b"]),
        ("War", "popularity", ["d", "e"]),
    ]


def test_the_first_shelf_has_the_best_of_all_unless_there_is_to_be_none() -> None:
    recommender = answered(random_model(4))
    page = recommender.homepage(["item-3"], shelves=3, items_per_shelf=5, min_items=1)
    best = [item.item_id for item in recommender.recommend(["item-3"], 5).items]
    assert (page.shelves[0].kind, page.shelves[0].segment_id, page.shelves[0].label) == ("top_picks", None, "Top picks")
    assert shown(page)[0] == best
    assert all(shelf.kind == "segment" for shelf in page.shelves[1:])
    page = recommender.homepage(["item-3"], shelves=3, items_per_shelf=5, min_items=1, lead="none")
    assert all(shelf.kind == "segment" for shelf in page.shelves)


def test_because_you_liked_one_item_shows_what_is_closest_to_it() -> None:
    recommender = answered(random_model(4))
    history = {"item-3": 1.0, "item-8": 1.0, "item-9": -1.0}
    shelf = recommender.homepage(history, shelves=1, items_per_shelf=7, min_items=1, lead="because").shelves[0]
    assert (shelf.kind, shelf.label) in {
        ("because", "Because you liked Title 3"), ("because", "Because you liked Title 8"),
    }  # fmt: skip
    liked = "item-3" if shelf.label.endswith("3") else "item-8"
    closest = [item.item_id for item in recommender.recommend([liked], 7, exclude=history).items]
    assert [item.item_id for item in shelf.items] == closest


def test_a_disliked_item_is_never_said_to_be_liked() -> None:
    page = answered(by_hand()).homepage({"d": -1.0, "a": 2.0}, min_items=1, lead="because", items_per_shelf=1)
    assert page.shelves[0].label == "Because you liked Airplane!"
    page = answered(by_hand()).homepage({"d": -1.0}, min_items=1, lead="because")
    assert {shelf.kind for shelf in page.shelves} == {"segment"}


@pytest.mark.parametrize("history", [[], ["nobody-knows"], ["f"]])
def test_without_a_profile_the_page_is_popular_and_says_so(history: list[str]) -> None:
    page = answered(by_hand()).homepage(history, min_items=1, items_per_shelf=2)
    assert [(shelf.kind, shelf.label) for shelf in page.shelves] == [
        ("popular", "Popular"), ("segment", "Comedy"), ("segment", "War"),
    ]  # fmt: skip
    assert {shelf.reason for shelf in page.shelves} == {"Popular with everyone"}
    assert {item.source for shelf in page.shelves for item in shelf.items} == {"popularity"}
    assert shown(page) == [["a", "b"], ["c"], ["d", "e"]]


def test_a_shelf_under_min_items_gives_way() -> None:
    page = answered(by_hand()).homepage(["c"], min_items=2, lead="none")
    assert [shelf.label for shelf in page.shelves] == ["War"]


def test_a_shelf_that_is_full_is_a_shelf_whatever_the_least() -> None:
    page = answered(by_hand()).homepage(["c"], min_items=4, items_per_shelf=1, lead="none")
    assert [len(shelf.items) for shelf in page.shelves] == [1, 1, 1]


def test_what_leads_away_is_no_reason_for_a_shelf() -> None:
    page = answered(by_hand()).homepage({"d": -1.0, "a": 1.0}, min_items=1, lead="none")
    assert {shelf.label: shelf.reason for shelf in page.shelves}["Comedy"] == "Because of Airplane!"
    assert "Das Boot" not in " ".join(shelf.reason for shelf in page.shelves)


def test_steering_brings_a_segment_up_and_muting_takes_it_away() -> None:
    recommender = answered(by_hand())
    assert recommender.homepage(["b"], min_items=1, lead="none").shelves[0].label == "Comedy"
    assert recommender.homepage(["b"], min_items=1, lead="none", steer={"s2": 5.0}).shelves[0].label == "War"
    muted = recommender.homepage(["b"], min_items=1, lead="none", mute=["s1"])
    assert [shelf.label for shelf in muted.shelves] == ["War"]
    with pytest.raises(UnknownSegmentError, match="s9"):
        recommender.homepage(["b"], mute=["s9"])


def with_authors(seed: int) -> Model:
    """Forty authors, one or two a book; half the books have a publisher of three."""
    model = random_model(seed)
    rng = np.random.default_rng(seed)
    authors = ListColumn(
        np.arange(0, 401, 2, dtype=np.int64),
        rng.integers(0, 40, 400).astype(np.int32),
        Strings.pack(f"author {name}" for name in range(40)),
    )
    publisher = CategoryColumn(rng.integers(-1, 3, 200).astype(np.int32), Strings.pack(["one", "two", "three"]))
    return replace(model, catalog=Catalog(model.catalog.titles, {"authors": authors, "publisher": publisher}))


@settings(max_examples=35)
@given(st.integers(0, 10), HISTORIES, st.integers(1, 4), st.integers(2, 9))
def test_no_value_of_an_attribute_stands_on_a_page_more_often_than_its_cap(
    seed: int, history: dict[int, float], most: int, of_a_publisher: int
) -> None:
    model = with_authors(seed)
    page = answered(model).homepage(
        {f"item-{row}": weight for row, weight in history.items()},
        shelves=5,
        items_per_shelf=8,
        min_items=1,
        max_per={"authors": most, "publisher": of_a_publisher},
        explain=True,
    )
    rows = [int(item_id[5:]) for shelf in shown(page) for item_id in shelf]
    authors, publisher = model.catalog.attributes["authors"], model.catalog.attributes["publisher"]
    for column, cap in ((authors, most), (publisher, of_a_publisher)):
        values = [column.value(row) for row in rows]
        counted = Counter(
            value for held in values for value in (set(held) if isinstance(held, list) else [held]) if value is not None
        )
        assert max(counted.values(), default=0) <= cap
    assert page.audit is not None
    assert page.audit.over_caps >= 0


def test_a_cap_leaves_out_only_what_it_must() -> None:
    model = with_authors(1)
    free = answered(model).homepage(["item-3"], shelves=1, items_per_shelf=150, min_items=1)
    capped = answered(model).homepage(["item-3"], shelves=1, items_per_shelf=150, min_items=1, max_per={"authors": 1})
    authors = model.catalog.attributes["authors"]
    seen, expected = set[str](), []
    for item_id in shown(free)[0]:
        names = authors.value(int(item_id[5:]))
        assert isinstance(names, list)
        if not seen & set(names):
            expected.append(item_id)
            seen |= set(names)
    assert shown(capped)[0] == expected


def test_a_cap_on_an_attribute_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(UnknownAttributeError, match=r"no attribute 'director'.*'country', 'genres'"):
        answered(by_hand()).homepage(["a"], max_per={"director": 1})
    with pytest.raises(UnknownAttributeError, match="'poster'"):
        answered(by_hand()).homepage(["a"], max_per={"poster": 1})


def test_a_seed_gives_one_page_another_seed_another_and_none_the_best() -> None:
    recommender = answered(random_model(2, n_segments=40, n_items=2000))
    history = [f"item-{row}" for row in range(10)]

    def page(seed: int | None) -> Homepage:
        return recommender.homepage(history, shelves=6, items_per_shelf=6, seed=seed)

    assert page(None) == page(None)
    assert page(7) == page(7)
    first = {tuple(shelf.segment_id for shelf in page(seed).shelves) for seed in range(8)}
    assert len(first) > 4
    worth = [sum(item.score for shelf in page(seed).shelves for item in shelf.items) for seed in [None, *range(8)]]
    assert worth[0] >= max(worth)
    assert min(worth) > 0.7 * worth[0]


def test_an_audit_says_what_was_considered_shown_and_left_out() -> None:
    recommender = answered(random_model(6))
    history = [f"item-{row}" for row in range(12)]
    page = recommender.homepage(history, shelves=4, items_per_shelf=6, min_items=5, mute=["s2"], explain=True)
    audit = page.audit
    assert audit is not None
    best = {item.item_id for item in recommender.recommend(history, 24, exclude=[]).items}
    there = {item_id for shelf in shown(page) for item_id in shelf}
    muted = {item.item_id for item in recommender.recommend(history, 24, segments=["s2"]).items}
    if not muted & best:
        assert audit.best_items_shown == pytest.approx(len(best & there) / len(best))
    assert audit.considered == 7
    assert len(audit.worth) == 3
    assert audit.worth == sorted(audit.worth, reverse=True)
    assert (audit.unshown[0].segment_id, audit.unshown[0].why) == ("s2", "muted")
    left = {one.segment_id for one in audit.unshown} | {shelf.segment_id for shelf in page.shelves} - {None}
    assert left == {f"s{row}" for row in range(8)}
    later = [one.worth for one in audit.unshown if one.why == "worth_less" and one.worth is not None]
    assert later == sorted(later, reverse=True)
    assert recommender.homepage(history).audit is None


def test_items_that_fit_two_shelves_are_counted_as_repeats_once_they_are_shown() -> None:
    page = answered(random_model(6)).homepage(["item-3"], shelves=6, items_per_shelf=30, min_items=1, explain=True)
    assert page.audit is not None
    assert page.audit.repeats_avoided > 0
    alone = answered(random_model(6)).homepage(["item-3"], shelves=1, items_per_shelf=30, min_items=1, explain=True)
    assert alone.audit is not None
    assert alone.audit.repeats_avoided == 0


def test_two_segments_that_share_items_are_close_and_the_smaller_ones_count() -> None:
    segments = random_model(9).segments
    members, guests = on_shelves(segments)
    for row in range(len(segments)):
        expected = [oracle.closeness(row, other, members, guests) for other in range(len(segments))]
        expected[row] = 1.0
        assert segments.closeness(row).tolist() == pytest.approx(expected)


def test_a_model_without_guests_or_segments_has_pages_too() -> None:
    model = by_hand()
    none = Segments(
        starts=np.zeros(1, np.int64),
        dims=model.segments.dims[:0],
        signs=model.segments.signs[:0],
        membership=np.full(6, -1, np.int32),
        ids=[],
        labels=[],
        n_dims=4,
    )
    page = answered(replace(model, segments=none)).homepage(["a"], min_items=1)
    assert [shelf.kind for shelf in page.shelves] == ["top_picks"]


def greedy_with_caps(
    scores: list[float], segments: list[list[int]], values: list[set[str]], n: int, least: int, shelves: int, most: int
) -> list[list[int]]:
    """Every segment is looked at anew before every shelf."""
    page: list[list[int]] = []
    counts: Counter[str] = Counter()
    shown: set[int] = set()
    left = list(range(len(segments)))
    while len(page) < shelves:
        found = []
        for place in left:
            chosen: list[int] = []
            mine = counts.copy()
            for row in sorted(segments[place], key=lambda row: (-scores[row], row)):
                if row not in shown and len(chosen) < n and all(mine[value] < most for value in values[row]):
                    chosen.append(row)
                    mine.update(values[row])
            if len(chosen) >= least:
                found.append((-sum(scores[row] for row in chosen), place, chosen))
        if not found:
            break
        _, place, chosen = min(found)
        page.append(chosen)
        left.remove(place)
        shown |= set(chosen)
        counts.update(value for row in chosen for value in values[row])
    return page


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 3), st.integers(1, 6), st.integers(1, 3))
def test_under_caps_the_page_is_the_greedy_one_though_worth_may_grow(
    seed: int, n: int, least: int, shelves: int, most: int
) -> None:
    rng = np.random.default_rng(seed)
    n_items, n_segments = 40, 8
    membership = rng.integers(0, n_segments, n_items).astype(np.int32)
    values = [set(rng.choice(list("abcdefgh"), rng.integers(0, 4), replace=False).tolist()) for _ in range(n_items)]
    letters = Strings.pack("abcdefgh")
    codes = [["abcdefgh".index(value) for value in held] for held in values]
    column = ListColumn(
        np.cumsum([0] + [len(held) for held in codes]).astype(np.int64),
        np.array([code for held in codes for code in held], np.int32),
        letters,
    )
    segments = replace(
        random_model(0, n_items=n_items, n_segments=n_segments).segments, membership=membership, guests=None
    )
    scores = rng.permutation(n_items).astype(np.float64) + 1
    order = np.argsort(-scores).astype(np.int32)
    ranking = Ranking(order, scores[order])
    pool = Pool(ranking, True, lambda _segment, _n: ranking)
    shown = Shown(np.zeros(n_items, np.bool_), [Cap(column, most)])
    found = lay_out(segments, pool, PageSize(shelves, n, least), shown)
    members = [np.flatnonzero(membership == row).tolist() for row in range(n_segments)]
    expected = greedy_with_caps(scores.tolist(), members, values, n, min(least, n), shelves, most)
    assert [shelf.items.rows.tolist() for shelf in found.shelves] == expected


def test_a_value_that_comes_twice_in_a_list_counts_once() -> None:
    column = ListColumn(np.array([0, 2, 3], np.int64), np.array([0, 0, 0], np.int32), Strings.pack(["x"]))
    shown = Shown(np.zeros(2, np.bool_), [Cap(column, 2)])
    assert shown.choose(np.array([0, 1], np.int32), 5).places.tolist() == [0, 1]


def test_the_first_shelf_looks_beyond_the_pool_where_caps_leave_out_most_of_it() -> None:
    model = random_model(1, n_items=2000)
    kinds = np.where(model.popularity >= np.sort(model.popularity)[-1500], 0, 1 + np.arange(2000) % 40)
    kind = CategoryColumn(kinds.astype(np.int32), Strings.pack(f"kind {row}" for row in range(41)))
    model = replace(model, catalog=Catalog(model.catalog.titles, {"kind": kind}))
    page = answered(model).homepage([], max_per={"kind": 1}, shelves=1)
    assert [(shelf.kind, len(shelf.items)) for shelf in page.shelves] == [("popular", 12)]


def test_popular_shelves_show_nothing_that_the_profile_leads_away_from() -> None:
    page = answered(by_hand()).homepage(["c"], steer={"s2": -5.0}, min_items=1)
    assert "War" not in {shelf.label for shelf in page.shelves}


def test_an_audit_covers_popular_shelves_too() -> None:
    page = answered(random_model(3, n_items=60)).homepage(["item-3"], explain=True, shelves=9, min_items=8)
    assert page.audit is not None
    there = {shelf.segment_id for shelf in page.shelves if shelf.segment_id}
    assert not there & {one.segment_id for one in page.audit.unshown}
    assert len(page.audit.worth) == len(there)
