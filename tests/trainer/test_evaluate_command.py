"""python -m trainer evaluate: artifacts side by side, on users that none of them learned from."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from index import artifact
from index.artifact import Artifact
from index.embedding import ItemEmbedding
from index.packed import PackedEmbedding
from index.recommender import Recommender
from tests.trainer.console import TINY, Console, exit_code, films, process
from tests.trainer.matrices import saved
from trainer.__main__ import main
from trainer.interactions import read_interactions
from trainer.split import split

N_USERS = 400
Fields = dict[str, Any]
Fit = Callable[..., Path]


def rewritten(opened: Artifact, folder: Path, rows: np.ndarray | None = None, **changed: Any) -> Path:
    """The same with other parts, as a folder of its own with the same manifest's words."""
    model = opened.model
    if rows is not None:
        model = replace(model, segments=replace(model.segments, guests=None)).take(rows)
    words = {name: getattr(opened.manifest, name) for name in ("options", "data", "metrics", "libraries")}
    artifact.write(folder, replace(model, **changed), name="v", **words)
    return folder


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ratings.csv and items.tsv."""
    folder = tmp_path_factory.mktemp("films")
    films(folder, N_USERS)
    return folder


@pytest.fixture(scope="module")
def fitted(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Fit:
    """Fits with options, each once."""
    known: dict[tuple[str, ...], Path] = {}

    def fit(*options: str) -> Path:
        if options not in known:
            out = tmp_path_factory.mktemp("artifacts")
            given = ["--data", str(shop / "ratings.csv"), "--items", str(shop / "items.tsv"), "--precision", "float32"]
            assert main(["fit", *given, *TINY, "--quiet", *options, "--out", str(out)]) == 0
            known[options] = out
        return known[options]

    return fit


def asked(console: Console, *arguments: object) -> Fields:
    console.readouterr()
    assert main(["evaluate", *map(str, arguments), "--json", "--quiet"]) == 0
    found: Fields = json.loads(console.readouterr().out)
    return found


def refusal(console: Console, code: int, *arguments: object) -> str:
    console.readouterr()
    assert main(["evaluate", *map(str, arguments), "--quiet"]) == code
    captured = console.readouterr()
    assert not captured.out
    (line,) = captured.err.splitlines()
    return line


def ndcg_by_hand(folder: Path, shop: Path, seed: int) -> np.ndarray:
    """(n_test_users,) from the answers of the recommender, a user at a time."""
    interactions = read_interactions(shop / "ratings.csv")
    test = split(interactions, seed=seed).test
    assert test is not None
    recommender, found = Recommender.open(folder), []
    for shown, hidden in zip(test.history.toarray(), test.targets.toarray(), strict=True):
        wanted = {interactions.item_ids[item] for item in np.flatnonzero(hidden)}
        answers = recommender.recommend([interactions.item_ids[item] for item in np.flatnonzero(shown)], 100).items
        gained = sum(1 / math.log2(item.rank + 1) for item in answers if item.item_id in wanted)
        found.append(gained / sum(1 / math.log2(rank + 1) for rank in range(1, len(wanted) + 1)))
    return np.array(found)


# ------------------------------------------------------------ held out of all


def test_the_figures_of_one_artifact_are_those_that_fit_measured(shop: Path, fitted: Fit, capsys: Console) -> None:
    folder = fitted()
    found = asked(capsys, folder, "--data", shop / "ratings.csv")
    metrics = artifact.open_current(folder).manifest.metrics
    assert found["users"]["number"] == metrics["test_users"] == 80
    assert found["differences"] == []
    for metric, interval in found["artifacts"][0]["metrics"].items():
        assert interval["mean"] == pytest.approx(metrics["test"]["sparseshelf, 4 of 16"][metric], abs=1e-6)
        assert interval["low"] < interval["mean"] < interval["high"] or interval["mean"] == pytest.approx(1)


def test_the_difference_and_its_interval_are_those_of_another_computation(
    shop: Path, fitted: Fit, capsys: Console
) -> None:
    ours, theirs = fitted(), fitted("--nonzeros", "2")
    found = asked(capsys, ours, theirs, "--data", shop / "ratings.csv")["differences"][0]["metrics"]["ndcg@100"]
    differences = ndcg_by_hand(theirs, shop, 1) - ndcg_by_hand(ours, shop, 1)
    assert found["mean"] == pytest.approx(differences.mean(), abs=1e-6)
    drawn = np.random.default_rng(99).choice(differences, (20_000, len(differences))).mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=0.05 * (high - low))
    assert found["shown"] == (not found["low"] <= 0 <= found["high"])


def test_what_is_worse_beyond_chance_is_called_worse_and_the_other_way_round_better(
    shop: Path, fitted: Fit, tmp_path: Path, capsys: Console
) -> None:
    good = artifact.open_current(fitted())
    noise = np.random.default_rng(0).normal(size=(40, 16))
    bad = rewritten(good, tmp_path / "bad", embedding=PackedEmbedding.pack(ItemEmbedding.from_dense(noise, 4)))
    data = ["--data", shop / "ratings.csv"]
    (worse,) = asked(capsys, good.folder, bad, *data)["differences"]
    (better,) = asked(capsys, bad, good.folder, *data)["differences"]
    assert worse["sentence"].startswith("B is worse than A by 0.")
    assert better["sentence"].startswith("B is better than A by 0.")
    assert better["metrics"]["ndcg@100"]["mean"] == -worse["metrics"]["ndcg@100"]["mean"]


def test_an_artifact_does_not_differ_from_itself_whatever_the_order_of_its_rows(
    shop: Path, fitted: Fit, tmp_path: Path, capsys: Console
) -> None:
    opened = artifact.open_current(fitted())
    turned = rewritten(opened, tmp_path / "turned", np.random.default_rng(1).permutation(40).astype(np.int32))
    found = asked(capsys, fitted(), opened.folder, turned, "--data", shop / "ratings.csv")
    itself, other = (one["metrics"]["ndcg@100"] for one in found["differences"])
    assert (itself["mean"], itself["low"], itself["high"], itself["shown"]) == (0, 0, 0, False)
    assert other["mean"] == pytest.approx(0, abs=0.01)  # ties
    assert found["differences"][0]["sentence"].startswith("no difference that 80 users could show")


def test_of_fits_with_different_splits_only_users_held_out_of_both_count(
    shop: Path, fitted: Fit, capsys: Console, caplog: pytest.LogCaptureFixture
) -> None:
    interactions = read_interactions(shop / "ratings.csv")
    tests = [split(interactions, seed=seed).test for seed in (1, 2)]
    both = set.intersection(*(set(test.users.tolist()) for test in tests if test is not None))
    arguments = [fitted(), fitted("--seed", "2"), "--data", shop / "ratings.csv"]
    found = asked(capsys, *arguments)
    assert 0 < found["users"]["number"] == len(both) < 80
    first = tests[0]
    assert first is not None
    rows = [place for place, user in enumerate(first.users) if user in both]
    by_hand = ndcg_by_hand(fitted(), shop, 1)[rows].mean()
    assert found["artifacts"][0]["metrics"]["ndcg@100"]["mean"] == pytest.approx(by_hand, abs=1e-6)
    assert main(["evaluate", *map(str, arguments)]) == 0
    assert f"{len(both)} of the 80 test users" in caplog.text
    assert f"{len(both)} users are too few to show a difference" in capsys.readouterr().out


def test_fits_that_call_other_ratings_positive_are_compared_on_users_held_out_of_both(
    shop: Path, fitted: Fit, capsys: Console
) -> None:
    strict = fitted("--min-rating", "5", "--min-items-per-user", "4")
    found = asked(capsys, fitted(), strict, "--data", shop / "ratings.csv")
    held_out = []
    for least, threshold in ((5, 4.0), (4, 5.0)):
        read = read_interactions(shop / "ratings.csv", min_rating=threshold, min_items_per_user=least)
        test = split(read, seed=1).test
        assert test is not None
        held_out.append({read.user_ids[user] for user in test.users})
    assert found["users"]["number"] == len(held_out[0] & held_out[1])


@pytest.mark.parametrize("change", ["ratings", "columns"])
def test_ratings_that_an_artifact_was_not_fitted_on_are_refused(
    shop: Path, fitted: Fit, tmp_path: Path, capsys: Console, change: str
) -> None:
    lines = (shop / "ratings.csv").read_text().splitlines()
    lines = lines[:-30] if change == "ratings" else [",".join(line.split(",")[:2]) for line in lines]
    (tmp_path / "other.csv").write_text("\n".join(lines) + "\n")
    line = refusal(capsys, 4, fitted(), "--data", tmp_path / "other.csv")
    assert "was fitted on other ratings than" in line
    assert "--users FILE" in line


def test_an_artifact_that_held_nobody_out_is_refused(shop: Path, fitted: Fit, tmp_path: Path, capsys: Console) -> None:
    assert "held nobody out" in refusal(capsys, 4, fitted(), fitted("--no-holdout"), "--data", shop / "ratings.csv")
    (tmp_path / "ids.txt").write_text("".join(f"{item}\n" for item in range(40)))
    matrix = saved(tmp_path / "weights.npz", np.random.default_rng(0).normal(size=(40, 8)))
    given = ["--matrix", str(matrix), "--item-ids", str(tmp_path / "ids.txt"), "--out", str(tmp_path / "out")]
    assert main(["import", *given, "--quiet"]) == 0
    assert "held nobody out" in refusal(capsys, 4, tmp_path / "out", "--data", shop / "ratings.csv")


# ------------------------------------------------------------ of a file


def panel(folder: Path, histories: dict[str, list[str]], name: str = "users.csv") -> Path:
    rows = [(user, item) for user, items in histories.items() for item in items]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row")
    frame.write_csv(folder / name)
    return folder / name


def tastes(n_users: int, n_items: int = 40, seed: int = 5) -> dict[str, list[str]]:
    rng = np.random.default_rng(seed)
    return {
        f"new {user}": [str(item) for item in rng.choice(np.arange(user % 2, n_items, 2), 10, replace=False)]
        for user in range(n_users)
    }


def test_users_of_a_file_may_be_a_row_an_item_or_a_row_a_user(fitted: Fit, tmp_path: Path, capsys: Console) -> None:
    histories = tastes(50)
    rows = panel(tmp_path, histories)
    lists = tmp_path / "users.jsonl"
    lists.write_text(
        "".join(json.dumps({"user_id": user, "history": items}) + "\n" for user, items in histories.items())
    )
    found = [asked(capsys, fitted(), "--users", path) for path in (rows, lists)]
    assert found[0]["artifacts"] == found[1]["artifacts"]
    assert found[0]["users"]["number"] == 50
    assert found[0]["users"]["hidden_items"] == 100
    assert "whether an artifact learned from them is not known" in found[0]["users"]["who"]


def test_what_is_rated_low_or_known_to_no_artifact_does_not_count_nor_do_users_with_too_little_left(
    fitted: Fit, tmp_path: Path, capsys: Console
) -> None:
    lines = ["user_id,item_id,rating"]
    for user, (liked, disliked, unknown) in {"a": (8, 2, 3), "b": (4, 6, 0), "c": (4, 0, 6)}.items():
        items = [*range(liked + disliked), *(f"other {place}" for place in range(unknown))]
        lines += [f"{user},{item},{5 if place < liked or place >= 10 else 3}" for place, item in enumerate(items)]
    (tmp_path / "users.csv").write_text("\n".join(lines) + "\n")
    users = ["--users", tmp_path / "users.csv"]
    found = asked(capsys, fitted(), *users)["users"]
    assert (found["number"], found["hidden_items"]) == (1, 2)
    assert asked(capsys, fitted(), *users, "--min-items-per-user", 4)["users"]["number"] == 3
    assert asked(capsys, fitted(), *users, "--min-rating", 2)["users"]["number"] == 2
    assert "no user has 50 items" in refusal(capsys, 4, fitted(), *users, "--min-items-per-user", 50)


def test_items_that_one_artifact_lacks_count_against_it_unless_only_common_ones_are_asked_for(
    fitted: Fit, tmp_path: Path, capsys: Console
) -> None:
    whole = artifact.open_current(fitted())
    known = set(map(str, range(30)))
    rows = [row for row in range(40) if whole.model.vocabulary.item_id(row) in known]
    part = rewritten(whole, tmp_path / "part", np.array(rows, np.int32))
    users = ["--users", panel(tmp_path, tastes(200))]
    found = asked(capsys, whole.folder, part, *users)
    missing = [one["hidden_items_it_does_not_have"] for one in found["artifacts"]]
    assert missing[0] == 0
    assert 50 < missing[1] < 150
    assert found["differences"][0]["sentence"].startswith("B is worse")
    assert main(["evaluate", str(whole.folder), str(part), *map(str, users), "--quiet"]) == 0
    assert f"B does not have {missing[1]} of the 400 hidden items" in capsys.readouterr().out
    common = asked(capsys, whole.folder, part, *users, "--common-items")
    assert [one["hidden_items_it_does_not_have"] for one in common["artifacts"]] == [0, 0]
    assert common["users"]["hidden_items"] == 400 - missing[1]
    (difference,) = common["differences"]
    assert difference["metrics"]["ndcg@100"]["mean"] == pytest.approx(0, abs=1e-9)  # the same rows, in the same order


def test_a_file_without_any_known_item_is_refused(fitted: Fit, tmp_path: Path, capsys: Console) -> None:
    users = panel(tmp_path, {"a": [f"x{item}" for item in range(20)]})
    assert "no user has 5 items that an artifact has" in refusal(capsys, 4, fitted(), "--users", users)


# ------------------------------------------------------------ what is asked, and what is told


def test_a_version_is_named_by_its_folder(shop: Path, fitted: Fit, capsys: Console, monkeypatch: Any) -> None:
    folder = fitted()
    version = artifact.current_version(folder)
    data = ["--data", shop / "ratings.csv"]
    assert asked(capsys, f"{folder}/{version}", *data) == asked(capsys, folder, *data)
    monkeypatch.chdir(folder)
    assert asked(capsys, ".", *data)["artifacts"][0]["version"] == version
    assert asked(capsys, version, *data)["artifacts"][0]["version"] == version
    assert "the version is not there" in refusal(capsys, 5, folder / "v-000000000000", *data)
    assert "no artifact in" in refusal(capsys, 5, shop / "nowhere", *data)


def test_progress_goes_to_stderr_and_the_comparison_to_stdout(shop: Path, fitted: Fit) -> None:
    folders = [str(fitted()), str(fitted("--nonzeros", "2"))]
    done = process("evaluate", *folders, "--data", str(shop / "ratings.csv"))
    assert done.returncode == 0, done.stderr
    assert f"asking {artifact.current_version(Path(folders[1]))} for 80 users" in done.stderr
    assert "\r" not in done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"A  {folders[0]}")
    assert any(line.startswith("B less A  ") for line in lines)
    assert "nDCG@100" in lines[-1]
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize(
    "options",
    [
        ["--data", "a", "--users", "b"],
        [],
        ["--dataset", "ml-1m", "--user-col", "u"],
        ["--data", "a", "--min-rating", "3"],
        ["--users", "a", "--timestamp-col", "t"],
        ["--dataset", "ml-1m", "--min-items-per-user", "3"],
    ],
)
def test_what_would_be_ignored_is_refused(options: list[str]) -> None:
    assert exit_code("evaluate", "artifacts", *options) == 2
