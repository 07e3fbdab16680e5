"""python -m trainer export: to engines that run here, to files, and what is refused."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from qdrant_client import QdrantClient
from qdrant_edge import CountRequest, EdgeShard

from index import artifact
from index.artifact import Artifact
from index.model import Model
from index.points import Points, items_of, segments_of
from index.recommender import Recommender
from tests.trainer.console import ROOT, Console, exit_code, files
from tests.trainer.export.lucene_like import search_engine
from tests.worlds import by_hand, random_model
from trainer.__main__ import main
from trainer.export import array_files
from trainer.export.fidelity import Question, made_up, measured, overlap
from trainer.export.qdrant_server import QdrantServer

SERVER = "SPARSESHELF_TEST_QDRANT"


def written(folder: Path, model: Model) -> Artifact:
    return artifact.write(folder, model, name="world", options={}, data={"source": "x"}, metrics={}, libraries={})


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """200 items, some of them equal and some without a code."""
    written(tmp_path / "world", random_model(1))
    return tmp_path / "world"


def exported(console: Console, world: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    assert main(["export", str(world), "--histories", "40", "--json", "--quiet", "--to", *arguments]) == code
    found: dict[str, Any] = json.loads(console.readouterr().out)
    return found


def overlaps(found: dict[str, Any]) -> list[float]:
    return [share for one in found["fidelity"] for share in one["overlap"].values()]


# ------------------------------------------------------------ files


@pytest.mark.parametrize("form", ["npz", "parquet", "safetensors"])
def test_files_hold_the_matrices_and_come_to_the_exact_answers(
    form: str, world: Path, tmp_path: Path, capsys: Console
) -> None:
    found = exported(capsys, world, form, str(tmp_path / "out"))
    assert set(files(tmp_path / "out")) == {f"items.{form}", f"segments.{form}"}
    assert {one["kind"] for one in found["fidelity"]} == {"items", "segments"}
    assert set(overlaps(found)) == {1.0}


@pytest.mark.parametrize("packed", [True, False])
def test_scipy_reads_the_npz_and_its_products_are_our_scores(packed: bool, tmp_path: Path, capsys: Console) -> None:
    model = random_model(4, packed=packed)
    written(tmp_path / "world", model)
    exported(capsys, tmp_path / "world", "npz", str(tmp_path / "out"))
    A = sp.csr_matrix(sp.load_npz(tmp_path / "out" / "items.npz"), dtype=np.float64)
    with np.load(tmp_path / "out" / "items.npz") as arrays:
        ids = arrays["item_ids"].tolist()
    assert ids == list(model.vocabulary.item_ids)
    np.testing.assert_array_equal(A.toarray(), model.embedding.to_dense())
    history = ["item-3", "item-8"]
    answered = Recommender(model, "v").recommend(history, 50).items
    scores = np.asarray(A[[3, 8]].sum(axis=0) @ A.T).ravel()
    np.testing.assert_allclose(
        [item.score for item in answered], scores[[ids.index(item.item_id) for item in answered]], atol=1e-5
    )
    with np.load(tmp_path / "out" / "segments.npz") as arrays:
        assert arrays["segment_ids"].tolist() == list(model.segments.ids)


def test_the_parquet_has_a_row_an_item_with_all_that_is_known_of_it(tmp_path: Path, capsys: Console) -> None:
    written(tmp_path / "world", by_hand())
    exported(capsys, tmp_path / "world", "parquet", str(tmp_path / "out"))
    rows = pl.read_parquet(tmp_path / "out" / "items.parquet").to_dicts()
    assert rows[1] | {"weights": [round(weight, 5) for weight in rows[1]["weights"]]} == {
        "item_id": "b", "title": "Brazil", "popularity": pytest.approx(0.4), "segment_id": "s3",
        "dims": [0, 3], "weights": [0.6, -0.8],
        "attributes": {"year": 1985.0, "country": "UK", "genres": ["Comedy", "Sci-Fi"], "poster": None},
    }  # fmt: skip
    assert rows[4]["title"] is rows[5]["segment_id"] is None
    assert rows[5]["dims"] == []
    segments = pl.read_parquet(tmp_path / "out" / "segments.parquet").to_dicts()
    assert [(row["segment_id"], row["label"], row["n_items"]) for row in segments] == [
        ("s1", "Comedy", 2), ("s2", "War", 2), ("s3", "Gloom", 1),
    ]  # fmt: skip


# ------------------------------------------------------------ Qdrant


def test_qdrant_comes_to_the_exact_answers(world: Path, tmp_path: Path, capsys: Console) -> None:
    found = exported(capsys, world, "qdrant", str(tmp_path / "out"))
    assert set(overlaps(found)) == {1.0}
    version = artifact.current_version(world)
    assert found["places"] == {kind: f"{tmp_path}/out/{version}/{kind}" for kind in ("items", "segments")}


def test_qdrant_knows_what_is_known_of_an_item(tmp_path: Path, capsys: Console) -> None:
    version = written(tmp_path / "world", by_hand()).version
    exported(capsys, tmp_path / "world", "qdrant", str(tmp_path / "out"))
    shard = EdgeShard.load(str(tmp_path / "out" / version / "items"))
    (point, bare) = shard.retrieve([1, 5], True, True)
    assert dict(point.payload or {}) == {
        "item_id": "b", "title": "Brazil", "popularity": pytest.approx(0.4), "segment_id": "s3",
        "attributes": {"year": 1985.0, "country": "UK", "genres": ["Comedy", "Sci-Fi"]},
    }  # fmt: skip
    assert dict(bare.payload or {})["item_id"] == "f"
    assert not bare.vector
    assert {"attributes.year", "attributes.country", "attributes.genres"} == shard.info().payload_schema.keys()
    shard.close()


def test_an_export_that_was_killed_is_gone_on_with(tmp_path: Path, capsys: Console) -> None:
    model = random_model(2, n_items=120_000, n_dims=64, k=8)
    version = written(tmp_path / "world", model).version
    command = [sys.executable, "-m", "trainer", "export", str(tmp_path / "world"), "--to", "qdrant"]
    running = subprocess.Popen(
        [*command, str(tmp_path / "out")], cwd=ROOT, stderr=subprocess.PIPE, text=True, stdout=subprocess.DEVNULL
    )
    assert running.stderr is not None
    for line in running.stderr:
        if re.match(r"items: (5|6|7)\d,\d{3} of 120,000", line):
            os.kill(running.pid, signal.SIGKILL)
            break
    assert running.wait() == -signal.SIGKILL
    running.stderr.close()
    shard = EdgeShard.load(str(tmp_path / "out" / version / "items"))
    n_kept = shard.count(CountRequest(exact=True))
    shard.close()
    assert 50_000 <= n_kept < 120_000
    found = exported(capsys, tmp_path / "world", "qdrant", str(tmp_path / "out"))
    assert set(overlaps(found)) == {1.0}
    assert exported(capsys, tmp_path / "world", "qdrant", str(tmp_path / "out"))["places"] == found["places"]


def test_what_can_no_longer_be_opened_is_written_again(world: Path, tmp_path: Path, capsys: Console) -> None:
    exported(capsys, world, "qdrant", str(tmp_path / "out"))
    for path in (tmp_path / "out").rglob("segment.json"):
        path.write_text("{")
    assert set(overlaps(exported(capsys, world, "qdrant", str(tmp_path / "out")))) == {1.0}


def test_points_of_something_else_are_not_written_over(world: Path, tmp_path: Path, capsys: Console) -> None:
    exported(capsys, world, "qdrant", str(tmp_path / "out"))
    folder = tmp_path / "out" / artifact.current_version(world)
    (folder / "items").rename(folder / "all")
    (folder / "all").rename(folder / "segments-of-others")
    (folder / "segments").rename(folder / "items")
    (folder / "segments-of-others").rename(folder / "segments")
    assert main(["export", str(world), "--quiet", "--to", "qdrant", str(tmp_path / "out")]) == 6
    assert "200 points lie there, the version has 8; remove it" in capsys.readouterr().err


@pytest.fixture
def client() -> QdrantClient:
    """Qdrant's own implementation in Python, or the server of SPARSESHELF_TEST_QDRANT where there is one."""
    url = os.environ.get(SERVER)
    return QdrantClient(url=url) if url else QdrantClient(":memory:")


def test_a_qdrant_server_comes_to_the_exact_answers_and_its_aliases_lead_to_them(client: QdrantClient) -> None:
    model = random_model(1)
    for version in ("v1", "v2"):
        engine = QdrantServer(client, "here", "test", version)
        told: list[int] = []
        for points in (items_of(model), segments_of(model)):
            engine.write(points, told.append)
        assert told == [0, 200, 0, 8]
        assert all(found.complete for found in measured(engine, model, 40))
        engine.made_current()
    there = {alias.alias_name: alias.collection_name for alias in client.get_aliases().aliases}
    assert there == {"test-items": "test-v2-items", "test-segments": "test-v2-segments"}
    again: list[int] = []
    QdrantServer(client, "here", "test", "v2").write(items_of(model), again.append)
    assert again == [200]
    for name in ("test-v1-items", "test-v1-segments", "test-v2-items", "test-v2-segments"):
        client.delete_collection(name)


def test_a_server_that_is_not_there_is_named_with_what_to_do(world: Path, capsys: Console) -> None:
    assert main(["export", str(world), "--quiet", "--to", "qdrant", "http://127.0.0.1:9"]) == 6
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: --to qdrant http://127.0.0.1:9: cannot be reached (")
    assert "the same command goes on" in line


# ------------------------------------------------------------ Milvus


def test_milvus_comes_to_the_exact_answers_by_the_whole_question(world: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "trainer", "export", str(world), "--to", "milvus", str(tmp_path / "shelf.db")]
    for _ in range(2):  # the second time all is there
        ended = subprocess.run(
            [*command, "--json", "--histories", "40"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        found = json.loads(ended.stdout)
        ways = {(one["kind"], one["way"]): one["overlap"] for one in found["fidelity"]}
        assert ways["items", "shifted"] == ways["segments", "shifted"] == {"20": 1.0, "100": 1.0}
        assert ways["items", "sign-split, rescored"]["20"] > 0.9
        assert all(re.fullmatch(r"(items|segments): [\d,]+ of [\d,]+", line) for line in ended.stderr.splitlines())


# ------------------------------------------------------------ OpenSearch, Elasticsearch


@pytest.mark.parametrize("product", ["opensearch", "elasticsearch"])
def test_a_search_engine_that_was_loaded_is_asked_what_it_finds(
    product: str, world: Path, tmp_path: Path, capsys: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert exported(capsys, world, product, str(out))["fidelity"] == []
    with search_engine(key="Basic bWU6c2VjcmV0") as engine:
        assert main(["export", str(world), "--quiet", "--to", product, str(out), "--verify", engine.url]) == 6
        assert "it asks for a key; set SPARSESHELF_EXPORT_KEY" in capsys.readouterr().err
        monkeypatch.setenv("SPARSESHELF_EXPORT_KEY", "me:secret")
        assert main(["export", str(world), "--quiet", "--to", product, str(out), "--verify", engine.url]) == 6
        assert "load.sh" in capsys.readouterr().err
        subprocess.run(["sh", str(out / "load.sh"), engine.url, "-u", "me:secret"], check=True, capture_output=True)
        assert len(engine.documents) == 2
        found = exported(capsys, world, product, str(out), "--verify", engine.url)
    items = next(one for one in found["fidelity"] if one["kind"] == "items")
    assert items["overlap"]["20"] > 0.98


def test_a_request_of_the_bulk_interface_stays_small_and_none_is_left_of_before(
    tmp_path: Path, capsys: Console
) -> None:
    written(tmp_path / "world", random_model(2, n_items=60_000, n_dims=64, k=8))
    exported(capsys, tmp_path / "world", "opensearch", str(tmp_path / "out"))
    bulk = sorted((tmp_path / "out").glob("*-items-*.ndjson"))
    assert len(bulk) > 1
    assert max(path.stat().st_size for path in bulk) < 9 * 2**20
    assert sum(path.read_text().count("\n") for path in bulk) == 2 * 60_000
    stale = bulk[0].with_name(bulk[0].name.replace("00000", "00007"))
    stale.write_text("{}")
    exported(capsys, tmp_path / "world", "opensearch", str(tmp_path / "out"))
    assert not stale.exists()


def test_the_bulk_file_and_the_mapping_have_what_is_known(tmp_path: Path, capsys: Console) -> None:
    written(tmp_path / "world", by_hand())
    exported(capsys, tmp_path / "world", "elasticsearch", str(tmp_path / "out"), "--name", "Shop")
    (mapping,) = (tmp_path / "out").glob("shop-world-*-items.index.json")
    properties = json.loads(mapping.read_text())["mappings"]["properties"]
    assert properties["code"] == {"type": "sparse_vector"}
    assert properties["attributes"]["properties"]["year"] == {"type": "double"}
    (bulk,) = (tmp_path / "out").glob("shop-world-*-items-00000.ndjson")
    lines = [json.loads(line) for line in bulk.read_text().splitlines()]
    assert lines[2]["index"]["_id"] == "1"
    assert {name: round(weight, 5) for name, weight in lines[3]["code"].items()} == {"d0": 0.6, "d7": 0.8}
    assert lines[3]["attributes"]["genres"] == ["Comedy", "Sci-Fi"]
    assert "code" not in lines[11]


# ------------------------------------------------------------ fidelity


def test_an_engine_that_forgets_or_swaps_is_found_out() -> None:
    model = random_model(1)

    class Forgetful:
        """Knows nothing of the negative weights, as Milvus was once told to do."""

        ways = ("zeroed",)

        def write(self, points: Points, told: Any) -> str:
            raise NotImplementedError

        def best(self, kind: str, profile: np.ndarray[Any, Any], n: int, way: str) -> np.ndarray[Any, Any]:
            points = items_of(model) if kind == "items" else segments_of(model)
            dense = np.zeros((len(points), points.n_dims))
            for row in range(len(points)):
                dims, weights = points.code(row)
                dense[row, dims] = weights
            return np.argsort(-np.maximum(dense, 0) @ profile, kind="stable")[:n]

        def made_current(self) -> None: ...

        def close(self) -> None: ...

    items, _ = measured(Forgetful(), model, 40)
    assert items.overlap[20] < 0.9
    assert not items.complete


def test_what_ties_with_the_last_of_the_best_is_as_good_as_it() -> None:
    scores = np.array([0.5, 0.4, 0.4, 0.4, -0.1, 0.0])
    question = Question(np.zeros(2), np.array([0], np.int32), scores)
    assert overlap(question, np.array([2, 3], np.int32), 2) == 1.0
    assert overlap(question, np.array([3, 3], np.int32), 2) == 0.5
    assert overlap(question, np.array([1, 2, 3], np.int32), 5) == 1.0  # what scores 0 or less is no answer
    assert overlap(question, np.array([4, 5], np.int32), 2) == 0.0


def test_made_up_histories_are_the_same_again_and_only_of_items_with_a_code() -> None:
    model = random_model(1)
    histories = made_up(model, 60)
    assert all((np.diff(rows) > 0).all() for rows in histories)
    assert {len(rows) for rows in histories} >= {1, 2, 3}
    assert max(len(rows) for rows in histories) > 20
    assert model.embedding.coded[np.concatenate(histories)].all()
    assert all(map(np.array_equal, histories, made_up(model, 60)))


def test_an_answer_that_is_not_exact_is_an_error(
    world: Path, tmp_path: Path, capsys: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(path: Path, n_dims: int) -> array_files.Matrix:
        return sp.csr_matrix(sp.load_npz(path).maximum(0), dtype=np.float64)

    monkeypatch.setitem(array_files._READERS, "npz", forgetful)
    assert main(["export", str(world), "--quiet", "--to", "npz", str(tmp_path / "out")]) == 6
    assert "does not come to the exact answers" in capsys.readouterr().err


# ------------------------------------------------------------ mistakes


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--to", "pinecone", "x"], 3, "the kinds are qdrant, milvus, opensearch, elasticsearch, npz, parquet"),
        (["--to", "npz", "x", "--verify", "http://localhost:9200"], 3, "--verify goes with --to opensearch and"),
        (["--to", "npz", "http://localhost:9200"], 3, "it is written to a folder"),
        (["--to", "milvus", "shelf"], 3, "a file that ends in .db"),
        (["--to", "qdrant", "http://:6333"], 3, "http://HOST:PORT or https://HOST:PORT was expected"),
        (["--to", "qdrant", "http://host:port"], 3, "no address of a server"),
        (["--to", "qdrant", "http://me:secret@host"], 3, "must not hold a user or a password"),
        (["--to", "npz", "x", "--name", "a/b"], 2, "must begin with a letter"),
        (["--to", "npz"], 2, "expected 2 arguments"),
        (["--to", "npz", "x", "--version", "none"], 5, "none"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(
    arguments: list[str], code: int, words: str, world: Path, tmp_path: Path, capsys: Console,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert exit_code("export", str(world), *arguments) == code
    err = capsys.readouterr().err
    assert words in err
    assert "secret" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["world"]


def test_a_folder_that_cannot_be_written_to_is_told(world: Path, tmp_path: Path, capsys: Console) -> None:
    (tmp_path / "file").write_text("")
    assert main(["export", str(world), "--quiet", "--to", "npz", str(tmp_path / "file")]) == 3
    assert "cannot be written to" in capsys.readouterr().err


def test_a_library_that_is_missing_is_named(world: Path, tmp_path: Path) -> None:
    program = """
import sys
for name in ("qdrant_edge", "qdrant_client", "pymilvus", "milvus_lite", "safetensors"):
    sys.modules[name] = None
from trainer.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
    for kind, place, package in (
        ("qdrant", "x", "qdrant-edge-py"), ("qdrant", "http://x", "qdrant-client"), ("milvus", "x.db", "milvus-lite"),
        ("milvus", "http://x", "pymilvus"), ("safetensors", "x", "safetensors"),
    ):  # fmt: skip
        command = [sys.executable, "-c", program, "export", str(world), "--to", kind, place]
        began = time.monotonic()
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert time.monotonic() - began < 60
        assert (ended.returncode, ended.stdout) == (3, "")
        assert ended.stderr == f"error: --to {kind} {place} needs {package}: pip install {package}\n"
