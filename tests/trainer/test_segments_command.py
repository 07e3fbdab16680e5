"""python -m trainer segments: what somebody sees of an artifact's segments, counted again from the artifact itself."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.artifact import Artifact, open_current
from index.merge_tree import MergeTree
from index.model import Model
from tests.conftest import write
from tests.trainer.console import Console, exit_code, process
from tests.trainer.matrices import saved
from tests.worlds import by_hand
from trainer.__main__ import main

N_ITEMS, N_DIMS = 240, 12
Fields = dict[str, Any]


def matrix() -> np.ndarray:
    """Six weights a row that are so close that levels tie or swap, one dim of each row a little ahead."""
    rng = np.random.default_rng(7)
    dense = np.zeros((N_ITEMS, N_DIMS))
    for row in dense:
        row[rng.choice(N_DIMS, 6, replace=False)] = rng.choice([-1, 1], 6) * rng.uniform(0.98, 1.0, 6)
    dense[9] = 0.0
    return dense


def imported(folder: Path, codes: str) -> Path:
    """An artifact of `matrix`, with titles, genres and popularity."""
    rng = np.random.default_rng(8)
    (folder / "ids.txt").write_text("".join(f"i{row}\n" for row in range(N_ITEMS)))
    genres = rng.choice(["Comedy", "War", "Crime", "Musical"], N_ITEMS)
    lines = [f"i{row},{'' if row % 7 == 0 else f'Film {row}'},{genres[row]}" for row in range(N_ITEMS)]
    (folder / "items.csv").write_text("item_id,title,genre\n" + "\n".join(lines) + "\n")
    users = [f"{user},i{item}" for user in range(30) for item in rng.choice(N_ITEMS, 12, replace=False)]
    (folder / "ratings.csv").write_text("user_id,item_id\n" + "\n".join(users) + "\n")
    named = {"--matrix": saved(folder / "weights.npz", matrix()), "--item-ids": folder / "ids.txt"}
    named |= {"--items": folder / "items.csv", "--data": folder / "ratings.csv", "--out": folder / "out"}
    options = [str(part) for pair in named.items() for part in pair]
    assert main(["import", *options, "--codes", codes, "--min-segment-items", "20", "--quiet", "--name", "films"]) == 0
    return folder / "out"


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return imported(tmp_path_factory.mktemp("films"), "packed")


def printed(console: Console, *arguments: object) -> str:
    console.readouterr()
    assert main(["segments", *map(str, arguments)]) == 0
    return console.readouterr().out


def asked(console: Console, *arguments: object) -> Fields:
    found: Fields = json.loads(printed(console, *arguments, "--json"))
    return found


def best_known(model: Model, rows: list[int]) -> list[int]:
    return sorted(rows, key=lambda row: (-float(model.popularity[row]), row))


def without_history(folder: Path, opened: Artifact) -> Path:
    """As an earlier format had it: neither guests nor trees."""
    segments = replace(opened.model.segments, guests=None, tree=None)
    write(folder, replace(opened.model, segments=segments))
    return folder


# ------------------------------------------------------------ the list


def test_the_list_has_every_segment_with_its_sizes_and_best_known_items(films: Path, capsys: Console) -> None:
    model = open_current(films).model
    found = asked(capsys, films)["segments"]
    assert [row["segment_id"] for row in found] == list(model.segments.ids)
    guests = model.segments.guests
    assert guests is not None
    for place, row in enumerate(found):
        members = [item for item in range(N_ITEMS) if model.segments.membership[item] == place]
        assert row["label"] == model.segments.labels[place]
        assert row["items"] == len(members)
        assert row["guests"] == guests.starts[place + 1] - guests.starts[place]
        assert row["items_share"] == pytest.approx(len(members) / N_ITEMS)
        share = sum(float(model.popularity[item]) for item in members) / sum(map(float, model.popularity))
        assert row["popularity_share"] == pytest.approx(share)
        expected = [
            {"item_id": f"i{item}", "title": f"Film {item}" if item % 7 else None}
            for item in best_known(model, members)[:3]
        ]
        assert row["best_known"] == expected


def test_the_table_is_a_line_a_segment_and_fits_the_terminal(
    films: Path, capsys: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    model = open_current(films).model
    lines = printed(capsys, films).splitlines()
    assert lines[0] == f"{len(model.segments)} segments of 239 of 240 items"
    rows = [line for line in lines if line.split()[:1] and line.split()[0] in model.segments.ids]
    assert [line.split()[0] for line in rows] == list(model.segments.ids)
    for place, line in enumerate(rows):
        assert model.segments.labels[place] in line
        assert f"  {model.segments.sizes[place]} " in line
    assert max(map(len, lines)) <= 120
    assert "Film" in rows[0]


def test_another_version_is_looked_at_by_its_name(tmp_path: Path, capsys: Console) -> None:
    first = write(tmp_path, by_hand())
    second = write(tmp_path, replace(by_hand(), popularity=np.zeros(6, np.float32)), "other")
    assert asked(capsys, tmp_path)["version"] == second.version
    found = asked(capsys, tmp_path, "--version", first.version)
    assert found["version"] == first.version
    assert [row["label"] for row in found["segments"]] == ["Comedy", "War", "Gloom"]


def test_what_is_not_known_is_a_dash(tmp_path: Path, capsys: Console) -> None:
    write(tmp_path, replace(by_hand(), popularity=np.zeros(6, np.float32)))
    (row,) = [line for line in printed(capsys, tmp_path).splitlines() if "Comedy" in line]
    assert row.split() == ["s1", "Comedy", "2", "–", "33.3%", "–", "Airplane!", "·", "Clerks"]


def test_somebody_elses_words_do_nothing_to_the_terminal(tmp_path: Path, capsys: Console) -> None:
    model = by_hand()
    labels = ["\x1b[31mRed\n", "War", "Gloom"]
    write(tmp_path, replace(model, segments=replace(model.segments, labels=labels)))
    assert "\x1b" not in printed(capsys, tmp_path)


# ------------------------------------------------------------ a tree


def nodes(node: Fields) -> Iterator[Fields]:
    yield node
    for part in node.get("parts", []):
        yield from nodes(part)


@pytest.mark.parametrize("codes", ["packed", "float32"])
def test_the_leaves_of_a_tree_are_the_groups_by_the_strongest_weight(
    tmp_path: Path, capsys: Console, codes: str
) -> None:
    folder = imported(tmp_path, codes)
    model, dense = open_current(folder).model, matrix()
    strongest = np.abs(dense).argmax(axis=1)
    stored = model.embedding.to_dense()
    if codes == "packed":  # where the stored levels would mislead
        assert (np.abs(stored).argmax(axis=1) != strongest)[dense.any(axis=1)].any()
    tree = model.segments.tree
    assert tree is not None
    for place, segment_id in enumerate(model.segments.ids):
        root = asked(capsys, folder, "--tree", segment_id, "--depth", 100)["tree"]
        leaves = {tuple(node["signed_dim"]): node["items"] for node in nodes(root) if "signed_dim" in node}
        members = model.segments.members(place)
        expected = Counter((int(strongest[row]), int(np.sign(dense[row, strongest[row]]))) for row in members)
        assert leaves == expected
        inner = [node for node in nodes(root) if "signed_dim" not in node]
        assert len(inner) == len(leaves) - 1
        assert sorted(node["cosine"] for node in inner) == sorted(one.cosine for one in tree.merges(place))
        for node in inner:
            assert node["items"] == sum(part["items"] for part in node["parts"])
            assert node["groups"] == sum(part["groups"] for part in node["parts"])
            assert node["parts"][0]["items"] >= node["parts"][1]["items"]
        assert root["label"] == model.segments.labels[place]


def test_a_leaf_names_the_best_known_of_its_own_items(films: Path, capsys: Console) -> None:
    model, dense = open_current(films).model, matrix()
    root = asked(capsys, films, "--tree", "s1", "--depth", 100)["tree"]
    for leaf in (node for node in nodes(root) if "signed_dim" in node):
        dim, sign = leaf["signed_dim"]
        rows = [row for row in range(N_ITEMS) if np.abs(dense[row]).argmax() == dim and dense[row, dim] * sign > 0]
        assert [item["item_id"] for item in leaf["best_known"]] == [f"i{row}" for row in best_known(model, rows)[:3]]


def test_what_is_deeper_is_folded_into_a_line_that_counts_it(films: Path, capsys: Console) -> None:
    segments = open_current(films).model.segments
    tree = segments.tree
    assert tree is not None
    place = int(np.diff(tree.starts).argmax())
    segment_id, size, n_groups = segments.ids[place], int(segments.sizes[place]), len(tree.groups(place))
    assert n_groups > 3
    folded = asked(capsys, films, "--tree", segment_id, "--depth", 1)["tree"]
    assert all("parts" not in part for part in folded["parts"])
    text = printed(capsys, films, "--tree", segment_id, "--depth", 1)
    for part in folded["parts"]:
        assert part["label"] in text
        assert (f"… {part['groups']} groups, {part['items']} items" in text) == ("folded" in part)
    assert sum(part["items"] for part in folded["parts"]) == size
    whole = printed(capsys, films, "--tree", segment_id, "--depth", 100)
    assert "groups" not in whole
    leaves = [line for line in whole.splitlines() if ":  " in line]
    assert len(leaves) == n_groups
    assert f"{size}    {tree.merges(place)[-1].cosine:.2f}  {segments.labels[place]}" in whole


def test_an_unknown_id_is_answered_with_the_closest_ones(films: Path, capsys: Console) -> None:
    assert main(["segments", str(films), "--tree", "S1"]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    label = open_current(films).model.segments.labels[0]
    assert re.match(rf"error: --tree S1: there is no such segment; there (is|are) s1 \({re.escape(label)}\)", line)


def test_words_of_a_label_lead_to_its_id(tmp_path: Path, capsys: Console) -> None:
    write(tmp_path, by_hand())
    assert main(["segments", str(tmp_path), "--tree", "gloom"]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert "there is s3 (Gloom); `python -m trainer segments" in line
    assert line.endswith("lists all 3")


def test_an_older_artifact_has_a_list_but_no_tree(films: Path, tmp_path: Path, capsys: Console) -> None:
    folder = without_history(tmp_path / "old", open_current(films))
    assert {row["guests"] for row in asked(capsys, folder)["segments"]} == {None}
    assert main(["segments", str(folder), "--tree", "s1"]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert "does not say how its segments merged" in line
    assert "trainer fit" in line


def test_a_tree_of_other_items_is_refused(films: Path, tmp_path: Path, capsys: Console) -> None:
    model = open_current(films).model
    tree = model.segments.tree
    assert isinstance(tree, MergeTree)
    lying = replace(tree, signs=-tree.signs)
    write(tmp_path, replace(model, segments=replace(model.segments, tree=lying)))
    assert main(["segments", str(tmp_path), "--tree", "s1"]) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert "its groups do not have the items that it has" in line


# ------------------------------------------------------------ mistakes


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--tree", "s1", "--depth", "0"], "must lie between 1 and 100"),
        (["--tree", "s1", "--depth", "101"], "must lie between 1 and 100"),
        (["--tree", "s1", "--depth", "deep"], "invalid depth value"),
        (["--tree", "s1", "--report", "{out}"], "not allowed with argument --tree"),
        (["--depth", "2"], "--depth goes with --tree"),
        (["--users", "users.csv"], "--users goes with --report"),
        (["--tree", "s1", "--users", "users.csv"], "--users goes with --report"),
    ],
)
def test_options_that_do_not_go_together_are_said(
    films: Path, tmp_path: Path, capsys: Console, options: list[str], words: str
) -> None:
    assert exit_code("segments", str(films), *(option.format(out=tmp_path / "out") for option in options)) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_missing_artifact_is_one_line_and_leaves_no_folder(tmp_path: Path, capsys: Console) -> None:
    assert main(["segments", str(tmp_path / "nothing"), "--report", str(tmp_path / "report")]) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert "no artifact in" in line
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: Console) -> None:
    films = write(tmp_path / "artifacts", by_hand()).folder.parent
    (tmp_path / "file").write_text("in the way")
    assert main(["segments", str(films), "--report", str(tmp_path / "file"), "--quiet"]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: --report {tmp_path / 'file'}: cannot be written to")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "plots").write_text("in the way")
    assert main(["segments", str(films), "--report", str(tmp_path / "out"), "--quiet"]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert "plots: File exists" in line
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["plots"]


def test_it_needs_no_torch(films: Path, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('torch was imported')")
    done = process("segments", str(films), "--report", str(tmp_path / "report"), PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
