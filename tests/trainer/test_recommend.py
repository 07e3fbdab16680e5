"""Answers for a file of users: the recommender's own, in the order of the file, whole or not at all."""

import json
from pathlib import Path

import polars as pl
import pytest

from index.recommender import Recommender
from tests.trainer.console import Console, process
from trainer.__main__ import main

HISTORIES = {"b": ["i3", "i17", "nowhere"], "a": ["i40"], "c": [], "d": ["nowhere"]}


@pytest.fixture
def recommender(artifacts: Path) -> Recommender:
    return Recommender.open(artifacts)


def rows(path: Path) -> Path:
    """A row a user and item; a user without items has a row with an empty item."""
    lines = [f"{user},{item}" for user, items in HISTORIES.items() for item in items or [""]]
    path.write_text("user_id,item_id\n" + "\n".join(lines) + "\n")
    return path


def lists(path: Path) -> Path:
    """A line of JSON a user."""
    path.write_text("\n".join(json.dumps({"user": user, "history": items}) for user, items in HISTORIES.items()))
    return path


def asked(artifacts: Path, users: Path, out: Path, *options: str) -> pl.DataFrame:
    assert main(["recommend", str(artifacts), "--users", str(users), "--out", str(out), *options]) == 0
    match out.suffix:
        case ".parquet":
            return pl.read_parquet(out)
        case ".jsonl":
            return pl.read_ndjson(out, schema_overrides={"title": pl.String})
        case _:
            return pl.read_csv(out, separator="\t" if out.suffix == ".tsv" else ",")


@pytest.mark.parametrize("kind", [".parquet", ".csv", ".tsv", ".jsonl"])
def test_every_user_gets_the_recommenders_answers_in_every_format(
    artifacts: Path, recommender: Recommender, tmp_path: Path, kind: str
) -> None:
    answers = asked(artifacts, rows(tmp_path / "users.csv"), tmp_path / f"answers{kind}", "--n", "3")
    expected = [
        (user, item.rank, item.item_id, item.title, item.source)
        for user, history in HISTORIES.items()
        for item in recommender.recommend(history, 3).items
    ]
    assert answers.drop("score").rows() == expected
    scores = [item.score for history in HISTORIES.values() for item in recommender.recommend(history, 3).items]
    assert answers["score"].to_list() == pytest.approx(scores)


def test_a_row_a_user_with_a_list_says_the_same(artifacts: Path, tmp_path: Path) -> None:
    one = asked(artifacts, rows(tmp_path / "users.csv"), tmp_path / "one.parquet")
    other = asked(artifacts, lists(tmp_path / "users.jsonl"), tmp_path / "other.parquet")
    assert one.equals(other)


def test_segments_are_answered_too(artifacts: Path, recommender: Recommender, tmp_path: Path) -> None:
    answers = asked(artifacts, rows(tmp_path / "users.csv"), tmp_path / "answers.csv", "--what", "segments", "--n", "2")
    expected = [
        (user, found.rank, found.segment_id, found.label, found.source)
        for user, history in HISTORIES.items()
        for found in recommender.segments(history, 2).segments
    ]
    assert answers.drop("score").rows() == expected


def test_what_is_rated_low_is_neither_taste_nor_answer(
    artifacts: Path, recommender: Recommender, tmp_path: Path
) -> None:
    disliked = recommender.recommend(["i3"], 1).items[0].item_id
    users = tmp_path / "ratings.csv"
    users.write_text(f"user_id,item_id,rating\n1,i3,5\n1,{disliked},2\n1,i9,\n")
    found = asked(artifacts, users, tmp_path / "answers.csv", "--n", "5", "--min-rating", "4")
    expected = recommender.recommend({"i3": 1.0, disliked: 0.0, "i9": 0.0}, 5).items
    assert found["item_id"].to_list() == [item.item_id for item in expected]
    assert disliked not in found["item_id"]


def test_weights_count(artifacts: Path, recommender: Recommender, tmp_path: Path) -> None:
    users = tmp_path / "users.tsv"
    users.write_text("user\titem\tweight\n1\ti3\t2.5\n1\ti17\t-1\n")
    found = asked(artifacts, users, tmp_path / "answers.csv", "--n", "5")
    expected = recommender.recommend({"i3": 2.5, "i17": -1.0}, 5).items
    assert found["item_id"].to_list() == [item.item_id for item in expected]


def test_it_says_how_many_were_answered_and_by_what(artifacts: Path, tmp_path: Path, capsys: Console) -> None:
    asked(artifacts, rows(tmp_path / "users.csv"), tmp_path / "answers.csv", "--n", "2", "--json")
    printed = json.loads(capsys.readouterr().out)
    assert printed["model_version"] == Recommender.open(artifacts).version
    assert {name: printed[name] for name in ("users", "answers", "users_by_popularity", "unknown_items")} == {
        "users": 4, "answers": 8, "users_by_popularity": 2, "unknown_items": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "options", "code", "words"),
    [
        ("user_id,item_id\n1,i3\n", ["--out", "{out}.txt"], 3, "the file must end in .parquet, .csv"),
        ("user_id,item_id\n1,i3\n", ["--out", "{out}/deeper/a.csv"], 3, "its folder cannot be written to"),
        ("user_id,item_id\n1,i3\n", ["--version", "nothing"], 5, "the version is not there"),
        ("user_id,thing\n1,i3\n", [], 4, "which column is the item? It has user_id, thing; say so with --item-col"),
        ("user_id,item_id\n1,i3\n", ["--weight-col", "w"], 4, "no column 'w'"),
        ("user_id,item_id,weight\n1,i3,1\n2,i4,many\n", [], 4, "is 'many', which is no number"),
        ("user_id,item_id\n,i3\n", [], 4, "no row names a user"),
        ("user_id,item_id\n", [], 4, "no rows"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_nothing_is_written(
    artifacts: Path, tmp_path: Path, capsys: Console, content: str, options: list[str], code: int, words: str
) -> None:
    users, out = tmp_path / "users.csv", tmp_path / "answers.csv"
    users.write_text(content)
    out.write_text("what was there before")
    given = [option.format(out=tmp_path / "answers") for option in options]
    assert main(["recommend", str(artifacts), "--users", str(users), "--out", str(out), *given]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert words in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.csv", "users.csv"]
    assert out.read_text() == "what was there before"


def test_it_needs_no_torch(artifacts: Path, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('torch was imported')")
    done = process(
        "recommend", str(artifacts), "--users", str(rows(tmp_path / "users.csv")), "--out", str(tmp_path / "a.csv"),
        PYTHONPATH=str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("ratings", [(5, 2), (2, 5)])
def test_a_pair_that_comes_twice_counts_by_its_best_rating(
    artifacts: Path, recommender: Recommender, tmp_path: Path, ratings: tuple[int, int]
) -> None:
    users = tmp_path / "ratings.csv"
    users.write_text("user_id,item_id,rating\n" + "".join(f"1,i3,{rating}\n" for rating in ratings))
    found = asked(artifacts, users, tmp_path / "answers.csv", "--n", "3", "--min-rating", "4")
    assert found["item_id"].to_list() == [item.item_id for item in recommender.recommend(["i3"], 3).items]


def test_an_item_of_unknown_weight_is_owned_and_says_nothing(
    artifacts: Path, recommender: Recommender, tmp_path: Path
) -> None:
    owned = recommender.recommend(["i3"], 1).items[0].item_id
    users = tmp_path / "users.csv"
    users.write_text(f"user_id,item_id,weight\n1,i3,1\n1,{owned},\n")
    found = asked(artifacts, users, tmp_path / "answers.csv", "--n", "3")
    expected = recommender.recommend({"i3": 1.0, owned: 0.0}, 3).items
    assert found["item_id"].to_list() == [item.item_id for item in expected]


def test_a_wrong_weight_beside_a_list_is_named_by_its_line(artifacts: Path, tmp_path: Path, capsys: Console) -> None:
    users = tmp_path / "users.jsonl"
    users.write_text(
        '{"user": "a", "history": ["i1", "i2"], "weight": "1"}\n{"user": "b", "history": ["i3"], "weight": "much"}\n'
    )
    assert main(["recommend", str(artifacts), "--users", str(users), "--out", str(tmp_path / "a.csv")]) == 4
    assert "users.jsonl, line 2: 'weight' is 'much'" in capsys.readouterr().err


def test_more_answers_than_there_are_items_are_all_of_them(artifacts: Path, tmp_path: Path) -> None:
    found = asked(artifacts, rows(tmp_path / "users.csv"), tmp_path / "answers.csv", "--n", "100000000000000000000")
    assert found.filter(pl.col("user_id") == "c").height == 600
