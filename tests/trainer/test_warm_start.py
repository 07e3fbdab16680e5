"""A warm start: training goes on from the version that is there, which never learned from whom it holds out."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from index import artifact
from index.artifact import Artifact
from index.embedding import ItemEmbedding
from tests.trainer.console import Console, files
from tests.trainer.worlds import QUICK, Shop, interactions_of, random_matrix
from trainer.__main__ import main
from trainer.fit import TrainingRun, fit
from trainer.initial_weights import rectangles
from trainer.split import split


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(0, 6), st.integers(1, 9))
def test_a_start_keeps_every_code_and_has_k_dims_of_each_item(seed: int, k: int, more: int, n_items: int) -> None:
    rng = np.random.default_rng(seed)
    n_dims = k + more
    dense = rng.standard_normal((n_items, n_dims)) * (rng.random((n_items, n_dims)) < rng.random())
    dense[rng.random(n_items) < 0.3] = 0
    start = ItemEmbedding.from_dense(dense, k)
    values, dims = (found.numpy() for found in rectangles(start, torch.Generator().manual_seed(seed)))
    assert (np.diff(dims, axis=1) > 0).all()
    assert dims.min() >= 0
    assert dims.max() < n_dims
    found = np.zeros((n_items, n_dims), np.float32)
    np.put_along_axis(found, dims.astype(np.int64), values, axis=1)
    np.testing.assert_array_equal(found[start.coded], start.to_dense()[start.coded])
    assert (values[~start.coded] != 0).all()


def test_steps_that_move_nothing_end_where_they_began(shop: Shop, embedding: ItemEmbedding) -> None:
    still = replace(QUICK, warm=True, warm_epochs=0, final_epochs=1, learning_rate=1e-9)
    found = fit(shop.parts.train, None, still, lambda _: None, start=embedding)
    np.testing.assert_allclose(found.to_dense(), embedding.to_dense(), atol=1e-6)


def test_an_epoch_begins_where_the_version_ended(shop: Shop, embedding: ItemEmbedding) -> None:
    warm = TrainingRun(shop.parts.train, None, replace(QUICK, warm=True, warm_epochs=1), start=embedding)
    cold = TrainingRun(shop.parts.train, None, replace(QUICK, start_nonzeros=4))
    assert warm.advance().loss < cold.advance().loss - 0.05


def test_an_item_that_nobody_has_any_more_keeps_its_code(shop: Shop, embedding: ItemEmbedding) -> None:
    train = shop.parts.train.tolil()
    train[:, [3, 5]] = 0
    run = TrainingRun(train.tocsr(), None, replace(QUICK, warm=True), start=embedding)
    run.advance()
    assert run.embedding().coded[[3, 5]].all()


@given(st.integers(0, 100), st.integers(80, 1_500), st.integers(80, 1_500))
def test_by_their_ids_nobody_who_trained_is_held_out_when_there_are_more_users(seed: int, one: int, other: int) -> None:
    def held_out(n_users: int) -> tuple[set[str], set[str]]:
        table = interactions_of(random_matrix(0, n_users, 3))
        parts = split(table, seed=seed, by_id=True)
        assert parts.test is not None
        assert parts.validation is not None
        tested, validated = ({table.user_ids[user] for user in part.users} for part in (parts.test, parts.validation))
        assert not tested & validated
        assert len(tested) + len(validated) + parts.train.shape[0] == n_users
        return tested, validated

    fewer, more = sorted([one, other])
    before, after = held_out(fewer), held_out(more)
    everybody = set(interactions_of(random_matrix(0, fewer, 3)).user_ids)
    assert (after[0] | after[1]) & everybody <= before[0] | before[1]
    assert after[0] & everybody <= before[0]


@pytest.mark.parametrize("n_users", [600, 5_000])
def test_about_a_tenth_is_held_out_by_id(n_users: int) -> None:
    parts = split(interactions_of(random_matrix(0, n_users, 3)), seed=1, by_id=True)
    for part in (parts.test, parts.validation):
        assert part is not None
        assert abs(part.n_users / max(n_users / 10, 100) - 1) < 0.2


# ------------------------------------------------------------ the command


def ratings(folder: Path, shop: Shop, n_users: int, n_items: int = 10_000) -> list[str]:
    """What `fit` needs to learn from the first users and their first items."""
    table = shop.tables.ratings.with_columns(pl.col("user_id").cast(pl.String), pl.col("item_id").cast(pl.String))
    users, items = (table[name].unique().sort() for name in ("user_id", "item_id"))
    kept = table.filter(
        pl.col("user_id").is_in(users[:n_users].implode()) & pl.col("item_id").is_in(items[:n_items].implode())
    )
    kept.write_parquet(folder / "ratings.parquet")
    options = (
        "--threads 1 --precision float32 --dims 32 --nonzeros 4 --prune-epochs 4 --regrow-epochs 2 --warm-epochs 2 "
        "--final-epochs 2 --batch-size 128 --warm-start"
    )
    return ["fit", "--data", str(folder / "ratings.parquet"), "--out", str(folder / "out"), *options.split()]


def opened(folder: Path) -> Artifact:
    return artifact.open_current(folder / "out")


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory, shop: Shop) -> tuple[Path, Artifact, list[str]]:
    """A folder whose second version was started from its first; the first one; what the second was told."""
    folder = tmp_path_factory.mktemp("grown")
    assert main(ratings(folder, shop, 500, 200)) == 0
    before = opened(folder)
    log = folder / "epochs.jsonl"
    assert main([*ratings(folder, shop, 700), "--log", str(log)]) == 0
    return folder, before, log.read_text().splitlines()


def test_a_version_starts_from_the_one_before_and_says_so(grown: tuple[Path, Artifact, list[str]]) -> None:
    folder, before, epochs = grown
    after = opened(folder)
    assert "started_from" not in before.manifest.data
    assert after.manifest.data["started_from"] == before.version
    assert {json.loads(line)["k"] for line in epochs} == {4}
    assert len(epochs) <= 4
    assert len(after.model.vocabulary) > len(before.model.vocabulary)
    assert set(after.model.segments.ids) & set(before.model.segments.ids)


def test_the_same_data_and_options_are_not_started_from_again(
    grown: tuple[Path, Artifact, list[str]], shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    folder, _, _ = grown
    caplog.set_level("INFO")
    before = files(folder / "out")
    assert main([*ratings(folder, shop, 700), "--once"]) == 0
    assert "nothing is trained" in caplog.text
    assert files(folder / "out") == before


@pytest.mark.parametrize(
    ("changes", "words"), [(["--dims", "64"], "--dims 64: ratings-"), (["--nonzeros", "8"], "has 4; say --nonzeros 4")]
)
def test_another_shape_is_refused_and_says_what_to_do(
    grown: tuple[Path, Artifact, list[str]], shop: Shop, changes: list[str], words: str, capsys: Console
) -> None:
    folder, _, _ = grown
    assert main([*ratings(folder, shop, 600), *changes]) == 3
    told = capsys.readouterr().err
    assert words in told
    assert "leave --warm-start out to train anew" in told


@pytest.mark.parametrize("how", [[], ["--no-holdout"]])
def test_a_version_that_may_have_learned_from_held_out_users_is_not_started_from(
    tmp_path: Path, shop: Shop, how: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    arguments = ratings(tmp_path, shop, 300)
    without = [word for word in arguments if word != "--warm-start"]
    place = without.index("--warm-epochs")
    assert main([*without[:place], *without[place + 2 :], *how]) == 0
    assert main(arguments) == 0
    assert "may have learned from users whom this run holds out" in caplog.text
    assert "started_from" not in opened(tmp_path).manifest.data
    assert main([*arguments, "--no-holdout"]) == 0  # who holds nobody out may start from any
    assert "started_from" in opened(tmp_path).manifest.data


def test_an_interrupted_warm_start_ends_in_the_bytes_of_one_that_was_not(
    grown: tuple[Path, Artifact, list[str]], shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, before, _ = grown
    arguments = ratings(tmp_path, shop, 500, 200)
    assert main(arguments) == 0
    assert opened(tmp_path).version == before.version

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    arguments = ratings(tmp_path, shop, 700)
    with monkeypatch.context() as patch:
        patch.setattr("trainer.fit.TrainingRun._validate", stop)
        assert main(arguments) == 130
    assert main([*arguments, "--resume"]) == 0
    assert opened(tmp_path).version == opened(folder).version
