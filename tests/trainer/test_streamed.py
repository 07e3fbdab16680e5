"""A table read in parts is the table read at once: rows, ids, story and fingerprint."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainer import streamed
from trainer.errors import ConfigurationError, DataError, TrainerError
from trainer.interactions import Columns, binarise, normalise
from trainer.ratings import Ratings
from trainer.streamed import read_streamed

ROOT = Path(__file__).parents[2]
ROWS = st.lists(
    st.tuples(
        st.none() | st.sampled_from(["", "a", "B", "é", "10", "9", " a "]),
        st.none() | st.sampled_from(["", "x", "y", "Z", "1", "2", "ü"]),
        st.none() | st.integers(1, 5).map(float),
    ),
    min_size=1,
    max_size=60,
)


def written(folder: Path, frame: pl.DataFrame, cuts: list[int]) -> Path:
    folder.mkdir()
    for number, (first, last) in enumerate(zip([0, *cuts], [*cuts, frame.height], strict=True)):
        frame[first:last].write_parquet(folder / f"part-{number:03}.parquet")
    (folder / "_SUCCESS").touch()
    (folder / ".part.crc").write_bytes(b"?")
    return folder


def outcome(read: Any) -> tuple[Any, ...]:
    """All that is known of interactions, or the error."""
    try:
        found = read()
    except TrainerError as error:
        return type(error), str(error)
    matrix = found.matrix
    arrays = [(array.dtype, array.tobytes()) for array in (matrix.data, matrix.indices, matrix.indptr)]
    return arrays, matrix.shape, found.user_ids, found.item_ids, found.fingerprint, found.min_rating, found.story


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.data(), st.booleans())
def test_in_parts_it_is_what_it_is_at_once(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], data: st.DataObject, rated: bool
) -> None:
    schema = {"user": pl.String, "item": pl.String, "rating": pl.Float64}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    frame = frame if rated else frame.drop("rating")
    cuts = sorted(data.draw(st.lists(st.integers(0, frame.height), max_size=4)))
    folder = written(tmp_path_factory.mktemp("data") / "table", frame, cuts)
    asked: dict[str, Any] = {
        "min_rating": data.draw(st.none() | st.sampled_from([2.0, 5.0])),
        "min_items_per_user": data.draw(st.integers(1, 3)),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streamed, "_PART_ROWS", data.draw(st.integers(1, 20)))
        patch.setattr(streamed, "_RANGE_ROWS", data.draw(st.integers(1, 20)))
        patch.setattr(streamed, "_COPIED_AT_ONCE", data.draw(st.integers(1, 20)))
        found = outcome(lambda: read_streamed(folder, Columns(), **asked))
    table = lambda: binarise(normalise(frame, Columns(), str(folder)), str(folder), **asked)  # noqa: E731
    assert found == outcome(table)


def test_numbers_are_ids_and_a_large_file_is_read_as_a_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({"user_id": rng.integers(0, 40, 900), "item_id": rng.integers(0, 30, 900), "when": 1})
    frame.write_parquet(tmp_path / "one.parquet")
    at_once = outcome(Ratings(tmp_path / "one.parquet").read)
    monkeypatch.setattr(streamed, "LARGE_ROWS", 800)
    assert outcome(Ratings(tmp_path / "one.parquet").read) == at_once
    folder = written(tmp_path / "many", frame, [300, 500])
    assert outcome(Ratings(folder).read)[:5] == at_once[:5]


@pytest.mark.parametrize("users", [[1.0, 2.0, 30.0], [1.0, 2.5, 30.0], [1.0, float("nan"), None]])
def test_ids_that_are_floats_are_whole_numbers_where_all_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, users: list[float | None]
) -> None:
    frame = pl.DataFrame({" user_id": users * 6, "\ufeffitem_id": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0] * 3})
    frame.write_parquet(tmp_path / "one.PARQUET")
    at_once = outcome(Ratings(tmp_path / "one.PARQUET", min_items_per_user=1).read)
    monkeypatch.setattr(streamed, "LARGE_ROWS", 2)
    monkeypatch.setattr(streamed, "_PART_ROWS", 2)
    assert outcome(Ratings(tmp_path / "one.PARQUET", min_items_per_user=1).read) == at_once
    assert "1" in at_once[2] or "1.0" in at_once[2]


def test_a_column_that_was_asked_for_and_is_not_there_is_said(tmp_path: Path) -> None:
    folder = written(tmp_path / "table", pl.DataFrame({"user": ["a"], "item": ["b"]}), [])
    with pytest.raises(DataError, match="no column 'when'"):
        read_streamed(folder, Columns(timestamp="when"))


@pytest.mark.parametrize("items", [list("abcdefgh"), list("abcdefgx")])
def test_a_file_that_changes_meanwhile_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, items: list[str]
) -> None:
    folder = written(tmp_path / "table", pl.DataFrame({"user": ["a"] * 8, "item": list("abcdefgh")}), [4])
    first_pass = streamed._first_pass

    def changing(parts: Any) -> Any:
        seen = first_pass(parts)
        pl.DataFrame({"user": ["a"] * 4, "item": items[4:]}).write_parquet(folder / "part-001.parquet")
        return seen

    monkeypatch.setattr(streamed, "_first_pass", changing)
    with pytest.raises(DataError, match="has changed while it was read"):
        read_streamed(folder, Columns())


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: [path.unlink() for path in folder.glob("*.parquet")], "there is no Parquet file"),
        (lambda folder: (folder / "notes.txt").write_text("?"), "'notes.txt' is no Parquet file"),
        (lambda folder: (folder / "part-001.parquet").write_bytes(b"PAR1 and no more"), "part-001.parquet: "),
        (
            lambda folder: pl.DataFrame({"user": ["a"], "thing": ["b"]}).write_parquet(folder / "part-001.parquet"),
            "part-001.parquet: which column is the item?",
        ),
        (
            lambda folder: pl.DataFrame({"user": ["a"], "item": ["b"]}).write_parquet(folder / "part-001.parquet"),
            "where part-000.parquet has user, item, rating; make them alike",
        ),
        (
            lambda folder: pl.DataFrame({"user": ["a"] * 5, "item": ["b"] * 5, "rating": list("1234?")}).write_parquet(
                folder / "part-001.parquet"
            ),
            "part-001.parquet, row 5: 'rating' is '?'",
        ),
        (
            lambda folder: pl.DataFrame({"user": ["a"], "item": ["b"], " user": ["c"]}).write_parquet(
                folder / "part-001.parquet"
            ),
            "part-001.parquet: two columns are called 'user'",
        ),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Any, said: str
) -> None:
    monkeypatch.setattr(streamed, "_PART_ROWS", 2)
    frame = pl.DataFrame({"user": ["a"] * 8, "item": list("abcdefgh"), "rating": [5.0] * 8})
    folder = written(tmp_path / "table", frame, [4])
    spoil(folder)
    with pytest.raises(DataError) as raised:
        read_streamed(folder, Columns())
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_full_temporary_folder_is_said_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    """A file system of 64 KiB, in a name space of its own."""
    mount = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    if subprocess.run([*mount, "mount -t tmpfs none /mnt"], capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({"user_id": rng.integers(0, 400, 40_000), "item_id": rng.integers(0, 3000, 40_000)})
    folder = written(tmp_path / "table", frame, [20_000])
    program = (
        f"mount -t tmpfs -o size=64k none /mnt && TMPDIR=/mnt {sys.executable} -m trainer fit --data {folder} "
        f"--out {tmp_path}/out; code=$?; ls /mnt; exit $code"
    )
    done = subprocess.run([*mount, program], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == ConfigurationError.exit_code
    assert "/mnt: no room is left" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
