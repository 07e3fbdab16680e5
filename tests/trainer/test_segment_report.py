"""The report on segments says what is in the artifact: its numbers against slow loops, its plots as files."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from index.catalog import Catalog
from index.model import Model
from index.recommender import Recommender
from index.segments import Segments
from index.vocabulary import Strings
from tests import oracle
from tests.conftest import write
from tests.trainer.console import ROOT, Console, files
from tests.worlds import by_hand, random_model
from trainer.__main__ import main
from trainer.segment_report.coherence import coherence
from trainer.segment_report.coverage import coverage
from trainer.segment_report.segment_map import segment_map

Fields = dict[str, Any]
N_SEGMENTS = 8


def first_segments(model: Model, n: int) -> Model:
    """The same model with only its first segments; the items of the others are in none."""
    all_of_them = model.segments
    end = int(all_of_them.starts[n])
    segments = Segments(
        all_of_them.starts[: n + 1],
        all_of_them.dims[:end],
        all_of_them.signs[:end],
        np.where(all_of_them.membership < n, all_of_them.membership, -1).astype(np.int32),
        Strings.pack(list(all_of_them.ids)[:n]),
        Strings.pack(list(all_of_them.labels)[:n]),
        all_of_them.n_dims,
    )
    return replace(model, segments=segments)


def reported(folder: Path, model: Model, *options: str) -> Path:
    """The folder of a report."""
    write(folder / "artifacts", model)
    assert main(["segments", str(folder / "artifacts"), "--report", str(folder / "report"), "--quiet", *options]) == 0
    return folder / "report"


def facts(report: Path) -> Fields:
    found: Fields = json.loads((report / "segments.json").read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def world() -> Model:
    return random_model(3, packed=True)


@pytest.fixture(scope="module")
def report(world: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reported(tmp_path_factory.mktemp("world"), world)


# ------------------------------------------------------------ numbers


@pytest.mark.parametrize("packed", [False, True])
def test_coherence_is_that_of_the_dense_codes(packed: bool) -> None:
    model = random_model(1, packed=packed)
    A, segments = model.embedding.to_dense().astype(np.float64), model.segments
    B = oracle.segment_matrix([segments.signed_dims(row) for row in range(N_SEGMENTS)], segments.n_dims)
    found = coherence(model)
    for row in range(N_SEGMENTS):
        members = A[segments.members(row)]
        mean = members.mean(axis=0)
        assert found.cosines[row] == pytest.approx(np.mean(members @ mean) / np.linalg.norm(mean), abs=1e-5)
        pairs = [one @ other for i, one in enumerate(members) for j, other in enumerate(members) if i != j]
        assert found.pairs[row] == pytest.approx(np.mean(pairs), abs=1e-5)
        weights = members[:, B[row] != 0]
        agreeing = np.abs(weights[np.sign(weights) == np.sign(B[row][B[row] != 0])]).sum()
        assert found.purity[row] == pytest.approx(agreeing / np.abs(weights).sum(), abs=1e-5)
    assert found.weakest(3) == sorted(range(N_SEGMENTS), key=lambda row: found.pairs[row])[:3]


def test_a_segment_of_one_item_has_no_pairs_and_one_of_none_has_nothing() -> None:
    model = by_hand()
    membership = model.segments.membership.copy()
    assert np.isnan(coherence(model).pairs).tolist() == [False, False, True]
    membership[1] = -1
    empty = coherence(replace(model, segments=replace(model.segments, membership=membership)))
    assert np.isnan([empty.cosines[2], empty.pairs[2], empty.purity[2]]).all()
    assert empty.weakest(10) == [0, 1]


def test_coverage_counts_items_by_the_size_of_their_segment(world: Model) -> None:
    membership = world.segments.membership.copy()
    membership[(membership == 0) & (np.arange(200) > 60)] = -1
    found = coverage(replace(world, segments=replace(world.segments, membership=membership)))
    sizes = [int((membership == row).sum()) for row in range(N_SEGMENTS)]
    assert found.sizes.tolist() == sizes
    assert min(sizes) < 12 < 20 < max(sizes)
    for least in (12, 20):
        large = [size for size in sizes if size >= least]
        assert found.at_least(least) == (len(large), sum(large) / 200)
    order = sorted(range(200), key=lambda row: (-float(world.popularity[row]), row))
    assert found.by_popularity is not None
    for tenth in range(10):
        counts = [0, 0, 0, 0]
        for row in order[tenth * 20 : tenth * 20 + 20]:
            size = sizes[membership[row]] if membership[row] >= 0 else 0
            counts[0 if size >= 20 else 1 if size >= 12 else 2 if size else 3] += 1
        assert found.by_popularity[tenth].tolist() == [count / 20 for count in counts]


def test_the_map_puts_alike_segments_beside_each_other() -> None:
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(6), 5)
    codes = np.eye(6)[subjects] + rng.normal(0, 0.15, (30, 6))
    codes /= np.linalg.norm(codes, axis=1, keepdims=True)
    found = segment_map(codes)
    assert found.positions.shape == (30, 2)
    assert np.isfinite(found.positions).all()
    distances = np.linalg.norm(found.positions[:, None] - found.positions[None], axis=2) + np.diag([np.inf] * 30)
    assert (subjects[distances.argmin(axis=1)] == subjects).all()
    near = np.argsort(distances, axis=1)[:, :5]
    true = np.argsort(-(codes @ codes.T - 2 * np.eye(30)), axis=1)[:, :5]
    shares = [len({*one} & {*other}) / 5 for one, other in zip(near.tolist(), true.tolist(), strict=True)]
    assert found.neighbours_kept == pytest.approx(np.mean(shares))


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9])
def test_a_map_of_few_or_equal_segments_is_one_still(n: int) -> None:
    assert np.isfinite(segment_map(np.eye(10)[:n]).positions).all()
    assert np.isfinite(segment_map(np.eye(10)[np.zeros(n, np.int64)]).positions).all()
    assert segment_map(np.eye(10)[:n]).positions.shape == (n, 2)


# ------------------------------------------------------------ what is written


def test_the_markdown_links_to_every_plot_and_each_is_svg(report: Path) -> None:
    linked = re.findall(r"\]\((plots/.*?\.svg)\)", (report / "segments.md").read_text("utf-8"))
    users = [f"plots/user-{place}.svg" for place in (1, 2, 3, 4)]
    assert linked == ["plots/sizes.svg", "plots/coverage.svg", "plots/coherence.svg", "plots/map.svg", *users]
    assert sorted(files(report)) == sorted(["segments.json", "segments.md", *linked])
    for plot in linked:
        assert ElementTree.parse(report / plot).getroot().tag.endswith("svg")


def test_every_segment_stands_in_the_table_with_five_titles(report: Path, world: Model) -> None:
    lines = (report / "segments.md").read_text("utf-8").split("## All segments")[1].splitlines()
    for row in range(N_SEGMENTS):
        known = sorted(world.segments.members(row).tolist(), key=lambda item: (-float(world.popularity[item]), item))
        titles = " · ".join(f"Title {item}" for item in known[:5])
        (line,) = [line for line in lines if line.startswith(f"| s{row} |")]
        assert line.startswith(f"| s{row} | Segment {row} | {titles} | {len(known)} |")


def test_a_sample_user_is_answered_as_the_recommender_answers(report: Path, world: Model) -> None:
    users = facts(report)["users"]
    attention = [float(world.popularity[world.segments.members(row)].sum()) for row in range(N_SEGMENTS)]
    best = sorted(range(N_SEGMENTS), key=lambda row: -attention[row])[:4]
    assert [user["name"] for user in users] == [f"whoever has the best-known items of Segment {row}" for row in best]
    recommender = Recommender(world, "v")
    for row, user in zip(best, users, strict=True):
        known = sorted(world.segments.members(row).tolist(), key=lambda item: (-float(world.popularity[item]), item))
        history = [f"item-{item}" for item in known[:10]]
        length = np.linalg.norm(world.embedding.to_dense()[known[:10]].sum(axis=0))
        expected = recommender.segments(history, 5).segments
        assert [one["segment_id"] for one in user["segments"]] == [one.segment_id for one in expected]
        scores = [one.score / length for one in expected]
        assert [one["score"] for one in user["segments"]] == pytest.approx(scores, abs=1e-5)
        assert user["best_known"] == [f"Title {item}" for item in known[:10]]


def test_the_first_four_of_a_file_of_users_are_shown(world: Model, tmp_path: Path) -> None:
    histories = {
        "ann": ["item-1", "item-2"],
        "bob": ["nothing"],
        "eve": ["item-9"],
        "dan": ["item-4"],
        "joe": ["item-5"],
    }
    rows = [f"{user},{item}" for user, items in histories.items() for item in items]
    (tmp_path / "users.csv").write_text("user_id,item_id\n" + "\n".join(rows) + "\n")
    report = reported(tmp_path, world, "--users", str(tmp_path / "users.csv"))
    users = facts(report)["users"]
    assert [user["name"] for user in users] == ["ann", "bob", "eve", "dan"]
    assert [user["source"] for user in users] == ["profile", "popularity", "profile", "profile"]
    assert [user["items_known"] for user in users] == [2, 0, 1, 1]
    assert sorted(path.name for path in report.glob("plots/user-*")) == ["user-1.svg", "user-3.svg", "user-4.svg"]
    assert "Nothing is known of their taste. By popularity:" in (report / "segments.md").read_text("utf-8")


def test_the_same_artifact_gives_the_same_bytes_and_replaces_what_was_there(
    report: Path, world: Model, tmp_path: Path
) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "segments.md").write_text("of yesterday")
    (tmp_path / "report" / "mine.txt").write_text("stays")
    again = files(reported(tmp_path, world))
    assert again.pop("mine.txt") == b"stays"
    assert again == files(report)


def test_json_is_printed_too(report: Path, capsys: Console) -> None:
    artifacts = report.parent / "artifacts"
    assert main(["segments", str(artifacts), "--report", str(report), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == facts(report)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_segments_are_reported_as_well(tmp_path: Path, n: int) -> None:
    report = reported(tmp_path, first_segments(by_hand(), n))
    plots = {path.stem for path in report.glob("plots/*.svg")}
    of_segments = {"sizes", "coherence"} | {f"user-{place + 1}" for place in range(n)} | ({"map"} if n > 1 else set())
    assert plots == {"coverage"} | (of_segments if n else set())
    assert len(facts(report)["segments"]) == n
    assert facts(report)["n_items"] == 6


def test_items_without_titles_are_named_by_their_ids(tmp_path: Path) -> None:
    model = by_hand()
    nameless = replace(model, catalog=Catalog(Strings.pack([""] * 6)), popularity=np.zeros(6, np.float32))
    text = (reported(tmp_path, nameless) / "segments.md").read_text("utf-8")
    assert "| s1 | Comedy | a · c | 2 | – | 33.3% | – |" in text
    assert "Nothing is known of the items' popularity." in text
    assert "coverage.svg" not in text


def test_somebody_elses_words_stay_words(tmp_path: Path) -> None:
    model = by_hand()
    labels = ["$x$ | <b>", "日本語", "\x1b[31m"]
    report = reported(tmp_path, replace(model, segments=replace(model.segments, labels=Strings.pack(labels))))
    text = (report / "segments.md").read_text("utf-8")
    assert r"| s1 | \$x\$ \| &lt;b&gt; |" in text
    assert "\x1b" not in text
    assert facts(report)["segments"][1]["label"] == "日本語"


def test_a_thousand_segments_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.segment_report.segment_map._ITERATIONS", 3)  # what takes the time
    model = random_model(5, n_items=3000, n_dims=64, k=4, n_segments=1200)
    found = facts(reported(tmp_path, model))
    assert len(found["segments"]) == 1200
    assert [row["position"] is None for row in found["segments"]] == [False] * 1000 + [True] * 200


def test_without_matplotlib_the_report_says_what_would_bring_plots(tmp_path: Path) -> None:
    write(tmp_path / "artifacts", by_hand())
    program = """
import sys
sys.modules["matplotlib"] = None
from trainer.__main__ import main
sys.exit(main(["segments", sys.argv[1], "--report", sys.argv[2]]))
"""
    arguments = [sys.executable, "-c", program, str(tmp_path / "artifacts"), str(tmp_path / "report")]
    subprocess.run(arguments, check=True, cwd=ROOT, capture_output=True)
    text = (tmp_path / "report" / "segments.md").read_text("utf-8")
    assert "need matplotlib" in text
    assert "plots/" not in text
    assert "| s1 | Comedy |" in text
