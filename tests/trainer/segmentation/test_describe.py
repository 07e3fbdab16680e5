"""What a class has more of than the catalogue, against loops; terms, spellings and labels."""

import re
from collections.abc import Sequence
from itertools import combinations
from math import log, sqrt

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from index.catalog import Catalog, Column, LinkColumn, ListColumn, NumberColumn
from index.embedding import ItemEmbedding
from index.vocabulary import Strings
from trainer.items import without_items_file
from trainer.segmentation.describe import Describer
from trainer.segmentation.terms import fold, title_case

GENRES = ("comedy", "war", "sci-fi", "drama", "horror")


def lists(values: Sequence[Sequence[str]]) -> ListColumn:
    categories = sorted({term for terms in values for term in terms})
    codes = np.array([categories.index(term) for terms in values for term in terms], np.int32)
    starts = np.cumsum([0, *(len(terms) for terms in values)]).astype(np.int64)
    return ListColumn(starts, codes, Strings.pack(categories))


def describer_of(
    titles: Sequence[str],
    attributes: dict[str, Column] | None = None,
    popularity: Sequence[float] | None = None,
    item_ids: Sequence[str] | None = None,
) -> Describer:
    n_items = len(titles)
    embedding = ItemEmbedding.from_dense(np.random.default_rng(0).normal(size=(n_items, 6)), 2)
    shares = np.full(n_items, 0.25, np.float32) if popularity is None else np.array(popularity, np.float32)
    ids = [f"i{row}" for row in range(n_items)] if item_ids is None else item_ids
    return Describer(embedding, Catalog(Strings.pack(titles), attributes or {}), ids, shares)


def tf_idf_by_loop(
    terms_of: Sequence[set[str]], popularity: Sequence[float], rows: Sequence[int], term: str, weight: float
) -> float:
    """share_c log(share_c / share), shares by the square root of popularity, the class drawn to it by three items."""
    attention = [sqrt(value) for value in popularity]
    mean = sum(attention) / len(attention)
    attention = [value / mean for value in attention]
    having = [term in terms for terms in terms_of]
    share = sum(a for a, has in zip(attention, having, strict=True) if has) / sum(attention)
    inside = sum(attention[row] for row in rows if having[row])
    share_c = (inside + 3 * share) / (sum(attention[row] for row in rows) + 3)
    return 0.0 if share > 0.5 else max(share_c * log(share_c / share), 0.0) * weight


@given(st.integers(0, 2**32), st.integers(6, 30), st.data())
def test_weights_are_class_based_tf_idf(seed: int, n_items: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    terms_of = [{term for term in GENRES if rng.random() < 0.4} for _ in range(n_items)]
    popularity = [float(np.float32(value)) for value in rng.random(n_items)]
    rows = data.draw(st.lists(st.integers(0, n_items - 1), unique=True, min_size=1))
    found = describer_of([""] * n_items, {"genres": lists([sorted(terms) for terms in terms_of])}, popularity)
    weights = dict(zip(found.names, found.term_weights(np.array(rows)), strict=True))
    frequent = [term for term in GENRES if sum(term in terms for terms in terms_of) >= 3]
    assert set(weights) <= {title_case(term) for term in frequent}
    for term in frequent:
        expected = tf_idf_by_loop(terms_of, popularity, rows, term, 1.0)
        assert weights.get(title_case(term), 0) == pytest.approx(expected, abs=1e-6)


def test_title_words_and_decades_weigh_less_than_attributes() -> None:
    titles = ["The Dragon Returns", "My Dragon", "Dragon II", *(f"x{row}" for row in range(7))]
    years = NumberColumn(np.array([1981, 1985.0, 1989, *[np.nan] * 6, 1990]))
    found = describer_of(titles, {"release_year": years, "genres": lists([["saga"]] * 3 + [[]] * 7)})
    weights = dict(zip(found.names, found.term_weights(np.arange(3)), strict=True))
    assert list(weights) == ["1980s", "Dragon", "Saga"]
    terms_of: list[set[str]] = [{"t"}] * 3 + [set()] * 7
    for name, weight in (("Saga", 1.0), ("1980s", 0.7), ("Dragon", 0.3)):
        expected = tf_idf_by_loop(terms_of, [0.25] * 10, [0, 1, 2], "t", weight)
        assert weights[name] == pytest.approx(expected, abs=1e-6)


def test_numbers_that_are_no_years_say_nothing() -> None:
    def names(attribute: str, number: float) -> list[str]:
        values = np.array([number] * 4 + [np.nan] * 6)
        return list(describer_of([""] * 10, {attribute: NumberColumn(values)}).names)

    assert names("year", 1984.0) == ["1980s"]
    assert names("votes", 1984.0) == names("year", 12.0) == []


def test_links_and_long_texts_say_nothing() -> None:
    attributes: dict[str, Column] = {
        "poster": LinkColumn(Strings.pack(["https://example.org"] * 12)),
        "tags": lists([["a tag that is really a sentence", "short"]] * 6 + [[]] * 6),
    }
    assert describer_of([""] * 12, attributes).names == ["Short"]


def test_a_term_that_half_the_catalogue_has_names_nothing() -> None:
    found = describer_of([""] * 10, {"genres": lists([["all", "some"]] * 4 + [["all"]] * 6)})
    weights = dict(zip(found.names, found.term_weights(np.arange(3)), strict=True))
    assert weights.get("All", 0) == 0
    assert weights["Some"] > 0


def test_spellings_of_one_term_count_together_and_the_commonest_is_shown() -> None:
    values = [["Sci-Fi"], ["sci fi"], ["SciFi"], ["Sci-Fi"], ["drama"], ["Dramas"], ["drama"]]
    found = describer_of([""] * 14, {"genres": lists([*values, *[[]] * 7])})
    assert found.names == ["Drama", "Sci-Fi"]
    assert found.has.toarray().sum(axis=0).tolist() == [3, 4]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Sci-Fi", "sci fi", True),
        ("Sci-Fi", "SciFi", True),
        ("sci_fi", "Sci-Fi", False),  # an underscore is part of a word
        ("Comedies", "comedy", True),
        ("Thrillers", "thriller", True),
        ("R&B", "R and B", True),
        ("Children's", "childrens", True),
        ("drama", "Drama ", True),
        ("Straße", "STRASSE", True),
        ("1980s", "1980", False),
        ("Glass", "Glas", False),
        ("News", "New", True),
        ("is", "i", False),
        ("war", "wars", True),
        ("war", "warm", False),
    ],
)
def test_near_duplicates_fold_to_one(one: str, other: str, same: bool) -> None:
    assert (fold(one) == fold(other)) == same


@given(st.text(max_size=20))
def test_folding_does_not_mind_case_and_spaces(term: str) -> None:
    assert fold(term.upper().lower()) == fold(f" {term.upper().lower()}\t")
    assert not re.search(r"[^\w]", fold(term))


@pytest.mark.parametrize(
    ("term", "shown"),
    [
        ("comedy", "Comedy"),
        ("sci-fi", "Sci Fi"),
        ("Sci-Fi", "Sci-Fi"),
        ("science_fiction", "Science Fiction"),
        ("DC comics", "DC Comics"),
        ("1980s", "1980s"),
        ("80s music", "80s Music"),
        ("children's", "Children's"),
        ("école", "École"),
        ("children-s-books", "Children's Books"),
        ("women s fiction", "Women's Fiction"),
        ("plan s", "Plan's"),
        ("", ""),
    ],
)
def test_labels_are_in_title_case(term: str, shown: str) -> None:
    assert title_case(term) == shown


@given(st.integers(0, 2**32))
def test_a_descriptor_is_the_heaviest_terms_at_length_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    terms = [f"term {letter}{second}" for letter in "abcdef" for second in "ghijkl"]
    values = [sorted(rng.choice(terms, rng.integers(1, 12), replace=False)) for _ in range(40)]
    found = describer_of([""] * 40, {"tags": lists(values)})
    rows = rng.choice(40, 6, replace=False)
    weights = found.term_weights(rows)
    descriptor = found.descriptor(rows)
    assert np.linalg.norm(descriptor) == pytest.approx(1.0)
    order = sorted(range(len(weights)), key=lambda term: (-weights[term], term))[:24]
    expected = np.zeros_like(weights)
    expected[order] = weights[order]
    np.testing.assert_allclose(descriptor, expected / np.linalg.norm(expected), atol=1e-12)


def test_items_without_a_term_have_an_empty_descriptor() -> None:
    found = describer_of([""] * 8, {"tags": lists([["a"]] * 4 + [[]] * 4)})
    assert not found.descriptor(np.array([5, 6])).any()


def test_a_mean_code_counts_items_by_attention_and_keeps_the_heaviest_dims() -> None:
    A = np.random.default_rng(0).normal(size=(9, 6))
    embedding = ItemEmbedding.from_dense(A, 2)
    popularity = np.linspace(0.9, 0.1, 9, dtype=np.float32)
    found = Describer(embedding, without_items_file(9), [str(row) for row in range(9)], popularity)
    rows = np.array([1, 4, 7])
    expected = (embedding.to_dense()[rows] * np.sqrt(popularity[rows])[:, None]).sum(axis=0)
    np.testing.assert_allclose(found.mean_code(rows), expected / np.linalg.norm(expected), atol=1e-5)


def test_a_mean_code_of_many_dims_keeps_64_of_them_and_shares_columns_beyond_8192() -> None:
    rng = np.random.default_rng(1)
    embedding = ItemEmbedding(
        np.stack([np.sort(rng.choice(20_000, 30, replace=False)) for _ in range(12)]).astype(np.uint16),
        np.full((12, 30), 30**-0.5, np.float32),
        20_000,
    )
    found = Describer(embedding, without_items_file(12), [str(row) for row in range(12)], np.ones(12, np.float32))
    code = found.mean_code(np.arange(12))
    assert len(code) == 8192
    assert (code != 0).sum() == 64
    assert np.linalg.norm(code) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("one", "other"),
    [("crime mystery", "Mystery, Crime"), ("historical-fiction", "fiction historical"), ("R&B music", "music R and B"),
     ("children-s-books", "childrens books"), ("children's books", "books children")],
)  # fmt: skip
def test_the_order_of_words_and_a_lone_s_make_no_other_term(one: str, other: str) -> None:
    found = describer_of([""] * 8, {"tags": lists([[one], [other], [one], *[[]] * 5])})
    assert len(found.names) == 1
    assert found.has.sum() == 3


def test_lists_of_what_to_read_are_no_kind_of_book() -> None:
    tags = [
        ["to-read"],
        ["non-fiction-to-read"],
        ["Non-fiction"],
        ["to read non fiction"],
        ["how-to"],
        ["how-to"],
        ["how-to"],
    ]
    found = describer_of([""] * 14, {"tags": lists([*tags, *[[]] * 7])})
    assert sorted(found.names) == ["How To", "Non-fiction"]


def words(label: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", label.lower()))


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.booleans(), st.booleans())
def test_no_two_labels_consist_of_the_same_words(seed: int, titled: bool, tagged: bool) -> None:
    rng = np.random.default_rng(seed)
    titles = [f"{rng.choice(['Dragon', 'Night', 'River'])} {row}" if titled else "" for row in range(60)]
    attributes: dict[str, Column] = {"genres": lists([[str(rng.choice(GENRES))] for _ in range(60)])} if tagged else {}
    found = describer_of(titles, attributes, list(rng.random(60)))
    classes = np.array_split(rng.permutation(60), 12)
    labels = found.labels(classes)
    assert len(labels) == 12
    assert len({words(label) for label in labels}) == 12
    assert all(label == label.strip() and 0 < len(label) <= 60 for label in labels)
    assert all(word[0] == word[0].upper() for label in labels for word in label.split() if not word.startswith("i"))
    assert labels == found.labels(classes)


def test_a_label_is_what_stands_out() -> None:
    values = [["comedy", "romance"]] * 10 + [["war"]] * 10 + [["comedy"]] * 10 + [["drama"]] * 10
    found = describer_of([""] * 40, {"genres": lists(values)})
    assert found.labels(np.split(np.arange(40), 4)) == ["Romance", "War", "Comedy", "Drama"]


def test_two_terms_make_a_label_that_neither_makes_alone() -> None:
    values = [["comedy"]] * 5 + [["war"]] * 5 + [["drama"]] * 40
    found = describer_of([""] * 50, {"genres": lists(values)})
    assert found.labels([np.arange(10)]) == ["Comedy / War"]


@given(st.integers(0, 2**32), st.integers(12, 40))
def test_the_first_label_covers_most_of_its_class_and_least_of_the_rest(seed: int, n_items: int) -> None:
    """Any of one or two terms, each at the price of a twentieth of the class, among those that it has more of."""
    rng = np.random.default_rng(seed)
    terms_of = [{term for term in GENRES[:4] if rng.random() < 0.3} for _ in range(n_items)]
    rows = rng.choice(n_items, n_items // 3, replace=False).tolist()
    popularity = [0.25] * n_items
    found = describer_of([""] * n_items, {"genres": lists([sorted(terms) for terms in terms_of])}, popularity)
    useful = [
        term
        for term in GENRES[:4]
        if sum(term in terms for terms in terms_of) >= 3
        and tf_idf_by_loop(terms_of, popularity, rows, term, 1.0) > 0
        and sum(term in terms_of[row] for row in rows) + 3 * np.mean([term in terms for terms in terms_of])
        >= 0.2 * (len(rows) + 3)
    ]
    assume(useful)
    worth = {}
    for terms in [*combinations(useful, 1), *combinations(useful, 2)]:
        fits = [bool(set(terms) & having) for having in terms_of]
        inside = [fits[row] for row in rows]
        worth[frozenset(map(fold, terms))] = float(np.mean(inside) - np.mean(fits)) - 0.05 * len(terms)
    (label,) = found.labels([np.array(rows)])
    assert worth[frozenset(map(fold, label.split(" / ")))] == pytest.approx(max(worth.values()), abs=1e-9)


def dated(years: Sequence[int], genres: Sequence[Sequence[str]]) -> Describer:
    return describer_of([""] * len(years), {"year": NumberColumn(np.array(years, np.float64)), "genres": lists(genres)})


def test_a_decade_stands_before_what_it_is_the_decade_of() -> None:
    years = [1984] * 10 + [2004] * 20 + [1984] * 20 + [2004] * 50
    found = dated(years, [["horror"]] * 30 + [["drama"]] * 70)
    assert found.labels([np.arange(10)]) == ["1980s Horror"]


def test_no_label_is_made_of_two_decades() -> None:
    found = dated([1984, 1994] * 6 + [2004] * 40, [["horror"]] * 12 + [[]] * 40)
    labels = found.labels(np.split(np.arange(12), 6))
    assert len({words(label) for label in labels}) == 6
    assert all(len(re.findall(r"\d{4}s", label)) <= 1 for label in labels)


def test_no_label_says_a_word_twice() -> None:
    tags = [["picture books"]] * 4 + [["kids books"]] * 4 + [["war"]] * 20
    label = describer_of([""] * 28, {"tags": lists(tags)}).labels([np.arange(8)])[0]
    assert label.lower().count("books") == 1


def test_classes_of_one_term_take_other_labels_in_turn() -> None:
    found = describer_of([f"x{row}" for row in range(40)], {"genres": lists([["war"]] * 12 + [["drama"]] * 28)})
    labels = found.labels([np.arange(4), np.arange(4, 8), np.arange(8, 12)])
    assert labels == ["War", "War: x4", "War: x8"]


def test_what_only_few_of_a_class_have_does_not_name_it() -> None:
    values = [["war"]] + [["drama"]] * 9 + [["horror"]] * 20 + [["war"]] * 2
    found = describer_of([""] * 32, {"genres": lists(values)})
    assert found.labels([np.arange(10)]) == ["Drama"]


def test_without_metadata_the_most_popular_item_names_a_class() -> None:
    found = describer_of(["", "", ""], popularity=[0.1, 0.9, 0.3], item_ids=["a", "b", "c"])
    assert found.labels([np.array([0, 1]), np.array([2])]) == ["Like b", "Like c"]


def test_items_of_one_name_still_name_their_classes_apart() -> None:
    found = describer_of(["Hamlet", "Hamlet"], item_ids=["1990", "1996"])
    labels = found.labels([np.array([0]), np.array([1])])
    assert labels[0] == "Like Hamlet"
    assert labels[1].startswith("Like Hamlet ")


@pytest.mark.parametrize("item_ids", [["a", "A"], ["ab-1", "ab1"], ["+", "-"], ["item", "items"]])
def test_ids_that_differ_in_case_or_signs_only_still_name_their_classes(item_ids: list[str]) -> None:
    found = describer_of(["", ""], item_ids=item_ids)
    labels = found.labels([np.array([0]), np.array([1])])
    assert len(set(labels)) == 2


def test_a_label_is_short_even_where_titles_are_long() -> None:
    (label,) = describer_of(["Stainless Steel Insulated Water Bottle with Straw Lid " * 4]).labels([np.array([0])])
    assert len(label) <= 100
