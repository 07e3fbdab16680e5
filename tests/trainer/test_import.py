"""python -m trainer import: a matrix from elsewhere becomes a version that answers as the matrix does."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from index.artifact import Artifact, open_current
from index.recommender import Recommender
from tests import oracle
from tests.trainer import matrices
from tests.trainer.console import ROOT, Console, exit_code, files
from tests.trainer.matrices import DENSE, REFUSED, altered, npy, saved
from trainer import host
from trainer.__main__ import main
from trainer.matrix_file import read_matrix
from trainer.run_folder import CHECKPOINT

IDS = ["a", "b", "c", "d"]
PLENTY = 2**34
KINDS: list[matrices.Kind] = ["csr", "csc", "coo"]


def ids_file(folder: Path, ids: list[str] = IDS) -> Path:
    (folder / "ids.txt").write_text("".join(f"{item_id}\n" for item_id in ids), "utf-8")
    return folder / "ids.txt"


def command(folder: Path, *more: str, matrix: Path | None = None, ids: Path | None = None) -> list[str]:
    path = matrix or saved(folder / "weights.npz")
    named = ["--matrix", str(path), "--item-ids", str(ids or ids_file(folder))]
    return ["import", *named, "--min-segment-items", "1", "--out", str(folder / "out"), *more]


def imported(folder: Path, *more: str, matrix: Path | None = None, ids: Path | None = None) -> Artifact:
    assert main(command(folder, *more, matrix=matrix, ids=ids)) == 0
    return open_current(folder / "out")


def refusal(folder: Path, console: Console, code: int, *more: str, **given: Path) -> str:
    """The one error line of an import that leaves nothing behind."""
    assert main(command(folder, "--quiet", *more, **given)) == code
    captured = console.readouterr()
    assert not captured.out
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ")
    assert files(folder / "out") == {}
    return line


def normalised(matrix: NDArray[Any]) -> NDArray[np.float64]:
    """Rows of length 1 or 0, by hand."""
    A = np.array(matrix, np.float64)
    for row in range(len(A)):
        if length := float(np.sqrt(sum(value * value for value in A[row]))):
            A[row] /= length
    return A


def test_an_imported_matrix_answers_as_its_dense_product_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    matrix = rng.normal(size=(60, 24)) * (rng.random((60, 24)) < 0.2)
    ids = [f"item {row}" for row in range(60)]
    path = saved(tmp_path / "weights.npz", matrix)
    opened = imported(tmp_path, "--codes", "float32", matrix=path, ids=ids_file(tmp_path, ids))
    A = normalised(matrix.astype(np.float32))
    np.testing.assert_allclose(opened.model.embedding.to_dense(), A, atol=1e-6)
    recommender = Recommender.open(tmp_path / "out")
    for history in ([3], [5, 8, 13], [0, 59, 30, 31]):
        expected = oracle.scores(A, history, [1.0] * len(history))
        found = recommender.recommend([ids[row] for row in history], 60).items
        scores = {item.item_id: item.score for item in found if item.source == "profile"}
        assert len(scores) >= 50
        for item_id, score in scores.items():
            assert abs(score - expected[ids.index(item_id)]) < 1e-5
        allowed = [row not in history and bool(A[row].any()) for row in range(60)]  # the others come last
        order = oracle.ranking(expected, len(scores), allowed)
        assert oracle.same_order([ids.index(item_id) for item_id in scores], expected, order, 1e-6)


@given(st.data())
def test_any_sparse_matrix_comes_back_with_rows_of_length_one(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    n_items, n_dims = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 9))
    weight = st.one_of(st.just(0.0), st.floats(-1e300, 1e300), st.sampled_from([1e-320, -5e-324, 1.0, -1.0]))
    cells = data.draw(st.lists(weight, min_size=n_items * n_dims, max_size=n_items * n_dims))
    matrix = np.array(cells).reshape(n_items, n_dims)
    matrix[0, 0] = matrix[0, 0] or 1.0
    kind = data.draw(st.sampled_from(KINDS))
    path = saved(tmp_path_factory.getbasetemp() / "any.npz", matrix, kind, dtype=np.float64)
    found = read_matrix(path, PLENTY).embedding
    assert found.violation() is None
    largest = np.abs(matrix).max(axis=1, keepdims=True)
    expected = normalised(matrix / np.where(largest > 0, largest, 1.0))
    np.testing.assert_allclose(found.to_dense(), expected, atol=1e-6)
    assert found.k == (expected.astype(np.float32) != 0).sum(axis=1).max()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_formats_and_types_of_one_matrix_are_one_version(
    kind: matrices.Kind, dtype: type[np.generic], tmp_path: Path
) -> None:
    opened = imported(tmp_path, matrix=saved(tmp_path / "weights.npz", 2 * DENSE, kind, dtype=dtype))
    (tmp_path / "again").mkdir()
    again = imported(tmp_path / "again")
    assert opened.version == again.version
    assert files(opened.folder) == files(again.folder)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16, np.bool_])
def test_whole_numbers_and_truths_are_weights_too(dtype: type[np.generic], tmp_path: Path) -> None:
    matrix = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0], [1, 1, 1]])
    opened = imported(tmp_path, matrix=saved(tmp_path / "weights.npz", matrix, dtype=dtype))
    np.testing.assert_allclose(opened.model.embedding.to_dense(), normalised(matrix), atol=1e-6)


def test_unsorted_and_repeated_entries_are_understood_as_scipy_does(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    path = altered(
        tmp_path / "weights.npz",
        indices=np.array([3, 1, 1, 0, 4, 0, 0]),
        data=np.array([4.0, 1.0, 2.0, 0.0, 1.0, 2.0, -2.0]),
        indptr=np.array([0, 3, 3, 4, 7]),
    )
    expected = normalised(sp.load_npz(path).toarray())
    opened = imported(tmp_path, matrix=path)
    np.testing.assert_allclose(opened.model.embedding.to_dense(), expected, atol=1e-6)
    told = caplog.text
    assert "added up 2 entries that name a cell once more" in told
    assert "left out 2 entries that are 0" in told
    assert "scaled 1 rows to length 1" in told
    assert "2 items without a code" in told


def test_repeated_entries_of_a_coo_are_told_too(tmp_path: Path) -> None:
    cells = {"row": np.array([0, 0, 2, 0, 3, 3]), "col": np.array([1, 1, 4, 1, 0, 2])}
    path = altered(tmp_path / "weights.npz", format=np.array(b"coo"), **cells)
    read = read_matrix(path, PLENTY)
    assert "added up 2 entries that name a cell once more" in read.story
    np.testing.assert_allclose(read.embedding.to_dense(), normalised(sp.load_npz(path).toarray()), atol=1e-6)


def test_what_lies_behind_the_last_pointer_is_not_of_the_matrix(tmp_path: Path) -> None:
    path = altered(tmp_path / "weights.npz", data=np.arange(1, 9.0), indices=np.array([1, 3, 0, 0, 2, 4, 99, -1]))
    assert read_matrix(path, PLENTY).embedding.k == 3


def test_the_manifest_says_what_was_imported(tmp_path: Path, capsys: Console) -> None:
    opened = imported(tmp_path, "--json", "--quiet", "--tau", "0.5")
    captured = capsys.readouterr()
    assert captured.err == ""
    said = json.loads(captured.out)
    assert said["version"] == opened.version
    assert opened.version.startswith("weights-")
    assert said["sizes"] == {"n_items": 4, "n_dims": 5, "k": 3, "n_segments": len(opened.model.segments)}
    chosen = {
        "tau": 0.5,
        "max_share": 0.15,
        "min_items": 1,
        "embedder": "keywords",
        "code_share": 0.3,
        "continuity": 0.0,
    }
    assert said["options"] == {"matrix": "weights.npz", "dims": 5, "nonzeros": 3, "codes": "packed", **chosen}
    assert said["data"].keys() == {"source", "fingerprint", "last_segment_id"}
    assert said["data"]["source"] == "weights"
    assert said["metrics"] == {}
    assert set(said["libraries"]) == {"numpy", "scipy", "numba", "polars"}
    assert main(["inspect", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == said
    assert main(["inspect", str(tmp_path / "out")]) == 0
    assert "4 (3 with a code), 3 of 5 dims each" in capsys.readouterr().out


def test_the_fingerprint_is_of_matrix_ids_and_catalogue(tmp_path: Path) -> None:
    def fingerprint(*more: str, matrix: Path | None = None, ids: list[str] = IDS) -> object:
        return imported(tmp_path, *more, matrix=matrix, ids=ids_file(tmp_path, ids)).manifest.data["fingerprint"]

    first = fingerprint()
    assert fingerprint("--name", "other", "--tau", "0.9") == first
    items = tmp_path / "items.csv"
    items.write_text("item_id,title\na,Alien\n")
    other = saved(tmp_path / "other.npz", DENSE + np.eye(4, 5))
    found = [fingerprint(ids=["a", "b", "d", "c"]), fingerprint(matrix=other), fingerprint("--items", str(items))]
    assert len({first, *found}) == 4


def test_items_bring_titles_and_attributes(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("sku;label;year\nd;Delta;1990\na;Alpha;1980\n")
    columns = "--items-id-col sku --title-col label --attribute year=category --separator ;".split()
    catalog = imported(tmp_path, "--items", str(tmp_path / "items.csv"), *columns).model.catalog
    assert list(catalog.titles) == ["Alpha", "", "", "Delta"]
    assert [catalog.attributes["year"].value(row) for row in range(4)] == ["1980", None, None, "1990"]


def test_without_data_everybody_unknown_gets_the_first_rows(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    opened = imported(tmp_path)
    assert opened.model.popularity.tolist() == [0, 0, 0, 0]
    assert "without --data every item is as popular as any" in caplog.text
    recommender = Recommender.open(tmp_path / "out")
    assert [item.item_id for item in recommender.recommend([], 4).items] == IDS
    assert recommender.segments([], 3).segments


def test_data_say_what_is_popular_among_the_items_of_the_matrix(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    rows = ["1,d,5", "1,a,5", "2,d,4", "2,zzz,5", "3,a,1", "3,d,5", "4,zzz,5", "5,b,4", "5,c,2"]
    (tmp_path / "ratings.csv").write_text("\n".join(["user,sku,rating", *rows]) + "\n")
    opened = imported(tmp_path, "--data", str(tmp_path / "ratings.csv"), "--item-col", "sku")
    np.testing.assert_allclose(opened.model.popularity, [0.25, 0.25, 0, 0.75])
    assert "from 5 interactions of 4 users; 2 interactions fell away" in caplog.text
    assert opened.manifest.data["n_users"] == 4
    assert opened.manifest.data["n_interactions"] == 5
    assert opened.manifest.options["min_rating"] == 4
    found = Recommender.open(tmp_path / "out").recommend(["nobody"], 4).items
    assert [item.item_id for item in found] == ["d", "a", "b", "c"]


def test_data_without_an_item_of_the_matrix_are_refused(tmp_path: Path, capsys: Console) -> None:
    (tmp_path / "ratings.csv").write_text("user,item\n1,7\n2,8\n")
    line = refusal(tmp_path, capsys, 4, "--data", str(tmp_path / "ratings.csv"))
    assert "none of its items ('7', '8', …) is among those of --item-ids ('a', 'b', 'c', …)" in line


def test_data_with_nothing_liked_are_refused_without_naming_options_that_are_not_there(
    tmp_path: Path, capsys: Console
) -> None:
    (tmp_path / "ratings.csv").write_text("user,item,rating\n1,a,2\n2,b,4.5\n")
    line = refusal(tmp_path, capsys, 4, "--data", str(tmp_path / "ratings.csv"), "--min-rating", "5")
    assert line.endswith("; lower --min-rating")


@pytest.mark.parametrize("damage", REFUSED)
def test_an_unsuitable_matrix_is_refused_in_one_line(damage: str, tmp_path: Path, capsys: Console) -> None:
    path = tmp_path / "weights.npz"
    make, words = REFUSED[damage]
    make(path)
    line = refusal(tmp_path, capsys, 4, matrix=path)
    assert line.startswith(f"error: {path}: ")
    assert words in line


def test_whatever_bytes_are_turned_over_there_is_no_crash(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    whole = saved(tmp_path / "whole.npz").read_bytes()
    for _ in range(400):
        content = bytearray(whole)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            content[place] = rng.integers(0, 256)
        (tmp_path / "weights.npz").write_bytes(content[: rng.integers(1, 2 * len(content))])
        assert main([*command(tmp_path, "--quiet", matrix=tmp_path / "weights.npz")]) in (0, 3, 4)


def test_a_matrix_that_memory_cannot_hold_is_refused_before_it_is_read(
    tmp_path: Path, capsys: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "memory_bytes", lambda: 1000)
    line = refusal(tmp_path, capsys, 3)
    assert "reading 6 entries takes about" in line


def test_one_full_row_that_makes_the_rectangles_too_large_is_named(
    tmp_path: Path, capsys: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    matrix = np.eye(300)
    matrix[17] = 1
    monkeypatch.setattr(host, "memory_bytes", lambda: 2**20)
    ids = ids_file(tmp_path, [str(row) for row in range(300)])
    line = refusal(tmp_path, capsys, 3, matrix=saved(tmp_path / "weights.npz", matrix), ids=ids)
    assert "300 items with room for 300 weights each, as many as row 17 has" in line


@pytest.mark.parametrize(
    "content",
    [b"a\nb\nc\nd\n", b"a\nb\nc\nd", b"a\r\nb\r\nc\r\nd\r\n", b"\xef\xbb\xbfa\n b \nc\t\nd\n"],
    ids=["Unix", "no end of the last line", "Windows", "a byte order mark and spaces"],
)
def test_ids_are_the_lines_of_a_text_file(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "ids").write_bytes(content)
    assert list(imported(tmp_path, ids=tmp_path / "ids").model.vocabulary.item_ids) == IDS


def test_what_unicode_calls_a_line_break_belongs_to_an_id(tmp_path: Path) -> None:
    ids = ["a\u2028b", "a\x0bb", "ä", "日本"]
    assert list(imported(tmp_path, ids=ids_file(tmp_path, ids)).model.vocabulary.item_ids) == ids


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array(IDS), IDS),
        (np.array([b"a", b"b", b"c", "ä".encode()]), ["a", "b", "c", "ä"]),
        (np.array([7, -1, 2**60, 0]), ["7", "-1", str(2**60), "0"]),
        (np.array([3, 2, 1, 0], ">u2"), ["3", "2", "1", "0"]),
    ],
    ids=["unicode", "bytes", "integers", "big-endian"],
)
def test_ids_are_an_array_of_text_or_whole_numbers(array: ArrayLike, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / "ids.npy").write_bytes(npy(array))
    assert list(imported(tmp_path, ids=tmp_path / "ids.npy").model.vocabulary.item_ids) == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no such file"),
        (b"", "the file is empty"),
        (b"a\nb\nc\n", "3 item ids for the 4 rows of"),
        (b"item_id\na\nb\nc\nd\n", "5 item ids for the 4 rows of"),
        (b"item_id\na\nb\nc\nd\n", "if the first line is a heading"),
        (b"a\n\nc\nd\n", ", line 2: there is no id"),
        (b"a\nb\nc\nd\n\n", ", line 5: there is no id"),
        (b"a\nb\na\nb\n", "lines 1 and 3 are both 'a'"),
        (b"a\nb\nc\n c\n", "lines 3 and 4 are both 'c'"),
        (b"a\nb\n" + b"c" * 513 + b"\nd\n", ", line 3: an id of 513 characters; up to 512"),
        (b"a\nb\nc\nJos\xe9\n", ", line 4: it is not UTF-8"),
        (npy(np.array(IDS, object)), "allow_pickle=1), sep=chr(10))"),
        (npy(np.array(IDS, object)), "never read"),
        (npy(np.array([IDS])), "<U1 in 2 dimensions"),
        (npy(np.array(1)), "int64 in 0 dimensions"),
        (npy(np.ones(4)), "it holds float64 in 1"),
        (npy(np.array(["a", "b", "c", ""])), ", entry 4: there is no id"),
        (npy(np.array([1, 2, 2, 3])), "entries 2 and 3"),
        (npy(np.array(IDS))[:-1], "it was cut short"),
        (npy(np.array([b"a", b"b", b"c", b"\xff"])), "an entry is no text"),
        (npy(np.array(["a", "b", "c", "\ud800"])), "an entry is no text"),
        (matrices.claiming(np.array(IDS), "(10**9,)"), "it is not an array"),
        (matrices.claiming(np.array(IDS), "(1000000000000,)"), "its header asks for 4,000,000,000,128"),
    ],
)
def test_unsuitable_ids_are_refused(content: bytes | None, words: str, tmp_path: Path, capsys: Console) -> None:
    path = tmp_path / "ids"
    if content is not None:
        path.write_bytes(content)
    line = refusal(tmp_path, capsys, 4, ids=path)
    assert line.startswith(f"error: {path}")
    assert words in line


def test_pickled_ids_are_not_run(tmp_path: Path, capsys: Console) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
            return Path.touch, (tmp_path / "sprung",)

    (tmp_path / "ids.npy").write_bytes(npy(np.array([Trap()] * 4, object)))
    refusal(tmp_path, capsys, 4, ids=tmp_path / "ids.npy")
    refusal(tmp_path, capsys, 4, matrix=altered(tmp_path / "x.npz", data=np.array([Trap()] * 6, object)))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        "--title-col name",
        "--attribute year=number",
        "--user-col who",
        "--preset movielens",
        "--min-rating 0",
        "--separator ;",
        "--embedder-model all-MiniLM-L6-v2",
        "--dims 4",
    ],
)
def test_an_option_that_would_be_ignored_is_wrong_usage(wrong: str, tmp_path: Path, capsys: Console) -> None:
    assert exit_code(*command(tmp_path, *wrong.split())) == 2
    assert "error:" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_checkpoint_of_an_interrupted_fit_stays(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / CHECKPOINT).write_bytes(b"kept")
    imported(tmp_path)
    assert (tmp_path / "out" / CHECKPOINT).read_bytes() == b"kept"


def test_it_runs_with_torch_absent(tmp_path: Path) -> None:
    program = "import sys; sys.modules['torch'] = None; from trainer.__main__ import main; sys.exit(main(sys.argv[1:]))"
    subprocess.run([sys.executable, "-c", program, *command(tmp_path, "--quiet")], check=True, cwd=ROOT)
    assert open_current(tmp_path / "out").model.embedding.n_items == 4


def test_published_weights_are_imported_whole(test_data: Path, tmp_path: Path) -> None:
    path = test_data / "published-weights" / "gb10_weights_2048_16nnz_sparse.npz"
    ids = sorted(str(book) for book in range(1, 10_001))
    opened = imported(tmp_path, "--codes", "float32", matrix=path, ids=ids_file(tmp_path, ids))
    embedding = opened.model.embedding
    assert (embedding.n_items, embedding.k, embedding.n_dims) == (10_000, 16, 2_048)
    assert [opened.model.vocabulary.item_id(row) for row in (0, 1, 9_999)] == ["1", "10", "9999"]
    np.testing.assert_allclose(embedding.to_dense(), sp.load_npz(path).toarray(), atol=1e-6)


def test_the_published_order_is_pickled_and_refused(test_data: Path, tmp_path: Path, capsys: Console) -> None:
    folder = test_data / "published-weights"
    matrix, ids = folder / "gb10_weights_2048_16nnz_sparse.npz", folder / "gb10_book_id_index.npy"
    assert "pickled Python objects" in refusal(tmp_path, capsys, 4, matrix=matrix, ids=ids)
