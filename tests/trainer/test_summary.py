"""What a run says of itself."""

from dataclasses import replace
from pathlib import Path

from index import artifact
from index.artifact import open_current
from index.vocabulary import Strings
from tests.worlds import by_hand
from trainer.summary import as_json, described, table


def test_systems_stand_below_each_other_with_four_digits() -> None:
    text = table(
        {
            "popular": {"ndcg@100": 0.1, "recall@20": 0.25, "recall@50": 1.0},
            "a longer name": {"ndcg@100": 0.12346, "recall@20": 0, "recall@50": 0.5},
        }
    )
    lines = text.splitlines()
    assert lines[0].split() == ["ndcg@100", "recall@20", "recall@50"]
    assert lines[1].split() == ["popular", "0.1000", "0.2500", "1.0000"]
    assert lines[2].split() == ["a", "longer", "name", "0.1235", "0.0000", "0.5000"]
    assert len({len(line) for line in lines}) == 1


def test_only_so_many_segments_are_listed_and_the_rest_counted(artifacts: Path) -> None:
    opened = open_current(artifacts)
    lines = described(opened, n_segments=3).splitlines()
    assert lines[-1].strip() == "and 9 more"
    for row, line in enumerate(lines[-4:-1]):
        size, segment_id, label = line.split(maxsplit=2)
        assert int(size) == len(opened.model.segments.members(row))
        assert (segment_id, label) == (opened.model.segments.ids[row], opened.model.segments.labels[row])
    assert "more" not in described(opened).splitlines()[-1]


def test_sizes_are_those_of_the_files(artifacts: Path) -> None:
    opened = open_current(artifacts)
    n_bytes = sum(path.stat().st_size for path in opened.folder.rglob("*") if path.is_file())
    assert f"8 an item; {n_bytes:,} in all" in described(opened)  # 4 codes of 2 bytes


def test_the_json_form_is_the_manifest_and_its_segments(artifacts: Path) -> None:
    opened = open_current(artifacts)
    found = as_json(opened)
    assert found["options"] == opened.manifest.options
    assert found["metrics"] == opened.manifest.metrics
    listed = found["segments"]
    assert isinstance(listed, list)
    assert len(listed) == 12


def test_an_artifact_of_a_joker_is_described_without_harm(tmp_path: Path) -> None:
    model = by_hand()
    labels = ["\x1b[31mred\x1b[0m\n"] * len(model.segments)
    joke = replace(model, segments=replace(model.segments, labels=Strings.pack(labels)))
    written = artifact.write(
        tmp_path,
        joke,
        name="joke",
        options={"dims\x07": "\x1b]0;owned\x07"},
        data={"source": ["\n"], "fingerprint": None},
        metrics={"test": {"a": 5, "b": {"ndcg@100": "much"}}, "test_users": "\r"},
        libraries={},
    )
    text = described(written)
    assert all(character.isprintable() for character in text.replace("\n", ""))
    assert "nan" in text
    assert "red" in text
