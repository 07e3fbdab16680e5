"""python -m trainer: what it writes and prints."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.artifact import open_current
from index.catalog import CategoryColumn, ListColumn, NumberColumn
from index.recommender import Recommender
from tests import oracle
from tests.trainer import archives, ratings
from tests.trainer.console import TINY, Console, files, films, process
from tests.trainer.worlds import FIT_QUICKLY, Shop
from trainer.__main__ import main
from trainer.datasets import movielens
from trainer.datasets.synthetic import THEMES


def test_fit_writes_an_artifact_that_the_index_opens(artifacts: Path, shop: Shop) -> None:
    opened = open_current(artifacts)
    model = opened.model
    assert (model.embedding.n_items, model.embedding.n_dims, model.embedding.k) == (600, 32, 4)
    assert opened.version.startswith("synthetic-")
    assert sorted(path.name for path in artifacts.iterdir()) == sorted(["CURRENT", opened.version])
    assert [model.vocabulary.item_id(row) for row in range(600)] == shop.interactions.item_ids
    assert list(model.catalog.titles) == list(shop.catalog.titles)
    assert sorted(model.segments.labels) == sorted(THEMES)
    assert len(opened.manifest.data["fingerprint"]) == 64
    assert opened.manifest.data["n_users"] == 1200
    shares = shop.parts.train.toarray().mean(axis=0)
    np.testing.assert_allclose(model.popularity, shares, atol=1e-6)


def test_the_written_rows_of_a_and_b_have_length_one(artifacts: Path) -> None:
    model = open_current(artifacts).model
    np.testing.assert_allclose(np.linalg.norm(model.embedding.to_dense(), axis=1), 1.0, atol=1e-5)
    segments = model.segments
    B = np.zeros((len(segments), segments.n_dims))
    for row in range(len(segments)):
        entries = slice(segments.starts[row], segments.starts[row + 1])
        B[row, segments.dims[entries]] = segments.weights[entries]
    expected = oracle.segment_matrix([segments.signed_dims(row) for row in range(len(segments))], segments.n_dims)
    np.testing.assert_allclose(B, expected, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(B, axis=1), 1.0, atol=1e-6)


def test_the_written_metrics_are_those_of_the_written_model(artifacts: Path, shop: Shop) -> None:
    metrics = open_current(artifacts).manifest.metrics
    recommender = Recommender.open(artifacts)
    recalls = []
    for shown, hidden in zip(shop.test.history.toarray(), shop.test.targets.toarray(), strict=True):
        history = [shop.interactions.item_ids[item] for item in np.flatnonzero(shown)]
        wanted = {shop.interactions.item_ids[item] for item in np.flatnonzero(hidden)}
        answers = {item.item_id for item in recommender.recommend(history, 20).items}
        recalls.append(len(answers & wanted) / min(20, len(wanted)))
    assert metrics["test_users"] == len(recalls) == 120
    ours = metrics["test"]["sparseshelf, 4 of 32"]
    assert ours["recall@20"] == pytest.approx(np.mean(recalls), abs=1e-6)
    assert ours["ndcg@100"] > 2 * metrics["test"]["popular"]["ndcg@100"]


def test_equal_runs_write_equal_bytes_and_tell_what_they_do(tmp_path: Path, artifacts: Path) -> None:
    done = process(*FIT_QUICKLY, "--out", str(tmp_path / "again"), PYTHONHASHSEED="77")
    assert done.returncode == 0, done.stderr
    assert files(tmp_path / "again") == files(artifacts)
    version = open_current(artifacts).version
    assert done.stdout.startswith(f"version     {version}")
    assert done.stdout.rstrip().endswith(f"in {tmp_path / 'again' / version}")
    told = done.stderr.splitlines()
    assert any("of 1,200 users with" in line for line in told)
    assert any("960 users train, 120 validate, 120 test" in line for line in told)
    assert "epoch/s" not in done.stderr
    assert "\r" not in done.stderr


def test_a_run_that_compiles_its_kernels_writes_the_bytes_of_one_that_loads_them(tmp_path: Path) -> None:
    """Those of training: nobody is held out, whom searches would be measured on."""
    command = [*FIT_QUICKLY, "--no-holdout", "--out"]
    assert main([*command, str(tmp_path / "usual")]) == 0
    for name in ("compiled", "loaded"):
        done = process(*command, str(tmp_path / name), NUMBA_CACHE_DIR=str(tmp_path / "cache"))
        assert done.returncode == 0, done.stderr
        assert files(tmp_path / name) == files(tmp_path / "usual")
        assert list((tmp_path / "cache").rglob("*.nbc"))


def test_another_seed_is_another_version_beside_the_first(tmp_path: Path, capsys: Console) -> None:
    versions = []
    for seed, folder in (("1", "out"), ("2", "out"), ("1", "elsewhere")):
        out = tmp_path / folder
        assert main(["fit", *films(tmp_path), *TINY, "--seed", seed, "--out", str(out), "--json"]) == 0
        versions.append(json.loads(capsys.readouterr().out)["version"])
        assert open_current(out).version == versions[-1]
    assert versions[0] == versions[2] != versions[1]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"CURRENT", "SUCCESSION", *versions[:2]}


def test_files_become_a_model_with_titles_attributes_and_segments(tmp_path: Path) -> None:
    out = tmp_path / "out"
    told = ["--attribute", "plot=category", "--name", "my films & more"]
    assert main(["fit", *films(tmp_path), *TINY, *told, "--out", str(out)]) == 0
    opened = open_current(out)
    catalog = opened.model.catalog
    assert opened.version.startswith("my-films-more-")
    assert opened.model.embedding.n_items == 40
    assert catalog.title(opened.model.vocabulary.row("7") or 0) == "Film 7"
    assert {name: type(column) for name, column in catalog.attributes.items()} == {
        "year": NumberColumn,
        "genres": ListColumn,
        "country": CategoryColumn,
        "plot": CategoryColumn,
    }
    assert opened.manifest.options["min_rating"] == 4.0
    assert opened.manifest.data["source"] == "ratings"
    assert any("Comedy" in label or "War" in label for label in opened.model.segments.labels)


def test_the_items_file_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    both = films(tmp_path)
    found = []
    for options in (both, both[:2]):
        assert main(["fit", *options, *TINY, "--out", str(tmp_path / "out")]) == 0
        found.append(open_current(tmp_path / "out").manifest.data["fingerprint"])
    assert found[0] != found[1]


def test_items_with_lists_of_numbers_are_taken(tmp_path: Path) -> None:
    data = films(tmp_path)[:2]
    items = [{"movie_id": item, "title": f"Film {item}", "shelves": [item % 3, 7]} for item in range(40)]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, items)))
    out = tmp_path / "out"
    assert main(["fit", *data, "--items", str(tmp_path / "items.jsonl"), *TINY, "--out", str(out)]) == 0
    assert "shelves" in open_current(out).model.catalog.attributes


def test_every_format_of_one_table_fits_the_same_model(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = [(user, int(item), 5.0, 1) for user in range(30) for item in rng.choice(15, 6, replace=False)]
    found = set()
    for name in ("ratings.csv", "ratings.inter", "ratings.parquet", "ratings.jsonl"):
        out = tmp_path / f"out-{name}"
        assert main(["fit", "--data", str(ratings.write(tmp_path, name, rows)), *TINY, "--out", str(out)]) == 0
        found.add((open_current(out).version, tuple(sorted(files(out).items()))))
    assert len(found) == 1


def test_a_named_data_set_comes_from_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    sha256 = archives.grouplens(tmp_path / "data" / "ml-100k.zip")
    monkeypatch.setattr(movielens, "ML_100K", replace(movielens.ML_100K, sha256=sha256))
    named = ["fit", "--dataset", "ml-100k", "--data-dir", str(tmp_path / "data"), "--min-items-per-user", "4"]
    assert main([*named, *TINY, "--out", str(tmp_path / "out")]) == 0
    opened = open_current(tmp_path / "out")
    assert opened.version.startswith("ml-100k-")
    assert "Les Misérables (1995)" in opened.model.catalog.titles


def test_without_a_holdout_everybody_trains_and_nothing_is_measured(tmp_path: Path, capsys: Console) -> None:
    assert main(["fit", *films(tmp_path), *TINY, "--no-holdout", "--out", str(tmp_path / "out")]) == 0
    opened = open_current(tmp_path / "out")
    assert opened.manifest.metrics == {}
    assert opened.manifest.options["holdout"] is False
    assert "held-out" not in capsys.readouterr().out
    lines = (tmp_path / "ratings.csv").read_text().splitlines()[1:]
    for row in range(40):
        item_id = opened.model.vocabulary.item_id(row)
        n_users = sum(line.split(",")[1] == item_id and int(line.split(",")[2]) >= 4 for line in lines)
        assert opened.model.popularity[row] == pytest.approx(n_users / 60)


def test_ease_is_compared_where_asked_for(tmp_path: Path, capsys: Console) -> None:
    assert main(["fit", *films(tmp_path), *TINY, "--compare", "--out", str(tmp_path / "out"), "--json"]) == 0
    systems = json.loads(capsys.readouterr().out)["metrics"]["test"]
    assert [re.sub(r"\d+", "N", name) for name in systems] == ["popular", "EASE, lambda N", "sparseshelf, N of N"]
    assert all(0 <= value <= 1 for metrics in systems.values() for value in metrics.values())


def test_the_log_has_a_line_of_json_an_epoch(tmp_path: Path) -> None:
    log = tmp_path / "epochs.jsonl"
    assert main(["fit", *films(tmp_path), *TINY, "--log", str(log), "--out", str(tmp_path / "out")]) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["number"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert [line["k"] for line in lines] == [16, 4, 4, 4, 4, 4]
    assert lines[0]["validation"] is None
    assert lines[-1]["validation"] >= 0


def test_inspect_prints_what_is_in_an_artifact(artifacts: Path, capsys: Console) -> None:
    assert main(["inspect", str(artifacts)]) == 0
    text = capsys.readouterr().out
    opened = open_current(artifacts)
    assert opened.version in text
    assert "600 (600 with a code), 4 of 32 dims each" in text
    assert "12 segments of 600 items" in text
    assert all(theme in text for theme in THEMES)
    assert "120 held-out users" in text


def test_inspect_prints_json_that_parses(artifacts: Path, capsys: Console) -> None:
    assert main(["inspect", str(artifacts), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    opened = open_current(artifacts)
    assert found["version"] == opened.version
    assert found["files"] == opened.manifest.files
    assert found["sizes"] == {"n_items": 600, "n_dims": 32, "k": 4, "n_segments": 12}
    for row, segment in enumerate(found["segments"]):
        assert segment["label"] == opened.model.segments.labels[row]
        assert segment["size"] == len(opened.model.segments.members(row))
        assert [tuple(place) for place in segment["signed_dims"]] == opened.model.segments.signed_dims(row)


def test_inspect_looks_at_the_version_that_was_asked_for(artifacts: Path, capsys: Console) -> None:
    version = open_current(artifacts).version
    assert main(["inspect", str(artifacts), "--version", version]) == 0
    assert version in capsys.readouterr().out
    assert main(["inspect", str(artifacts), "--version", "another"]) == 5


def test_once_trains_again_only_for_other_data_or_options(tmp_path: Path, capsys: Console) -> None:
    given = ["fit", *films(tmp_path), *TINY, "--out", str(tmp_path / "out"), "--once"]

    def versions() -> set[str]:
        return {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()}

    assert main(given) == 0
    first = versions()
    printed = capsys.readouterr().out
    log = tmp_path / "log.jsonl"
    assert main([*given, "--log", str(log)]) == 0
    assert capsys.readouterr().out == printed
    assert not log.exists()
    assert versions() == first
    assert main([*given, "--tau", "0.95"]) == 0
    assert len(versions()) == len(first) + 1
    (tmp_path / "items.tsv").write_text((tmp_path / "items.tsv").read_text().replace("Film 7", "Film Seven"))
    assert main([*given, "--tau", "0.95"]) == 0
    assert len(versions()) == len(first) + 2


def test_once_trains_again_where_the_current_version_is_damaged(tmp_path: Path) -> None:
    given = ["fit", *films(tmp_path), *TINY, "--out", str(tmp_path / "out"), "--once"]
    assert main(given) == 0
    damaged = open_current(tmp_path / "out").folder / "codes.npy"
    damaged.write_bytes(b"gone")
    assert main(given) == 0
    open_current(tmp_path / "out")


@pytest.fixture
def once(tmp_path: Path) -> list[str]:
    """A folder whose current version is of `fit --once` as given."""
    given = ["fit", *films(tmp_path), *TINY, "--out", str(tmp_path / "out"), "--once", "--resume"]
    assert main(given) == 0
    return given


@pytest.mark.parametrize(
    "changes",
    [
        ["--attribute", "country=skip"],
        ["--attribute", "year=category"],
        ["--title-col", "country"],
        ["--precision", "float32"],
        ["--compare"],
    ],
    ids=str,
)
def test_once_sees_every_option_that_was_given(once: list[str], changes: list[str], tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    before = open_current(tmp_path / "out").version
    other = {"--precision": "bfloat16"}.get(changes[0], "")
    if other:
        assert main([*once, "--precision", other]) == 0
        before = open_current(tmp_path / "out").version
    assert main([*once, *changes, "--log", str(log)]) == 0
    assert log.exists()
    assert open_current(tmp_path / "out").version != before


def interrupt(monkeypatch: pytest.MonkeyPatch, given: list[str]) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("trainer.commands.fit.segment", stop)
        assert main(given) == 130


def test_once_leaves_the_checkpoint_of_another_run_alone(
    once: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(monkeypatch, [*once, "--seed", "2"])
    kept = (tmp_path / "out" / ".checkpoint.npz").read_bytes()
    assert main(once) == 0
    assert (tmp_path / "out" / ".checkpoint.npz").read_bytes() == kept


def test_once_begins_anew_where_the_interrupted_run_was_another(
    once: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`docker compose up` always says --once --resume; nobody could leave --resume out."""
    interrupt(monkeypatch, [*once, "--seed", "2"])
    assert main([*once, "--seed", "3"]) == 0
    assert "a new run begins" in caplog.text
    (tmp_path / "out" / ".checkpoint.npz").write_bytes(b"PK junk")
    assert main([*once, "--seed", "4"]) == 0
    assert not (tmp_path / "out" / ".checkpoint.npz").exists()
