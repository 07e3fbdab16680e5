"""Samples: whose histories come with a model, and that they are nobody's it learned from."""

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from index import artifact
from index.embedding import ItemEmbedding
from index.samples import MOST_ITEMS, Samples
from tests.trainer.console import TINY, Console, files, films, process
from tests.trainer.worlds import Shop
from trainer.__main__ import main
from trainer.ratings import Ratings
from trainer.samples import chosen
from trainer.split import Holdout, split


def some(test: Holdout, codes: ItemEmbedding, n: int, *, seed: int = 1) -> Samples:
    found = chosen(test, codes, n, seed=seed)
    assert found is not None
    return found


def histories(samples: Samples) -> list[tuple[int, ...]]:
    return [tuple(samples.history(place).tolist()) for place in range(len(samples))]


def whole(test: Holdout) -> list[tuple[int, ...]]:
    return [tuple(np.flatnonzero(row)) for row in (test.history + test.targets).toarray()]


def having(dense: NDArray[np.float32]) -> Holdout:
    """Test users with these items, (n_users, n_items)."""
    users, known = np.arange(len(dense)), np.ones(dense.shape[1], np.bool_)
    return Holdout(sp.csr_matrix(dense), sp.csr_matrix(np.zeros_like(dense)), users, known)


def test_samples_are_all_that_some_test_users_have(shop: Shop, embedding: ItemEmbedding) -> None:
    samples = some(shop.test, embedding, 7)
    assert samples.violation(embedding.n_items) is None
    assert len(set(histories(samples))) == 7
    assert set(histories(samples)) <= {history for history in whole(shop.test) if len(history) >= 5}


def test_the_seed_decides_who_they_are(shop: Shop, embedding: ItemEmbedding, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.samples._CANDIDATES", 20)  # of a hundred test users
    first = histories(some(shop.test, embedding, 7))
    assert histories(some(shop.test, embedding, 7)) == first
    assert histories(some(shop.test, embedding, 7, seed=2)) != first


def test_samples_have_different_tastes() -> None:
    """A hundred people with one of three tastes, of which the third is rare."""
    rng = np.random.default_rng(0)
    tastes = np.array([0] * 60 + [1] * 38 + [2] * 2)
    dense = np.zeros((100, 60), np.float32)
    for user, taste in enumerate(tastes):
        dense[user, rng.choice(20, 8, replace=False) + 20 * taste] = 1
    codes = ItemEmbedding.from_dense(np.repeat(np.eye(3), 20, axis=0) + 0.1 * rng.normal(size=(60, 3)), 3)
    assert {rows[0] // 20 for rows in histories(some(having(dense), codes, 3))} == {0, 1, 2}


def test_a_long_history_is_cut_and_a_short_one_left_out(caplog: pytest.LogCaptureFixture) -> None:
    dense = np.zeros((3, 150), np.float32)
    for user, n_items in enumerate((150, 4, 5)):
        dense[user, :n_items] = 1
    codes = ItemEmbedding.from_dense(np.ones((150, 2)), 2)
    samples = some(having(dense), codes, 3)
    assert sorted(map(len, histories(samples))) == [5, MOST_ITEMS]
    assert samples.violation(150) is None
    assert "2 of the 3 test users have 5 items or more: 2 samples are stored and not 3" in caplog.text
    assert chosen(having(dense[1:2]), codes, 3, seed=1) is None


def test_users_without_a_code_among_their_items_do_no_harm(shop: Shop) -> None:
    nothing = ItemEmbedding.from_dense(np.zeros((shop.interactions.n_items, 4)), 2)
    assert len(some(shop.test, nothing, 3)) == 3


# ---------------------------------------------------------------- the command line


def test_fit_stores_people_it_did_not_learn_from_and_tells_nothing_of_them(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = process("fit", *films(tmp_path), *TINY, "--out", str(out), "--samples", "4", "--log", str(tmp_path / "log"))
    assert done.returncode == 0
    opened = artifact.open_current(out)
    assert opened.model.samples is not None
    interactions = Ratings(tmp_path / "ratings.csv").read()
    parts = split(interactions, seed=1)
    assert parts.test is not None
    assert parts.validation is not None
    assert len(histories(opened.model.samples)) == 4
    assert set(histories(opened.model.samples)) <= set(whole(parts.test))
    learned = [tuple(np.flatnonzero(row)) for row in parts.train.toarray()]
    assert not set(histories(opened.model.samples)) & {*learned, *whole(parts.validation)}
    assert "histories of 4 test users are stored as samples" in done.stderr
    for history in histories(opened.model.samples):
        titles = [opened.model.catalog.title(row) for row in history]
        assert not any(f"{title}\n" in done.stderr + (tmp_path / "log").read_text() for title in titles)


def test_without_the_option_nobody_is_stored(tmp_path: Path, capsys: Console) -> None:
    out = tmp_path / "out"
    assert main(["fit", *films(tmp_path), *TINY, "--out", str(out)]) == 0
    assert artifact.open_current(out).model.samples is None
    assert not any("samples" in name for name in files(out))
    capsys.readouterr()
    assert main(["inspect", str(out)]) == 0
    assert "samples     none" in capsys.readouterr().out


def test_inspect_says_how_many_there_are(tmp_path: Path, capsys: Console) -> None:
    out = tmp_path / "out"
    assert main(["fit", *films(tmp_path), *TINY, "--out", str(out), "--samples", "4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_samples"] == 4
    assert main(["inspect", str(out)]) == 0
    assert "samples     histories of 4 test users" in capsys.readouterr().out


def test_where_nobody_is_held_out_nobody_can_be_stored(tmp_path: Path, capsys: Console) -> None:
    given = [*films(tmp_path), *TINY, "--no-holdout"]
    with pytest.raises(SystemExit) as stopped:
        main(["fit", *given, "--samples", "4", "--out", str(tmp_path / "out")])
    assert stopped.value.code == 2
    assert "--samples stores held-out users; leave --no-holdout out, or say --samples 0" in capsys.readouterr().err
    assert main(["fit", *given, "--samples", "0", "--out", str(tmp_path / "out")]) == 0


@pytest.mark.parametrize("number", ["-1", "101", "many"])
def test_so_many_samples_cannot_be_asked_for(number: str, tmp_path: Path, capsys: Console) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["fit", *films(tmp_path), *TINY, "--samples", number, "--out", str(tmp_path / "out")])
    assert stopped.value.code == 2
    assert "--samples" in capsys.readouterr().err.splitlines()[-1]


def test_fewer_users_than_samples_are_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert main(["fit", *films(tmp_path), *TINY, "--out", str(tmp_path / "out"), "--samples", "100"]) == 0
    assert "12 of the 12 test users have 5 items or more: 12 samples are stored and not 100" in caplog.text


def test_once_trains_again_where_the_number_of_samples_changed(tmp_path: Path) -> None:
    given = ["fit", *films(tmp_path), *TINY, "--out", str(tmp_path / "out"), "--once", "--resume"]

    def version(*more: str) -> str:
        assert main([*given, *more]) == 0
        return artifact.current_version(tmp_path / "out")

    none = version()
    assert version("--samples", "0") == none
    four = version("--samples", "4")
    assert four != none
    assert version("--samples", "4") == four
    assert len({none, four, version("--samples", "5")}) == 3
    assert version() == none


def test_a_resumed_run_may_ask_for_samples_and_ends_in_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ["fit", *films(tmp_path), *TINY]

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("trainer.commands.fit.segment", stop)
        assert main([*given, "--out", str(tmp_path / "out")]) == 130
    assert main([*given, "--out", str(tmp_path / "out"), "--samples", "4", "--resume"]) == 0
    assert main([*given, "--out", str(tmp_path / "whole"), "--samples", "4"]) == 0
    assert files(tmp_path / "out") == files(tmp_path / "whole")
