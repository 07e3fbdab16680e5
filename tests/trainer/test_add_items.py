"""add-items: what is there stays as it is, and new items are found by who likes their kind."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import artifact
from index.artifact import Artifact
from index.catalog import Catalog, CategoryColumn, Column, LinkColumn, ListColumn, NumberColumn
from index.embedding import ItemEmbedding
from index.packed import PackedEmbedding
from index.recommender import Recommender
from index.vocabulary import Strings
from tests.trainer.console import TINY, Console, exit_code, files, films
from trainer.__main__ import main
from trainer.enlarged import joined

ITEMS = "movie_id\ttitle\tyear\tgenres\tcountry\nnew-war\tTrenches\t2001\tWar,Drama\tUK\nnew-odd\tOdd\t\tBallet\t\n"


def opened(folder: Path) -> Artifact:
    return artifact.open_current(folder / "out")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `out`, a shop of two tastes: even items are comedies, odd ones are about war."""
    folder = tmp_path_factory.mktemp("films")
    assert main(["fit", *films(folder), *TINY, "--out", str(folder / "out")]) == 0
    return folder


@pytest.fixture
def shop(trained: Path, tmp_path: Path) -> Path:
    """A copy of it, with files of new items and of who met them."""
    for name, content in files(trained).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "new.tsv").write_text(ITEMS)
    rows = [f"{user},{item}" for user in ("a", "b", "c") for item in (1, 5, 9, 13, "met-war")]
    rows += [f"{user},{item}" for user in ("d", "e") for item in (0, 2, 8, "met-comedy")]
    (tmp_path / "met.csv").write_text("\n".join(["user_id,movie_id,rating", *(f"{row},5" for row in rows)]) + "\n")
    return tmp_path


def added(shop: Path) -> int:
    return main(["add-items", str(shop / "out"), "--data", str(shop / "met.csv"), "--items", str(shop / "new.tsv")])


def best(version: Artifact, *history: str) -> list[str]:
    found = Recommender(version.model, version.version).recommend(dict.fromkeys(history, 1.0), 60)
    return [one.item_id for one in found.items]


def test_all_that_was_there_stays(shop: Path) -> None:
    before = opened(shop)
    assert added(shop) == 0
    after, n = opened(shop), len(before.model.vocabulary)
    assert after.manifest.data["added_to"] == before.version
    assert after.manifest.data["n_trained_items"] == n
    assert after.model.embedding.take(np.arange(n, dtype=np.int32)).to_dense().tobytes() == (
        before.model.embedding.to_dense().tobytes()
    )
    assert list(after.model.vocabulary.item_ids) == [
        *before.model.vocabulary.item_ids, "new-war", "new-odd", "met-comedy", "met-war",
    ]  # fmt: skip
    assert (after.model.popularity[:n] == before.model.popularity).all()
    assert (after.model.segments.membership[:n] == before.model.segments.membership).all()
    assert list(after.model.segments.ids) == list(before.model.segments.ids)
    for row in range(n):
        assert after.model.catalog.title(row) == before.model.catalog.title(row)
        for name, column in before.model.catalog.attributes.items():
            assert after.model.catalog.attributes[name].value(row) == column.value(row) or (
                name == "year" and column.value(row) is None
            )


def test_who_likes_a_kind_of_film_finds_the_new_ones(shop: Path) -> None:
    assert added(shop) == 0
    version = opened(shop)
    for_war, for_comedy = best(version, "1", "3", "5", "7"), best(version, "0", "2", "4", "6")
    for new in ("met-war", "new-war"):
        assert for_war.index(new) < min(25, for_comedy.index(new))
    assert for_comedy.index("met-comedy") < min(25, for_war.index("met-comedy"))


def test_what_is_known_of_a_new_item_is_in_the_catalogue(shop: Path) -> None:
    assert added(shop) == 0
    model = opened(shop).model
    row, odd, met = (model.vocabulary.row(name) for name in ("new-war", "new-odd", "met-war"))
    assert row is not None
    assert odd is not None
    assert met is not None
    assert model.catalog.title(row) == "Trenches"
    assert {name: column.value(row) for name, column in model.catalog.attributes.items()} == {
        "year": 2001.0, "genres": ["War", "Drama"], "country": "UK",
    }  # fmt: skip
    assert model.catalog.attributes["genres"].value(odd) == ["Ballet"]
    assert model.catalog.attributes["year"].value(met) is None
    assert model.popularity[met] == pytest.approx(3 / 60)
    assert model.segments.membership[met] >= 0
    assert not model.embedding.coded[odd]
    assert model.segments.membership[odd] == -1


def test_it_says_what_became_of_each(shop: Path, capsys: Console) -> None:
    before = opened(shop).version
    assert added(shop) == 0
    told = capsys.readouterr().out
    assert f"{opened(shop).version} is the current version now; it was {before}" in told
    assert "4 new items: 2 by their first users, 1 by attributes alone" in told
    assert "1 without a code come last" in told
    assert "  Trenches: " in told
    assert "  Odd: in no segment" in told
    assert main(["inspect", str(shop / "out")]) == 0
    assert f"added       4 of the items since {before} was trained" in capsys.readouterr().out
    assert main(["add-items", str(shop / "out"), "--data", str(shop / "met.csv"), "--json"]) == 0
    [comedy, war] = json.loads(capsys.readouterr().out)["items"]
    assert (comedy["item_id"], comedy["n_users"], war["item_id"], war["n_users"]) == ("met-comedy", 2, "met-war", 3)


def test_more_users_of_an_added_item_change_its_code_and_no_other(shop: Path) -> None:
    assert added(shop) == 0
    before = opened(shop)
    with (shop / "met.csv").open("a") as file:
        file.writelines(f"{user},{item},5\n" for user in ("f", "g", "h") for item in (0, 4, 6, "met-war"))
    assert added(shop) == 0
    after = opened(shop)
    assert list(after.model.vocabulary.item_ids) == list(before.model.vocabulary.item_ids)
    changed = (after.model.embedding.to_dense() != before.model.embedding.to_dense()).any(axis=1)
    assert changed[after.model.vocabulary.row("met-war")]
    assert not changed[: after.manifest.data["n_trained_items"]].any()
    assert after.manifest.data["added_to"] == before.manifest.data["added_to"]


def test_with_nothing_new_nothing_changes(shop: Path, capsys: Console) -> None:
    before = files(shop / "out")
    assert main(["add-items", str(shop / "out"), "--items", str(shop / "items.tsv")]) == 0
    assert files(shop / "out").keys() >= before.keys()  # five films that nobody had are new
    before = files(shop / "out")
    capsys.readouterr()
    assert main(["add-items", str(shop / "out"), "--items", str(shop / "items.tsv")]) == 0
    assert "stays current; nothing is changed" in capsys.readouterr().out
    assert files(shop / "out") == before


def test_the_same_files_give_the_same_version_and_rollback_goes_back(shop: Path) -> None:
    before = opened(shop).version
    assert added(shop) == 0
    first = opened(shop).version
    assert main(["rollback", str(shop / "out")]) == 0
    assert opened(shop).version == before
    assert added(shop) == 0
    assert opened(shop).version == first


def test_the_next_training_has_no_grudge(shop: Path) -> None:
    assert added(shop) == 0
    fit = ["fit", *films(shop), *TINY, "--out", str(shop / "out"), "--warm-start", "--no-holdout"]
    assert main(fit) == 0
    assert "n_trained_items" not in opened(shop).manifest.data


def test_its_test_users_are_those_of_the_training(shop: Path, capsys: Console) -> None:
    assert added(shop) == 0
    assert main(["evaluate", str(shop / "out"), "--data", str(shop / "ratings.csv"), "--json"]) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["add-items", "{}/nowhere", "--items", "{}/new.tsv"], 5, "there is no such folder"),
        (["add-items", "{}/out"], 2, "give --data"),
        (["add-items", "{}/out", "--data", "{}/met.csv", "--title-col", "title"], 2, "--title-col goes with --items"),
        (["add-items", "{}/out", "--items", "{}/new.tsv", "--min-rating", "3"], 2, "--min-rating goes with --data"),
        (["add-items", "{}/out", "--data", "{}/strangers.csv"], 4, "it has none of the items of ratings-"),
        (["add-items", "{}/out", "--items", "{}/wrong.tsv"], 4, "which column is the item?"),
        (["add-items", "{}/out", "--items", "{}/years.tsv"], 4, "'year' is 'soon', which is no number"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_changed(
    shop: Path, arguments: list[str], code: int, words: str, capsys: Console
) -> None:
    (shop / "strangers.csv").write_text("user_id,item_id\na,one\na,two\n")
    (shop / "wrong.tsv").write_text("thing\ttitle\nx\tX\n")
    (shop / "years.tsv").write_text("movie_id\ttitle\tyear\nx\tX\tsoon\n")
    before = files(shop / "out")
    assert exit_code(*(word.format(shop) for word in arguments)) == code
    assert words in capsys.readouterr().err
    assert files(shop / "out") == before


def test_packed_codes_of_new_items_are_as_close_as_those_of_the_others(trained: Path) -> None:
    model = opened(trained).model
    assert isinstance(model.embedding, PackedEmbedding)
    rows = np.flatnonzero(model.embedding.coded).astype(np.int32)
    codes = ItemEmbedding.from_entries(*model.embedding.codes_of(rows), model.embedding.n_dims)
    again = model.embedding.pack_more(codes)
    cosines = (again.to_dense() * codes.to_dense()).sum(axis=1)
    assert cosines.min() > 0.999


def test_codes_that_are_stored_as_they_are_get_new_ones_beside_them(shop: Path) -> None:
    fit = ["fit", *films(shop), *TINY, "--codes", "float32", "--out", str(shop / "out")]
    assert main(fit) == 0
    before = opened(shop).model.embedding
    assert added(shop) == 0
    after = opened(shop).model.embedding
    assert isinstance(after, ItemEmbedding)
    assert after.to_dense()[: before.n_items].tobytes() == before.to_dense().tobytes()
    assert after.coded[before.n_items :].sum() == 3


# ------------------------------------------------------------ catalogues

TEXTS = st.lists(st.sampled_from(["", "a", "b", "ü"]), min_size=1, max_size=4)
LISTS = st.lists(st.lists(st.sampled_from("abc"), max_size=3, unique=True), min_size=1, max_size=4)


def catalog(texts: list[str], lists: list[list[str]], only: set[str]) -> Catalog:
    n = min(len(texts), len(lists))
    names = sorted({text for text in texts[:n] if text})
    own = sorted({one for some in lists[:n] for one in some})
    starts = np.cumsum([0] + [len(some) for some in lists[:n]]).astype(np.int64)
    codes = np.array([names.index(text) if text else -1 for text in texts[:n]], np.int32)
    of_lists = np.array([own.index(one) for some in lists[:n] for one in some], np.int32)
    columns: dict[str, Column] = {
        "category": CategoryColumn(codes, Strings.pack(names)),
        "list": ListColumn(starts, of_lists, Strings.pack(own)),
        "link": LinkColumn(Strings.pack(texts[:n])),
        "number": NumberColumn(np.array([float(len(some)) for some in lists[:n]])),
    }
    return Catalog(Strings.pack(texts[:n]), {name: column for name, column in columns.items() if name in only})


@given(TEXTS, LISTS, TEXTS, LISTS, st.sets(st.sampled_from(["category", "list", "link", "number"])))
def test_joined_catalogues_say_of_each_item_what_its_own_said(
    texts: list[str], lists: list[list[str]], others: list[str], other_lists: list[list[str]], only: set[str]
) -> None:
    before = catalog(texts, lists, {"category", "list", "link", "number"})
    more = catalog(others, other_lists, only)
    found, n = joined(before, more), len(before.titles)
    assert found.violation(n + len(more.titles)) is None
    for row in range(n):
        assert {name: column.value(row) for name, column in found.attributes.items()} == {
            name: column.value(row) for name, column in before.attributes.items()
        }
    for row in range(len(more.titles)):
        assert found.title(n + row) == more.title(row)
        for name, column in found.attributes.items():
            if name in only:
                assert column.value(n + row) == more.attributes[name].value(row)
            else:
                assert not column.value(n + row)
